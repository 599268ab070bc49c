"""The generator for inference: nothing but TensorFlow's own operations on folded weights."""

import numpy as np
import tensorflow as tf

from progan_tf.export.folding import Affine, FoldedGenerator

PRECISIONS = ("float32", "bfloat16")


class InferenceGenerator(tf.Module):
    """Normalised inputs [N, Z + L] float32 to images [N, H, W, C] float32, about in [-1, 1].

    Args:
        precision: of weights and hidden layers. Statistics of pixel norm, toRGB and the fade are float32 always.
    """

    def __init__(self, folded: FoldedGenerator, precision: str = "float32"):
        super().__init__(name="generator")
        self._dtype = tf.as_dtype(precision)
        self._blocks = [[_variables(layer, self._dtype) for layer in block] for block in folded.blocks]
        self._to_rgb = _variables(folded.to_rgb, tf.float32)
        self._old_to_rgb = _variables(folded.old_to_rgb, tf.float32) if folded.old_to_rgb else None
        self._alpha = folded.alpha

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        x = tf.cast(inputs, self._dtype)
        (dense, conv), *growth = self._blocks
        x = _activate(_dense(x, *dense))
        x = _activate(_conv(x, *conv))
        before = x
        for up, conv in growth:
            before = x
            x = _activate(_up(x, *up))
            x = _activate(_conv(x, *conv))
        images = _conv(tf.cast(x, tf.float32), *self._to_rgb)
        if self._old_to_rgb is None:
            return images
        old = _upscale(_conv(tf.cast(before, tf.float32), *self._old_to_rgb))
        return old + (images - old) * self._alpha


def pixel_norm(x: tf.Tensor) -> tf.Tensor:
    """x [..., C] divided by the root mean square over C, taken in float32."""
    square = tf.square(tf.cast(x, tf.float32))
    return x * tf.cast(tf.math.rsqrt(tf.reduce_mean(square, axis=-1, keepdims=True) + 1e-8), x.dtype)


def to_pixels(images: tf.Tensor, dtype: str) -> tf.Tensor:
    """Network values to integers of the dataset's dtype; the same numbers as `imaging.to_pixels`."""
    top = np.iinfo(dtype).max
    scaled = tf.round((tf.cast(images, tf.float64) + 1) * (top / 2))  # half to even
    return tf.cast(tf.clip_by_value(scaled, 0, top), dtype)


def to_display(pixels: tf.Tensor, display_bands: list[int]) -> tf.Tensor:
    """Integer images [..., C] to the bands shown, uint8 [..., 1 or 3]; the same as `imaging.to_display`."""
    shown = tf.gather(pixels, display_bands, axis=-1)
    return (
        shown if shown.dtype == tf.uint8 else tf.cast(tf.bitwise.right_shift(shown, tf.cast(8, shown.dtype)), "uint8")
    )


def _variables(layer: Affine, dtype: tf.DType) -> tuple[tf.Variable, tf.Variable]:
    # Variables, not constants: a graph may not exceed 2 GB, and each signature would hold a copy of its own.
    return tuple(tf.Variable(tf.cast(array, dtype), trainable=False) for array in (layer.kernel, layer.bias))


def _activate(x: tf.Tensor) -> tf.Tensor:
    return pixel_norm(tf.nn.leaky_relu(x, 0.2))


def _dense(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return tf.reshape(tf.matmul(x, kernel), (-1, 4, 4, bias.shape[0])) + bias


def _conv(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return tf.nn.conv2d(x, kernel, 1, "SAME") + bias


def _up(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    _, height, width, _ = x.shape
    shape = (tf.shape(x)[0], 2 * height, 2 * width, bias.shape[0])
    return tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME") + bias


def _upscale(x: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
