"""Mixed precision learns what float32 learns, and weights, sums and losses stay float32."""

import dataclasses
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import AugmentationConfig, Config, NetworkConfig, TrainingConfig
from progan_tf.training import strategy
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep
from tests import datasets

MIXED = ("mixed_bfloat16", "mixed_float16")
BATCH = 16
UNLABELLED = tf.zeros([BATCH, 0])
ALPHA = tf.constant(0.6)
CONFIG = Config(
    network=NetworkConfig(resolution=32, channels=3, latent_size=16, fmap_base=256, fmap_max=32),
    augmentation=AugmentationConfig(symmetries="mirror"),
    training=TrainingConfig(ema_half_life_kimg=0.5),
)


class Trained(NamedTuple):
    weights: dict[str, np.ndarray]
    figures: dict[str, np.ndarray]  # by step
    samples: np.ndarray


@pytest.fixture(scope="module")
def land() -> np.ndarray:
    return datasets.landscape(256, 32).astype(np.float64)


def make(precision: str, level: int, fading: bool, seed: int = 0) -> tuple[Networks, TrainStep]:
    config = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, precision=precision, seed=seed))
    networks = Networks(config)
    networks.set_learning_rate(0.001)
    table = np.zeros((1, 0), np.float32)
    return networks, TrainStep(
        networks, config, level=level, fading=fading, batch_size=BATCH, replicas=1, label_table=table
    )


