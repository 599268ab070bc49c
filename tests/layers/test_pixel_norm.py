"""Pixel norm: every pixel's feature vector, divided by its root mean square."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from progan_tf.layers.pixel_norm import PixelNorm


def features(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(0, 3, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(5, 7), (2, 4, 3, 8), (2, 3, 3, 1)])
def test_divides_by_the_root_mean_square_of_the_last_axis(shape):
    x = features(*shape)
    expected = np.empty(shape)
    for index in np.ndindex(*shape[:-1]):
        vector = x[index].astype(np.float64)
        expected[index] = vector / (sum(v * v for v in vector) / len(vector) + 1e-8) ** 0.5
    np.testing.assert_allclose(PixelNorm()(x), expected, rtol=1e-6)


def test_every_pixel_then_has_a_mean_square_of_one():
    np.testing.assert_allclose((PixelNorm()(features(2, 4, 4, 6)).numpy() ** 2).mean(axis=-1), 1, rtol=1e-6)


def test_scale_of_a_pixel_does_not_matter():
    x = features(2, 4, 4, 6)
    np.testing.assert_allclose(PixelNorm()(x * 1024), PixelNorm()(x), rtol=1e-6)


def test_zeros_stay_zeros_and_epsilon_damps_what_is_small():
    assert np.all(PixelNorm()(np.zeros((1, 2, 2, 4), np.float32)) == 0)
    np.testing.assert_allclose(PixelNorm(epsilon=3.0)(np.ones((1, 2), np.float32)), [[0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(PixelNorm()(np.full((1, 2), 1e-4, np.float32)), 0.5**0.5, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_kept_and_does_not_overflow(dtype):
    x = tf.constant([[1024.0, -1024.0], [2.0, 0.0]], dtype)  # 1024 squared is no float16
    result = PixelNorm(dtype=dtype)(x)
    assert result.dtype == dtype
    np.testing.assert_allclose(tf.cast(result, tf.float32), [[1, -1], [2**0.5, 0]], rtol=0.01)


def test_config_makes_the_same_layer_again():
    layer = PixelNorm(epsilon=0.25, name="norm")
    again = PixelNorm.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(features(2, 3)), layer(features(2, 3)))


def test_output_shape_is_that_of_the_input():
    for shape in ((3, 5), (2, 4, 4, 6)):
        assert PixelNorm().compute_output_shape(shape) == PixelNorm()(features(*shape)).shape == shape
    assert PixelNorm()(keras.Input((4, 4, 6))).shape == (None, 4, 4, 6)


def test_computes_the_same_in_a_graph_of_any_size():
    graph = tf.function(PixelNorm(), input_signature=[tf.TensorSpec([None, None, None, 6])])
    for shape in ((2, 4, 4, 6), (1, 2, 8, 6)):
        np.testing.assert_allclose(graph(features(*shape)), PixelNorm()(features(*shape)), rtol=1e-6)


def test_has_no_weights():
    layer = PixelNorm()
    layer(features(2, 3))
    assert layer.weights == []
