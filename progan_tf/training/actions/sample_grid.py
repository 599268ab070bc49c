"""A picture a tick of what the averaged generator makes of the same latents."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf import imaging
from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.training import noise
from progan_tf.training.progress import Progress
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.trainer import Action


class SampleGrid(Action):
    """Writes `kimg_<number>.png`, fixed latents at full size, and once `reals.png`. `latest` is the last grid."""

    def __init__(self, folder: Path, config: Config, dataset: Dataset, sampler: Sampler):
        self._folder, self._config, self._dataset, self._sampler = folder, config, dataset, sampler
        self.latest: np.ndarray | None = None

    def start(self, networks: Networks, progress: Progress) -> None:
        self._folder.mkdir(exist_ok=True)
        reals = self._folder / "reals.png"
        if not reals.exists():
            level = self._config.network.final_level
            images, _ = next(pipeline.read(self._dataset, level, self._count, shuffle_mb=64))
            imaging.write_png(reals, self._grid(images))

    def tick(self, networks: Networks, tick: Tick) -> None:
        network, training = self._config.network, self._config.training
        # Labelled: one class a column, so that each column shows one.
        columns = tf.range(self._count) % training.grid_columns
        labels = tf.one_hot(columns % max(1, network.labels), network.labels)
        self.latest = self._grid(self._sampler(networks, tick.phase, latents_of_grid(self._config), labels))
        imaging.write_png(self._folder / f"kimg_{tick.images / 1000:011.3f}.png", self.latest)

    @property
    def _count(self) -> int:
        return cells(self._config)

    def _grid(self, pixels: np.ndarray) -> np.ndarray:
        shown = imaging.to_display(pixels, self._dataset.manifest.display_bands)
        return imaging.grid(shown, self._config.training.grid_columns)


def cells(config: Config) -> int:
    """Number of images in a grid."""
    return config.training.grid_columns * config.training.grid_rows


def latents_of_grid(config: Config) -> tf.Tensor:
    """The latents [cells, Z] of all grids of a run."""
    shape = (cells(config), config.network.latent_size)
    return noise.normal(config.training.seed, "grid", tf.constant(0), shape)
