"""What is held keeps its bits in a step, and all the rest moves."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import Config, NetworkConfig, TrainingConfig
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep

BATCH = 4
CONFIG = Config(network=NetworkConfig(resolution=16, channels=3, latent_size=4, fmap_base=64, fmap_max=4))


def moved(level: int, fading: bool = False, **settings) -> tuple[set[str], set[str]]:
    """Layers of generator and discriminator that a step changes."""
    config = dataclasses.replace(CONFIG, training=TrainingConfig(**settings))
    networks = Networks(config)
    table = np.zeros((1, 0), np.float32)
    step = TrainStep(networks, config, level=level, fading=fading, batch_size=BATCH, replicas=1, label_table=table)
    parts = (networks.generator, networks.discriminator)
    before = [{name: variable.numpy() for name, variable in part.variables.items()} for part in parts]
    images = np.random.default_rng(0).integers(0, 256, (BATCH, 2**level, 2**level, 3), np.uint8)
    metrics = step(tf.constant(images), tf.zeros([BATCH, 0]), tf.constant(0), tf.constant(0.5 if fading else 1.0))
    assert metrics.d_skipped == metrics.g_skipped == 0
    generator, discriminator = (
        {name.rpartition("/")[0] for name, values in was.items() if (part.variables[name].numpy() != values).any()}
        for was, part in zip(before, parts, strict=True)
    )
    return generator, discriminator


OLD_D = {"8x8/conv", "8x8/down", "4x4/conv", "4x4/dense", "4x4/output"}
NEW_D = {"16x16/from_rgb", "16x16/conv", "16x16/down"}
OLD_G = {"4x4/dense", "4x4/conv", "8x8/up", "8x8/conv"}
NEW_G = {"16x16/up", "16x16/conv", "16x16/to_rgb"}


def test_everything_in_use_learns_by_default():
    assert moved(4) == (OLD_G | NEW_G, OLD_D | NEW_D)
    assert moved(4, fading=True) == (OLD_G | NEW_G | {"8x8/to_rgb"}, OLD_D | NEW_D | {"8x8/from_rgb"})


@pytest.mark.parametrize(("levels", "held"), [
    (1, NEW_D),
    (2, NEW_D | {"8x8/conv", "8x8/down"}),
    (9, NEW_D | {"8x8/conv", "8x8/down"}),
])  # fmt: skip
def test_the_grown_discriminator_holds_its_levels_nearest_the_image(levels, held):
    assert moved(4, freeze_levels=levels) == (OLD_G | NEW_G, (OLD_D | NEW_D) - held)


def test_a_growing_discriminator_learns_whole():
    assert moved(4, fading=True, freeze_levels=2)[1] == OLD_D | NEW_D | {"8x8/from_rgb"}
    assert moved(3, freeze_levels=2)[1] == OLD_D | {"8x8/from_rgb"}
