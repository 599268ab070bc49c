"""Gradient accumulation: a batch taken in parts gives what the whole gives, minibatch statistics included."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import AugmentationConfig, Config, NetworkConfig, TrainingConfig
from progan_tf.errors import InputError
from progan_tf.schedule import check
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep
from tests.trajectories import assert_same_way

BATCH, LEVEL = 24, 3
ALPHA = tf.constant(0.4)
CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=2, labels=3, latent_size=4, fmap_base=64, fmap_max=8, stddev_group=4),
    augmentation=AugmentationConfig(symmetries="mirror"),
)
TABLE = np.eye(3, dtype=np.float32)
IMAGES = np.random.default_rng(0).integers(0, 256, (BATCH, 8, 8, 2), np.uint8)
LABELS = TABLE[np.arange(BATCH) % 3]


def make(microbatch: int, group: int = 4) -> tuple[Networks, TrainStep]:
    config = dataclasses.replace(
        CONFIG,
        network=dataclasses.replace(CONFIG.network, stddev_group=group),
        training=dataclasses.replace(CONFIG.training, microbatch={4: 1, 8: microbatch}),
    )
    networks = Networks(config)
    networks.set_learning_rate(0.001)
    return networks, TrainStep(
        networks, config, level=LEVEL, fading=True, batch_size=BATCH, replicas=1, label_table=TABLE
    )


def train(microbatch: int, steps: int, group: int = 4) -> tuple[dict[str, np.ndarray], list]:
    networks, step = make(microbatch, group)
    run = tf.function(step)
    seen = [run(tf.constant(IMAGES), tf.constant(LABELS), tf.constant(i, tf.int64), ALPHA) for i in range(steps)]
    return {name: variable.numpy() for name, variable in networks.variables.items()}, seen


@pytest.mark.parametrize(("microbatch", "group"), [(4, 4), (8, 4), (12, 4), (24, 4), (3, 3), (6, 2)])
def test_gradients_and_figures_are_those_of_the_whole_batch(microbatch, group):
    """First moments after one step with beta1 = 0 are the gradients themselves."""
    whole, told = train(0, 1, group)
    parts, told_in_parts = train(microbatch, 1, group)
    for name, wanted in whole.items():
        if "optimizer/m/" in name:
            np.testing.assert_allclose(parts[name], wanted, atol=1e-5 * max(1, np.abs(wanted).max()), err_msg=name)
    for figure, wanted in told[0]._asdict().items():
        np.testing.assert_allclose(told_in_parts[0]._asdict()[figure], wanted, rtol=1e-4, atol=1e-5, err_msg=figure)


def test_ten_steps_end_with_the_weights_of_the_whole_batch():
    (start, _), (whole, _), (parts, _), (others, _) = train(0, 0), train(0, 10), train(8, 10), train(0, 10, group=2)
    assert_same_way(start, whole, parts)
    with pytest.raises(AssertionError, match="apart"):
        assert_same_way(start, whole, others)


def test_a_group_torn_apart_would_be_noticed():
    """The control of the test above: with groups of another size the gradients are others."""
    (four, _), (two, _) = train(0, 1, 4), train(0, 1, 2)
    name = "d_optimizer/m/4x4/conv/kernel"
    assert np.abs(four[name] - two[name]).max() > 1e-3 * np.abs(four[name]).max()


@pytest.mark.parametrize(
    ("microbatch", "replicas", "fits"),
    [
        *((size, 1, True) for size in (0, 4, 16)),
        (8, 2, True),
        (64, 2, True),
        *((size, 1, False) for size in (2, 6, 12)),
    ],
)
def test_only_whole_groups_make_a_microbatch(microbatch, replicas, fits):
    config = dataclasses.replace(
        CONFIG,
        schedule=dataclasses.replace(CONFIG.schedule, batch_size={4: 32}),
        training=TrainingConfig(microbatch={4: microbatch}),
    )
    if fits:
        check(config, replicas)
    else:
        with pytest.raises(InputError, match=r"training\.microbatch .* multiple of 4 that divides 32"):
            check(config, replicas)
