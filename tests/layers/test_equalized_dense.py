"""The dense layer with equalized learning rate, against sums written out."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from progan_tf.layers.equalized_dense import EqualizedDense


def built(inputs: int, **kwargs) -> EqualizedDense:
    """A layer whose weights are small integers; with `gain` = sqrt(inputs) it then computes without rounding."""
    layer = EqualizedDense(**kwargs)
    layer.build((None, inputs))
    rng = np.random.default_rng(inputs)
    for weight in layer.weights:
        weight.assign(rng.integers(-8, 9, weight.shape))
    return layer


def integers(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-8, 9, shape).astype(np.float32)


def defined(layer: EqualizedDense, x: np.ndarray, scale: float) -> np.ndarray:
    """Every output feature as the sum over all inputs, one at a time."""
    kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
    flat = np.zeros((len(x), kernel.shape[1]))
    for n in range(len(x)):
        for unit in range(kernel.shape[1]):
            flat[n, unit] = sum(float(x[n, i]) * float(kernel[i, unit]) for i in range(kernel.shape[0])) * scale
    return flat.reshape(len(x), *layer.output_features) + bias


@pytest.mark.parametrize("output_shape", [(5,), (1,), (4, 4, 3)])
def test_is_the_scaled_matrix_product_plus_the_bias(output_shape):
    layer = built(7, output_shape=output_shape, gain=math.sqrt(7))
    np.testing.assert_array_equal(layer(integers(3, 7)), defined(layer, integers(3, 7), scale=1))


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2), math.sqrt(2) / 4])
@pytest.mark.parametrize("inputs", [1, 16, 50])
def test_kernel_is_scaled_by_gain_over_root_of_inputs(gain, inputs):
    layer = built(inputs, output_shape=(6,), gain=gain)
    expected = defined(layer, integers(2, inputs), scale=gain / inputs**0.5)
    np.testing.assert_allclose(layer(integers(2, inputs)), expected, rtol=1e-5, atol=1e-5)


def test_default_gain_is_root_of_two():
    layer = built(2, output_shape=(3,))
    np.testing.assert_allclose(layer(integers(4, 2)), defined(layer, integers(4, 2), scale=1), rtol=1e-6)


def test_bias_is_one_number_a_feature_starts_at_zero_and_is_not_scaled():
    layer = EqualizedDense((4, 4, 3), gain=0.0)
    layer.build((None, 5))
    np.testing.assert_array_equal(layer.bias, [0, 0, 0])
    layer.bias.assign([1, 2, 3])
    np.testing.assert_array_equal(layer(integers(2, 5)), np.broadcast_to([1, 2, 3], (2, 4, 4, 3)))


def test_without_bias_the_kernel_is_the_only_weight():
    layer = built(4, output_shape=(2,), use_bias=False, gain=2.0)
    assert [weight.name for weight in layer.weights] == ["kernel"]
    np.testing.assert_array_equal(layer(integers(3, 4)), integers(3, 4) @ layer.kernel.numpy())


def test_initial_kernel_is_standard_normal():
    layer = EqualizedDense((200,))
    layer.build((None, 500))
    values = layer.kernel.numpy().ravel()
    assert abs(values.mean()) < 4 / len(values) ** 0.5
    assert abs(values.std() - 1) < 4 / (2 * len(values)) ** 0.5
    assert abs((values**4).mean() - 3) < 0.15  # neither uniform nor truncated
    assert np.abs(values).max() > 3.5


def test_initial_kernel_depends_on_the_seed_alone():
    kernels = []
    for seed in (1, 1, 2):
        layer = EqualizedDense((20,), seed=seed)
        layer.build((None, 30))
        kernels.append(layer.kernel.numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.any(kernels[0] == kernels[2])


def test_config_makes_the_same_layer_again():
    layer = EqualizedDense((4, 4, 3), gain=0.5, use_bias=False, seed=9, name="first", dtype="mixed_bfloat16")
    again = EqualizedDense.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for each in (layer, again):
        each.build((None, 6))
    np.testing.assert_array_equal(again(integers(2, 6)), layer(integers(2, 6)))


@pytest.mark.parametrize("output_shape", [(5,), (4, 4, 3)])
def test_output_shape_is_told_beforehand(output_shape):
    layer = built(7, output_shape=output_shape)
    assert layer.compute_output_shape((3, 7)) == layer(integers(3, 7)).shape
    assert layer.compute_output_shape((None, 7)) == (None, *output_shape)
    assert layer(keras.Input((7,))).shape == (None, *output_shape)


def test_computes_the_same_in_a_graph_of_any_batch():
    layer = built(7, output_shape=(4, 4, 3))
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, 7])])
    for batch in (1, 3):
        np.testing.assert_allclose(graph(integers(batch, 7)), layer(integers(batch, 7)), rtol=1e-6, atol=1e-6)


def test_computes_in_bfloat16_with_weights_in_float32():
    layer = built(4, output_shape=(2,), gain=2.0, dtype="mixed_bfloat16")
    assert layer(integers(3, 4)).dtype == tf.bfloat16
    assert {str(weight.dtype) for weight in layer.weights} == {"float32"}
