"""Out of memory: the message says what to set, and the run then goes on to where it would have come anyway."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import Config, NetworkConfig, ScheduleConfig, TrainingConfig, override
from progan_tf.data import pipeline
from progan_tf.errors import Failed
from progan_tf.schedule import Phase
from progan_tf.training import out_of_memory, strategy, trainer
from progan_tf.training.loop import CompiledLoop
from progan_tf.training.state import Networks
from tests import datasets, runs

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=3, latent_size=4, fmap_base=64, fmap_max=4),
    schedule=ScheduleConfig(stable_kimg={4: 0.064}, fade_kimg={4: 0}, total_kimg=0.192, batch_size={4: 16, 8: 8}),
    training=TrainingConfig(tick_kimg={4: 0.032}, shuffle_mb=1),
)


def weights(run: Path) -> dict[str, np.ndarray]:
    """Weights and averages of a run's newest checkpoint."""
    networks = Networks(CONFIG)
    runs.restore(run / "checkpoints", networks)
    return {name: value.numpy() for name, value in networks.variables.items() if "optimizer" not in name}


def set_by(message: str) -> list[str]:
    """The settings that a message tells to give."""
    return re.findall(r"--set='([^']*)'", message)


@pytest.mark.parametrize(
    ("batch", "replicas", "microbatch", "setting"),
    [
        (32, 1, {4: 0}, 'training.microbatch={"4": 0, "64": 16}'),
        (32, 2, {4: 0}, 'training.microbatch={"4": 0, "64": 8}'),
        (32, 1, {4: 0, 32: 16}, 'training.microbatch={"4": 0, "32": 16, "64": 8}'),
        (24, 1, {4: 0}, 'training.microbatch={"4": 0, "64": 12}'),
        (20, 1, {4: 0}, 'training.microbatch={"4": 0, "64": 4}'),  # 8 would not divide it
    ],
)
def test_the_message_names_level_batch_and_a_setting_that_is_half_or_less(batch, replicas, microbatch, setting):
    config = Config(network=NetworkConfig(64, 3), training=TrainingConfig(microbatch=microbatch))
    message = str(out_of_memory.explain(config, Phase(6, 0.5, batch, 0.001), replicas))
    assert f"64 x 64 (level 6), {batch} images a step" in message
    assert set_by(message) == [setting]


def test_the_message_tells_where_nothing_can_be_split_further():
    config = Config(network=NetworkConfig(64, 3), training=TrainingConfig(microbatch={4: 4}))
    message = str(out_of_memory.explain(config, Phase(6, 1.0, 32, 0.001), 1))
    assert not set_by(message)
    assert "more memory" in message and "network.stddev_group = 4" in message and "mixed_bfloat16" in message


def test_a_run_out_of_memory_goes_on_with_the_setting_it_was_told(tmp_path, monkeypatch):
    images = datasets.landscape(16, 8)
    dataset = pipeline.open_dataset(str(datasets.write(tmp_path / "data", images)))
    trainer.train(CONFIG, dataset, tmp_path / "whole", strategy.make("one"), [])

    run = CompiledLoop.__call__

    def short_of_memory(loop: CompiledLoop, phases: list[Phase], first_step: int) -> dict[str, list[float]]:
        """Stands for a device on which eight images of 8 x 8 do not fit at once."""
        if phases[0].level == 3 and loop._step.discriminator.inputs[0].shape[0] > 4:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return run(loop, phases, first_step)

    monkeypatch.setattr(CompiledLoop, "__call__", short_of_memory)
    with pytest.raises(Failed, match=r"8 x 8 \(level 3\), 8 images a step") as failed:
        trainer.train(CONFIG, dataset, tmp_path / "short", strategy.make("one"), [])
    (setting,) = set_by(str(failed.value))
    config = override(CONFIG, [setting])
    assert config == dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, microbatch={4: 0, 8: 4}))
    progress = trainer.train(config, dataset, tmp_path / "short", strategy.make("one"), [])
    assert progress.images == 192

    whole, short = weights(tmp_path / "whole"), weights(tmp_path / "short")
    for name, values in whole.items():
        np.testing.assert_allclose(short[name], values, rtol=1e-3, atol=1e-4, err_msg=name)
