"""Every phase's step as XLA sees it, which is how a TPU runs it: fixed shapes, nothing left to the host."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import AugmentationConfig, Config, LossConfig, NetworkConfig
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep
from tests.trajectories import assert_same_way

CONFIG = Config(
    network=NetworkConfig(resolution=32, channels=4, labels=2, latent_size=8, fmap_base=64, fmap_max=8),
)
TABLE = np.eye(2, dtype=np.float32)
BATCH = 8
HOST = ("infeed", "outfeed", " send(", " recv(", "custom-call")
DYNAMIC = ("<=", "dynamic-reshape", "set-dimension-size")


AUGMENTED = {
    "ada": {"name": "logistic_r1"},
    "diffaugment": {"name": "relativistic_r1_r2", "conditioning": "projection"},
}


def make(level: int, fading: bool, policy: str = "none", **settings) -> tuple[Networks, TrainStep]:
    config = dataclasses.replace(
        CONFIG,
        loss=LossConfig(**AUGMENTED.get(policy, {})),
        augmentation=AugmentationConfig("mirror", policy),
        training=dataclasses.replace(CONFIG.training, **settings),
    )
    networks = Networks(config)
    networks.set_learning_rate(0.001)
    return networks, TrainStep(
        networks, config, level=level, fading=fading, batch_size=BATCH, replicas=1, label_table=TABLE
    )


def inputs(level: int, step: int = 0) -> tuple[tf.Tensor, ...]:
    images = np.random.default_rng(step).integers(0, 256, (BATCH, 2**level, 2**level, 4), np.uint8)
    return tf.constant(images), tf.constant(TABLE[np.arange(BATCH) % 2]), tf.constant(step, tf.int64), tf.constant(0.7)


@pytest.mark.parametrize(
    ("level", "fading", "settings"),
    [
        (2, False, {}),
        (3, True, {"microbatch": {4: 4}}),
        (3, False, {"precision": "mixed_bfloat16"}),
        (2, False, {"policy": "ada"}),
        pytest.param(3, True, {"policy": "ada", "microbatch": {4: 4}}, marks=pytest.mark.slow),
        pytest.param(3, True, {"policy": "diffaugment", "precision": "mixed_bfloat16"}, marks=pytest.mark.slow),
        pytest.param(4, True, {"precision": "mixed_float16"}, marks=pytest.mark.slow),
        pytest.param(4, False, {"microbatch": {4: 4}}, marks=pytest.mark.slow),
        pytest.param(5, True, {"precision": "mixed_bfloat16", "microbatch": {4: 4}}, marks=pytest.mark.slow),
        pytest.param(5, False, {}, marks=pytest.mark.slow),
    ],
)
def test_a_whole_step_compiles_with_fixed_shapes_and_without_the_host(level, fading, settings):
    """Input, random numbers, augmentation, both networks, both optimisers and the averages."""
    _, step = make(level, fading, **settings)
    whole = tf.function(step, jit_compile=True)
    program = whole.experimental_get_compiler_ir(*inputs(level))(stage="hlo")
    assert "convolution(" in program
    assert [word for word in (*HOST, *DYNAMIC) if word in program] == []


def test_compiled_networks_learn_what_plain_ones_learn():
    results = []
    for xla in ("off", "on"):
        networks, step = make(3, True, xla=xla)
        start = {name: v.numpy() for name, v in networks.variables.items()}
        run = tf.function(step)
        for i in range(10):
            figures = run(*inputs(3, i))
        results.append(({name: v.numpy() for name, v in networks.variables.items()}, figures))
    (plain, seen), (compiled, seen_compiled) = results
    assert_same_way(start, plain, compiled)
    for figure, wanted in seen._asdict().items():
        np.testing.assert_allclose(seen_compiled._asdict()[figure], wanted, rtol=1e-3, atol=1e-4, err_msg=figure)