def train(land, precision: str, level: int, fading: bool, steps: int, start=None, seed: int = 0) -> Trained:
    networks, step = make(precision, level, fading, seed)
    for name, values in (start or {}).items():
        networks.variables[name].assign(values)
    for scale in (networks.d_loss_scale, networks.g_loss_scale):
        scale.log2.assign(12.0)  # from the start where no gradient overflows: nothing is skipped
    run, told, size = tf.function(step), [], 2**level
    for i in range(steps):
        tiles = land[(np.arange(BATCH) + i * BATCH) % len(land)]
        images = np.rint(tiles.reshape(BATCH, size, 32 // size, size, 32 // size, 3).mean(axis=(2, 4)))
        told.append(run(tf.constant(images.astype(np.uint8)), UNLABELLED, tf.constant(i, tf.int64), ALPHA))
    model = networks.averaged.model_at(level, fading)
    latents = tf.random.stateless_normal((256, 16), seed=(5, 5))
    return Trained(
        {name: variable.numpy() for name, variable in networks.variables.items()},
        {name: np.array([np.mean(getattr(figures, name)) for figures in told]) for name in told[0]._fields},
        model([latents, tf.zeros([256, 0]), ALPHA]).numpy(),
    )


_SLOW = [pytest.param(*phase, marks=pytest.mark.slow) for phase in ((3, True), (3, False), (5, True), (5, False))]


@pytest.mark.parametrize(("level", "fading"), [(2, False), (4, True), *_SLOW])
def test_ten_steps_from_one_checkpoint_are_those_of_float32(land, level, fading):
    start = train(land, "float32", level, fading, 20).weights
    wanted = train(land, "float32", level, fading, 10, start)
    for precision in MIXED:
        got = train(land, precision, level, fading, 10, start)
        assert got.figures["d_skipped"].sum() == got.figures["g_skipped"].sum() == 0
        np.testing.assert_allclose(got.figures["d_loss"], wanted.figures["d_loss"], rtol=0.03)
        np.testing.assert_allclose(got.figures["gradient_norm"], wanted.figures["gradient_norm"], rtol=0.03)
        np.testing.assert_allclose(got.figures["g_loss"], wanted.figures["g_loss"], atol=0.02)
        np.testing.assert_allclose(got.samples, wanted.samples, atol=0.02)
        for network in ("generator", "discriminator"):
            assert direction(start, got.weights, network) @ direction(start, wanted.weights, network) > 0.998


def direction(before: dict[str, np.ndarray], after: dict[str, np.ndarray], network: str) -> np.ndarray:
    """Where all weights of a network moved, as a vector of length 1."""
    moved = np.concatenate([(after[name] - before[name]).ravel() for name in before if name.startswith(network + "/")])
    return moved / np.linalg.norm(moved)


@pytest.mark.slow  # of a minute; ten steps are compared above
def test_three_hundred_steps_lead_to_the_same_losses_and_samples(land):
    """By a tenth, and much nearer than another seed."""
    wanted, other = (train(land, "float32", 3, False, 300, seed=seed) for seed in (0, 1))

    def summary(run: Trained) -> np.ndarray:
        losses = [run.figures[name][-100:].mean() for name in ("d_loss", "g_loss", "gradient_norm")]
        return np.array([*losses, *run.samples.mean(axis=(0, 1, 2)), *run.samples.std(axis=(0, 1, 2))])

    far = np.abs(summary(other) - summary(wanted))
    for precision in MIXED:
        apart = np.abs(summary(train(land, precision, 3, False, 300)) - summary(wanted))
        assert (apart <= 0.1 * np.abs(summary(wanted)) + 0.005).all(), apart
        assert apart.sum() < 0.1 * far.sum()


@pytest.mark.parametrize("precision", MIXED)
def test_what_must_be_float32_is(precision):
    networks, step = make(precision, 3, True)
    assert {variable.dtype for variable in networks.variables.values()} - {tf.int64, tf.int32} == {tf.float32}
    half = precision.removeprefix("mixed_")
    found = {}
    for network, model in ((networks.generator, step.generator), (networks.discriminator, step.discriminator)):
        assert all(output.dtype == "float32" for output in model.outputs)
        found |= {f"{network.name}/{name}": layer.compute_dtype for name, layer in network.layers.items()}
    full = {name for name, dtype in found.items() if dtype == "float32"}
    to_rgb = {f"generator/{2**level}x{2**level}/to_rgb" for level in range(2, 6)}
    assert full == {*to_rgb, "discriminator/4x4/output"}
    assert {found[name] for name in found if name not in full} == {half}
    assert networks.discriminator.minibatch_stddev.compute_dtype == "float32"
    assert {layer.compute_dtype for layer in networks.averaged.layers.values()} == {"float32"}
    convolutions = [layer for layer in step.generator.layers if layer.name.endswith("_conv")]
    assert convolutions and {keras.backend.standardize_dtype(layer.output.dtype) for layer in convolutions} == {half}


def test_float16_looks_for_its_loss_scale_and_then_learns(land):
    """From 2^64 down by one at every overflow, as published; what is left out meanwhile counts as no failure."""
    networks, step = make("mixed_float16", 2, False)
    run = tf.function(step)
    images = tf.constant(land[:BATCH].reshape(BATCH, 4, 8, 4, 8, 3).mean(axis=(2, 4)).astype(np.uint8))
    counter = networks.d_optimizer.iterations
    seen = []
    for i in range(60):
        figures = run(images, UNLABELLED, tf.constant(i, tf.int64), ALPHA)
        seen.append((float(networks.d_loss_scale.log2), int(counter)))
        assert float(figures.d_skipped) == float(figures.g_skipped) == 0
    log2, learnt = seen[-1]
    overflows = 60 - learnt
    assert 30 < overflows < 60 and learnt > 0
    assert log2 == pytest.approx(64 - overflows + 0.0005 * learnt, abs=1e-4)
    first = next(i for i, (_, count) in enumerate(seen) if count)
    assert [count for _, count in seen[:first]] == [0] * first  # nothing was learnt before the factor was found


def test_float16_reports_a_loss_that_is_not_finite(land):
    networks, step = make("mixed_float16", 2, False)
    networks.d_loss_scale.log2.assign(0.0)
    networks.g_loss_scale.log2.assign(0.0)
    networks.discriminator.variables["4x4/output/bias"].assign([np.nan])
    figures = step(tf.zeros([BATCH, 4, 4, 3], tf.uint8), UNLABELLED, tf.constant(0, tf.int64), ALPHA)
    assert float(figures.d_skipped) == float(figures.g_skipped) == 1


@pytest.mark.parametrize(
    ("device", "capabilities", "precision", "xla"),
    [
        ("CPU", [], "float32", "off"),
        ("GPU", [(9, 0)], "mixed_bfloat16", "on"),
        ("GPU", [(8, 0), (7, 5)], "mixed_float16", "on"),
        ("TPU", [], "mixed_bfloat16", "on"),
    ],
)
def test_auto_is_what_suits_the_device(monkeypatch, device, capabilities, precision, xla):
    monkeypatch.setattr(strategy, "kind", lambda devices: device)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities if kind == "GPU" else [])
    details = lambda capability: {"compute_capability": capability}  # noqa: E731
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    auto = dataclasses.replace(CONFIG, training=TrainingConfig(precision="auto", xla="auto"))
    resolved = strategy.resolve(auto, strategy.make("one")).training
    assert (resolved.precision, resolved.xla) == (precision, xla)
    fixed = dataclasses.replace(CONFIG, training=TrainingConfig(precision="mixed_float16", xla="off"))
    assert strategy.resolve(fixed, strategy.make("one")) == fixed


def test_a_strategy_tells_what_it_computes_on():
    assert strategy.kind(strategy.make("one")) == strategy.kind(strategy.make("mirrored")) == "CPU"
