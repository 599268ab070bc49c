"""Scaling by two, blending and the activation, pixel by pixel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from progan_tf.layers.resampling import blend, downscale, leaky_relu, upscale

SHAPES = [(1, 2, 2, 1), (2, 4, 6, 3), (3, 8, 8, 13)]


def integers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-100, 101, shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_upscale_repeats_every_pixel_in_a_block_of_two_by_two(shape):
    x, result = integers(shape), upscale(integers(shape)).numpy()
    assert result.shape == (shape[0], 2 * shape[1], 2 * shape[2], shape[3])
    for row in range(result.shape[1]):
        for column in range(result.shape[2]):
            np.testing.assert_array_equal(result[:, row, column], x[:, row // 2, column // 2])


@pytest.mark.parametrize("shape", SHAPES)
def test_downscale_is_the_mean_of_blocks_of_two_by_two(shape):
    x, result = integers(shape), downscale(integers(shape)).numpy()
    assert result.shape == (shape[0], shape[1] // 2, shape[2] // 2, shape[3])
    for row in range(result.shape[1]):
        for column in range(result.shape[2]):
            block = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_array_equal(result[:, row, column], block.reshape(shape[0], 4, shape[3]).sum(axis=1) / 4)


def test_downscale_undoes_upscale():
    np.testing.assert_array_equal(downscale(upscale(integers((2, 4, 4, 3)))), integers((2, 4, 4, 3)))


@pytest.mark.parametrize("alpha, expected", [(0.0, 8.0), (0.25, 6.0), (0.5, 4.0), (1.0, 0.0)])
def test_blend_weighs_the_new_by_alpha(alpha, expected):
    old, new = np.full((2, 3), 8, np.float32), np.zeros((2, 3), np.float32)
    np.testing.assert_array_equal(blend(old, new, tf.constant(alpha)), np.full((2, 3), expected))


@pytest.mark.parametrize("alpha, expected", [(0.0, 0), (1.0, 1)])
def test_blend_is_one_of_both_at_its_ends(alpha, expected):
    pair = integers((2, 4, 4, 3), 0), integers((2, 4, 4, 3), 1)
    np.testing.assert_array_equal(blend(*pair, alpha), pair[expected])


def test_leaky_relu_has_slope_a_fifth_below_zero():
    x = np.float32([-10, -1, -0.5, 0, 0.5, 3])
    np.testing.assert_allclose(leaky_relu(x), [-2, -0.2, -0.1, 0, 0.5, 3], rtol=1e-6)


@pytest.mark.parametrize("function", [upscale, downscale, leaky_relu])
def test_one_graph_serves_any_size(function):
    graph = tf.function(function, input_signature=[tf.TensorSpec([None, None, None, 3])])
    for shape in ((1, 2, 2, 3), (2, 4, 8, 3)):
        np.testing.assert_array_equal(graph(integers(shape)), function(integers(shape)))


@pytest.mark.parametrize("function, size", [(upscale, 16), (downscale, 4), (leaky_relu, 8)])
def test_shapes_are_known_beforehand(function, size):
    assert function(keras.Input((8, 8, 3))).shape == (None, size, size, 3)
