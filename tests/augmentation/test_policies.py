"""DiffAugment and ADA's pipeline against slow definitions, and what both promise to training."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation import ada
from progan_tf.augmentation.policies import POLICIES
from progan_tf.config import AugmentationConfig
from progan_tf.errors import InputError
from tests.augmentation import by_hand

COUNT = 24
SHAPES = [(4, 3), (8, 1), (16, 3), (16, 2), (16, 4), (32, 13)]
HALF, NEVER = tf.constant(0.5), tf.constant(0.0)
CHANGING = ["diffaugment", "ada"]


def inputs(name: str, size: int, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    images = by_hand.images(COUNT, size, channels)
    return tf.constant(images), tf.constant(by_hand.draws(COUNT, POLICIES[name].draws))


def test_configuration_and_registry_know_the_same_policies():
    for name in POLICIES:
        assert AugmentationConfig(policy=name).policy == name
    with pytest.raises(InputError, match=" or ".join(POLICIES)):
        AugmentationConfig(policy="other")


@pytest.mark.parametrize(("size", "channels"), SHAPES)
def test_diffaugment_is_its_definition(size, channels):
    images, draws = inputs("diffaugment", size, channels)
    actual = POLICIES["diffaugment"].apply(images, draws, NEVER)
    expected = [by_hand.diffaugment(*pair) for pair in zip(images.numpy(), draws.numpy(), strict=True)]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize(("size", "channels"), SHAPES)
@pytest.mark.parametrize("p", [0.15, 0.5, 1.0])
def test_ada_is_its_definition(size, channels, p):
    images, draws = inputs("ada", size, channels)
    actual = ada.augment(images, draws, tf.constant(p))
    expected = [by_hand.ada(*pair, p) for pair in zip(images.numpy(), draws.numpy(), strict=True)]
    np.testing.assert_allclose(actual, expected, atol=2e-4)


@pytest.mark.parametrize(("channels", "jit_compile"), [(1, False), (3, False), (4, False), (3, True)])
def test_ada_at_probability_zero_changes_not_a_bit(channels, jit_compile):
    images, draws = inputs("ada", 8, channels)
    draws = tf.concat([draws, tf.zeros([1, POLICIES["ada"].draws])], axis=0)  # 0 is the least number there is
    images = tf.concat([images, images[:1]], axis=0)
    augment = tf.function(ada.augment, jit_compile=jit_compile)
    np.testing.assert_array_equal(augment(images, draws, NEVER), images)


def test_no_augmentation_hands_the_images_on():
    images, draws = inputs("none", 8, 3)
    assert draws.shape == (COUNT, 0)
    assert POLICIES["none"].apply(images, draws, HALF) is images


@pytest.mark.parametrize("name", CHANGING)
def test_the_extremes_of_random_numbers_give_finite_images(name):
    images, draws = inputs(name, 8, 3)
    for number in (0.0, 1 - 2**-23):
        changed = POLICIES[name].apply(images, tf.fill(draws.shape, np.float32(number)), tf.constant(1.0))
        assert np.isfinite(changed).all()


@pytest.mark.parametrize("name", CHANGING)
def test_every_image_goes_by_its_own_numbers_alone(name):
    images, draws = inputs(name, 8, 3)
    together = POLICIES[name].apply(images, draws, HALF)
    for at in range(0, COUNT, 5):
        alone = POLICIES[name].apply(images[at : at + 1], draws[at : at + 1], HALF)
        np.testing.assert_allclose(alone[0], together[at], atol=1e-5)


@pytest.mark.parametrize("name", CHANGING)
def test_the_generator_learns_through_it(name):
    """The gradient of a weighted sum of what comes out, against its differences, pixel by pixel."""
    images, draws = (values[:4] for values in inputs(name, 4, 3))
    weights = tf.constant(by_hand.images(4, 4, 3, seed=9))

    def weighed(pixels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(POLICIES[name].apply(pixels, draws, HALF) * weights)

    with tf.GradientTape() as tape:
        tape.watch(images)
        value = weighed(images)
    gradient = tape.gradient(value, images).numpy()
    assert (np.abs(gradient).max(axis=(1, 2, 3)) > 0.05).all()
    graph, steps = tf.function(weighed), 0.25 * np.eye(gradient.size, dtype=np.float32).reshape(-1, *images.shape)
    slopes = [(graph(images + step) - graph(images - step)) / 0.5 for step in steps]  # linear, so the step may be large
    np.testing.assert_allclose(gradient.ravel(), slopes, atol=1e-3)


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("size", [16])
def test_compiled_by_xla_it_is_the_same(name, size):
    images, draws = inputs(name, size, 3)

    def changed(pixels: tf.Tensor, p: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            result = POLICIES[name].apply(pixels, draws, p)
            loss = tf.reduce_sum(result**2)
        return result, tape.gradient(loss, pixels)

    plain, compiled = (tf.function(changed, jit_compile=jit)(images, HALF) for jit in (False, True))
    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
