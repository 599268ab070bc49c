"""Run folders of tests: small ones with random weights and no training, and what is in any of them."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from progan_tf.config import Config, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.data.bands import band_names, display_bands
from progan_tf.networks.generator import Generator
from progan_tf.training import checkpoints, run_directory
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.workers import Workers


def write(
    folder: Path, *, images: int, resolution: int = 16, channels: int = 3, labels: int = 0, dtype: str = "uint8"
) -> Generator:
    """Writes a run that stands at `images` and returns its averaged generator; every stretch has 1,000 images."""
    config = Config(
        network=NetworkConfig(resolution, channels, labels, latent_size=16, fmap_base=64, fmap_max=16),
        schedule=ScheduleConfig(stable_kimg={4: 1}, fade_kimg={4: 1}, total_kimg=10),
        training=TrainingConfig(use_labels=labels > 0),
    )
    data = {
        "name": "small",
        "split": "train",
        "images": 123,
        "resolution": resolution,
        "channels": channels,
        "dtype": dtype,
        "bands": list(band_names(channels)),
        "display_bands": list(display_bands(band_names(channels))),
        "labels": [f"class {label}" for label in range(labels)],
        "scaling": None,
    }
    run_directory.open_run(folder, config, data)
    networks = Networks(config)
    rng = np.random.default_rng(0)
    for name, variable in networks.averaged.variables.items():
        if name.endswith("bias"):  # zero in a new network
            variable.assign(0.1 * rng.standard_normal(variable.shape))
    checkpoints.save(folder / "checkpoints", networks, Progress(images=images), keep=2)
    return networks.averaged


def weights(run_dir: Path) -> dict[str, bytes]:
    """The bits of everything in a run's newest checkpoint, by name."""
    reader = tf.train.load_checkpoint(str(checkpoints.newest_whole(run_dir / "checkpoints") / "weights"))
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in reader.get_variable_to_shape_map()}


def timeless(run_dir: Path) -> list[dict[str, Any]]:
    """A run's metrics without what differs from one time to the next: durations, speed, memory."""
    lines = run_directory.read_metrics(run_dir)
    return [{key: line[key] for key in line if "second" not in key and "memory" not in key} for line in lines]


def restore(folder: Path, networks: Networks) -> Progress | None:
    """The newest whole checkpoint of a folder of them, to the one process there is."""
    return checkpoints.restore(folder, networks, Workers(tf.distribute.get_strategy()))
