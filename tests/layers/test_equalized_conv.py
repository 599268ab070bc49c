"""The convolutions with equalized learning rate, against SciPy's convolutions and plain means.

Most kernels and images are small integers and the gain is the root of the fan-in, so that the scale is 1, nothing
is rounded and results must agree to the bit.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from progan_tf.layers.equalized_conv import EqualizedConv2D, EqualizedDownConv2D, EqualizedUpConv2D

ALL = [EqualizedConv2D, EqualizedUpConv2D, EqualizedDownConv2D]
SIZES = [(4, 4), (6, 10)]


def built(layer_class: type, channels: int = 3, **kwargs):
    """A layer of integer weights."""
    layer = layer_class(**kwargs)
    layer.build((None, 8, 8, channels))
    rng = np.random.default_rng(channels)
    for weight in layer.weights:
        weight.assign(rng.integers(-4, 5, weight.shape))
    return layer


def exact(layer_class: type, channels: int = 3, filters: int = 2, kernel_size: int = 3, **kwargs):
    """A layer of integer weights and scale 1."""
    gain = (kernel_size**2 * channels) ** 0.5
    return built(layer_class, channels, filters=filters, kernel_size=kernel_size, gain=gain, **kwargs)


def image(size: tuple[int, int] = (8, 8), channels: int = 3, count: int = 2) -> np.ndarray:
    return np.random.default_rng(size).integers(-4, 5, (count, *size, channels)).astype(np.float32)


def filtered(x: np.ndarray, kernels: np.ndarray, operation) -> np.ndarray:
    """Sum over channels of `operation` on each channel, its borders filled with zeros; kernels [k, k, in, out]."""
    result = np.zeros((*x.shape[:3], kernels.shape[3]))
    for n in range(x.shape[0]):
        for c in range(kernels.shape[2]):
            for f in range(kernels.shape[3]):
                result[n, :, :, f] += operation(x[n, :, :, c], kernels[:, :, c, f], mode="same")
    return result


def correlated(x: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """What neural networks call a convolution."""
    return filtered(x, kernels, signal.correlate2d)


def means_of_blocks(x: np.ndarray) -> np.ndarray:
    return (x[:, 0::2, 0::2] + x[:, 0::2, 1::2] + x[:, 1::2, 0::2] + x[:, 1::2, 1::2]) / 4


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_plain_is_a_correlation_with_zeros_outside(size, kernel_size):
    layer = exact(EqualizedConv2D, kernel_size=kernel_size)
    expected = correlated(image(size), layer.kernel.numpy()) + layer.bias.numpy()
    np.testing.assert_array_equal(layer(image(size)), expected)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_up_is_nearest_upscaling_and_a_convolution_with_the_flipped_kernel(size, kernel_size):
    layer = exact(EqualizedUpConv2D, kernel_size=kernel_size)
    upscaled = np.kron(image(size), np.ones((1, 2, 2, 1)))
    kernels = layer.kernel.numpy().transpose(0, 1, 3, 2)  # stored [k, k, out, in]
    expected = correlated(upscaled, kernels[::-1, ::-1]) + layer.bias.numpy()
    np.testing.assert_array_equal(layer(image(size)), expected)
    np.testing.assert_array_equal(filtered(upscaled, kernels, signal.convolve2d) + layer.bias.numpy(), expected)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layer_class", ALL)
def test_mirror_padding_goes_on_with_the_mirror_image(layer_class, size, kernel_size):
    """An image that goes on far enough that the zeros beyond it do not reach what is compared."""
    by = 4
    zeros = exact(layer_class, kernel_size=kernel_size)
    mirror = exact(layer_class, kernel_size=kernel_size, padding="mirror")
    far = zeros(np.pad(image(size), [(0, 0), (by, by), (by, by), (0, 0)], mode="symmetric")).numpy()
    by = {EqualizedConv2D: by, EqualizedUpConv2D: 2 * by, EqualizedDownConv2D: by // 2}[layer_class]
    np.testing.assert_array_equal(mirror(image(size)), far[:, by:-by, by:-by])


def test_a_padding_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'reflect'; must be zeros or mirror"):
        EqualizedConv2D(2, padding="reflect")


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_down_is_a_correlation_and_then_the_mean_of_blocks(size, kernel_size):
    layer = exact(EqualizedDownConv2D, kernel_size=kernel_size)
    expected = means_of_blocks(correlated(image(size), layer.kernel.numpy())) + layer.bias.numpy()
    np.testing.assert_array_equal(layer(image(size)), expected)


def test_down_is_the_plain_convolution_and_then_the_mean_of_blocks():
    plain, down = exact(EqualizedConv2D), exact(EqualizedDownConv2D)
    np.testing.assert_array_equal(down(image()), means_of_blocks(plain(image()).numpy()))


@pytest.mark.parametrize("layer_class", ALL)
@pytest.mark.parametrize("kernel_size, channels", [(1, 5), (3, 1), (3, 13)])
@pytest.mark.parametrize("gain", [1.0, None], ids=["gain 1", "default gain"])
def test_kernel_is_scaled_by_gain_over_root_of_fan_in(layer_class, kernel_size, channels, gain):
    unscaled = exact(layer_class, channels, kernel_size=kernel_size, use_bias=False)
    options = {} if gain is None else {"gain": gain}
    layer = built(layer_class, channels, filters=2, kernel_size=kernel_size, use_bias=False, **options)
    scale = (gain or 2**0.5) / (kernel_size * kernel_size * channels) ** 0.5
    x = image(channels=channels)
    np.testing.assert_allclose(layer(x), unscaled(x).numpy() * scale, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer_class", ALL)
def test_bias_is_one_number_a_filter_starts_at_zero_and_is_not_scaled(layer_class):
    layer = layer_class(filters=3, gain=0.0)
    layer.build((None, 8, 8, 2))
    np.testing.assert_array_equal(layer.bias, [0, 0, 0])
    layer.bias.assign([1, 2, 3])
    result = layer(image(channels=2)).numpy()
    np.testing.assert_array_equal(result, np.broadcast_to([1, 2, 3], result.shape))


@pytest.mark.parametrize("layer_class", ALL)
def test_without_bias_the_kernel_is_the_only_weight(layer_class):
    assert [weight.name for weight in built(layer_class, filters=2, use_bias=False).weights] == ["kernel"]


@pytest.mark.parametrize(
    "layer_class, shape",
    [(EqualizedConv2D, (3, 3, 5, 2)), (EqualizedUpConv2D, (3, 3, 2, 5)), (EqualizedDownConv2D, (3, 3, 5, 2))],
)
def test_kernels_are_stored_as_the_published_ones(layer_class, shape):
    assert built(layer_class, channels=5, filters=2).kernel.shape == shape


@pytest.mark.parametrize("layer_class", ALL)
def test_initial_kernel_is_standard_normal(layer_class):
    layer = layer_class(filters=100)
    layer.build((None, 8, 8, 100))
    values = layer.kernel.numpy().ravel()
    assert abs(values.mean()) < 4 / len(values) ** 0.5
    assert abs(values.std() - 1) < 4 / (2 * len(values)) ** 0.5
    assert np.abs(values).max() > 3.5


@pytest.mark.parametrize("layer_class", ALL)
def test_initial_kernel_depends_on_the_seed_alone(layer_class):
    kernels = []
    for seed in (1, 1, 2):
        layer = layer_class(filters=5, seed=seed)
        layer.build((None, 8, 8, 5))
        kernels.append(layer.kernel.numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.any(kernels[0] == kernels[2])


@pytest.mark.parametrize("layer_class", ALL)
def test_config_makes_the_same_layer_again(layer_class):
    layer = layer_class(filters=4, kernel_size=1, gain=0.5, use_bias=False, seed=9, name="conv")
    again = layer_class.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(image()), layer(image()))


@pytest.mark.parametrize("layer_class", ALL)
def test_output_shape_is_told_beforehand(layer_class):
    layer = built(layer_class, filters=2)
    for size in SIZES:
        assert layer.compute_output_shape((2, *size, 3)) == layer(image(size)).shape
        symbolic = layer(keras.Input((*size, 3)))
        assert symbolic.shape == (None, *layer(image(size)).shape[1:])


@pytest.mark.parametrize("layer_class", ALL)
def test_computes_the_same_in_a_graph_of_any_batch_and_size(layer_class):
    layer = exact(layer_class)
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 3])])
    for size, count in zip(SIZES, (1, 3), strict=True):
        np.testing.assert_array_equal(graph(image(size, count=count)), layer(image(size, count=count)))


@pytest.mark.parametrize("layer_class", ALL)
def test_gradients_are_those_of_the_two_operations_it_fuses(layer_class):
    layer = exact(layer_class, use_bias=False)
    x = tf.constant(image())
    kernel = tf.Variable(layer.kernel.numpy())
    with tf.GradientTape() as fused_tape:
        fused = tf.reduce_sum(layer(x) ** 2)
    with tf.GradientTape() as tape:
        if layer_class is EqualizedUpConv2D:
            upscaled = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
            y = tf.nn.conv2d(upscaled, tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2]), 1, "SAME")
        else:
            y = tf.nn.conv2d(x, kernel, 1, "SAME")
        if layer_class is EqualizedDownConv2D:
            y = tf.nn.avg_pool2d(y, 2, 2, "VALID")
        apart = tf.reduce_sum(y**2)
    gradients = [fused_tape.gradient(fused, layer.kernel.value), tape.gradient(apart, kernel)]
    np.testing.assert_allclose(*gradients, rtol=1e-6)
