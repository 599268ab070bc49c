"""The generator for inference: nothing but TensorFlow's own operations on folded weights."""

import numpy as np
import tensorflow as tf

from progan_tf.export.folding import FoldedGenerator
from progan_tf.export.growth import GrowthBlock, conv_and_norm, form_at, pixel_norm, variables

PRECISIONS = ("float32", "bfloat16")


class InferenceGenerator(tf.Module):
    """Normalised inputs [N, Z + L] float32 to images [N, H, W, C] float32, about in [-1, 1].

    Args:
        precision: of weights and hidden layers. Statistics of pixel norm, toRGB and the fade are float32 always.
    """

    def __init__(self, folded: FoldedGenerator, precision: str = "float32"):
        super().__init__(name="generator")
        self._dtype = tf.as_dtype(precision)
        first, *growth = folded.blocks
        self._dense, self._conv = (variables(layer, self._dtype) for layer in first)
        self._growth = [
            GrowthBlock(*block, self._dtype, form_at(level, precision)) for level, block in enumerate(growth, start=3)
        ]
        self._to_rgb = variables(folded.to_rgb, tf.float32)
        self._old_to_rgb = variables(folded.old_to_rgb, tf.float32) if folded.old_to_rgb else None
        self._alpha = folded.alpha

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        x = pixel_norm(tf.nn.leaky_relu(_dense(tf.cast(inputs, self._dtype), *self._dense), 0.2))
        x = before = conv_and_norm(x, *self._conv)
        for block in self._growth:
            before, x = x, block(x)
        images = _conv(tf.cast(x, tf.float32), *self._to_rgb)
        if self._old_to_rgb is None:
            return images
        old = _upscale(_conv(tf.cast(before, tf.float32), *self._old_to_rgb))
        return old + (images - old) * self._alpha


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


def _dense(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return tf.reshape(tf.matmul(x, kernel), (-1, 4, 4, bias.shape[0])) + bias


def _conv(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias)


def _upscale(x: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
