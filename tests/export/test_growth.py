"""The block of inference that doubles the size: both forms are what is published, and nothing of the border leaks."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.export.folding import Affine
from progan_tf.export.growth import FORMS, GrowthBlock, phase_kernel, pixel_norm

RNG = np.random.default_rng(0)


def affine(*shape: int, features: int) -> Affine:
    return Affine(RNG.standard_normal(shape).astype(np.float32), RNG.standard_normal(features).astype(np.float32))


def norm(x: np.ndarray) -> np.ndarray:
    x = np.where(x > 0, x, 0.2 * x)
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-8)


def transposed(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Every pixel lays the kernel down at twice its place; one pixel around is cut off."""
    batch, height, width, _ = x.shape
    laid = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(height):
        for j in range(width):
            laid[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += np.einsum("nc,abfc->nabf", x[:, i, j], kernel)
    return laid[:, 1:-1, 1:-1]


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("nhwcab,abcf->nhwf", windows, kernel)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("height", "width", "batch"), [(4, 4, 3), (1, 1, 1), (3, 5, 2)])
def test_a_block_is_its_definition(form, height, width, batch):
    up, conv = affine(4, 4, 6, 7, features=6), affine(3, 3, 6, 6, features=6)
    x = RNG.standard_normal((batch, height, width, 7)).astype(np.float32)
    wanted = norm(convolved(norm(transposed(x, up.kernel) + up.bias), conv.kernel) + conv.bias)
    block = tf.function(GrowthBlock(up, conv, tf.float32, form))
    found = block(tf.constant(x)).numpy()
    assert found.shape == (batch, 2 * height, 2 * width, 6)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_phases_in_bfloat16_stay_near_float32():
    up, conv = affine(4, 4, 32, 32, features=32), affine(3, 3, 32, 32, features=32)
    x = RNG.standard_normal((2, 8, 8, 32)).astype(np.float32)
    exact = GrowthBlock(up, conv, tf.float32, "phases")(tf.constant(x)).numpy()
    for form in FORMS:
        rounded = GrowthBlock(up, conv, tf.bfloat16, form)(tf.cast(x, tf.bfloat16))
        assert rounded.dtype == tf.bfloat16
        assert np.sqrt(np.mean((rounded.numpy().astype(np.float32) - exact) ** 2)) < 0.02  # of a deviation of 1


def test_every_tap_of_a_kernel_is_one_of_a_phase():
    kernel = np.arange(4 * 4 * 2 * 3, dtype=np.float32).reshape(4, 4, 2, 3)
    phases = phase_kernel(kernel)
    assert phases.shape == (2, 2, 3, 8)
    assert sorted(phases.ravel()) == sorted(kernel.ravel())


def test_statistics_of_pixel_norm_are_float32_under_bfloat16():
    """A sum of 512 equal squares would stop at 256 if it were taken in bfloat16."""
    x = tf.ones((1, 2, 2, 512), tf.bfloat16)
    np.testing.assert_array_equal(pixel_norm(x).numpy().astype(np.float32), 1)


def test_bias_and_leaky_relu_are_part_of_the_convolutions():
    """What TensorFlow runs in the form of phases: two convolutions that take both along, and none that does not."""
    from tensorflow.python.eager import context

    up, conv = affine(4, 4, 16, 16, features=16), affine(3, 3, 16, 16, features=16)
    block = tf.function(GrowthBlock(up, conv, tf.float32, "phases"))
    call = block.get_concrete_function(tf.TensorSpec((None, 8, 8, 16)))
    context.enable_run_metadata()
    try:
        call(tf.zeros((1, 8, 8, 16)))
        graphs = context.export_run_metadata().partition_graphs
    finally:
        context.disable_run_metadata()
    nodes = [node for graph in graphs for node in graph.node] + [
        node for graph in graphs for function in graph.library.function for node in function.node_def
    ]
    operations = [node.op for node in nodes]
    assert "LeakyRelu" not in operations and "BiasAdd" not in operations, sorted(set(operations))
    fused = [node for node in nodes if "FusedConv2D" in node.op]
    assert [list(node.attr["fused_ops"].list.s) for node in fused] == [[b"BiasAdd", b"LeakyRelu"]] * 2
