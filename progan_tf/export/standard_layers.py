"""The generator for inference as a Keras model of standard layers and operations, which other formats are made from."""

import keras
import numpy as np
from keras import ops

from progan_tf.export.description import Description
from progan_tf.export.folding import Affine, FoldedGenerator


def model(folded: FoldedGenerator, description: Description) -> keras.Model:
    """Latents [N, Z] float32, and labels [N] int32 where there are classes, to images [N, H, W, C] of the dtype.

    It computes what `inference.InferenceGenerator` and its signature `serving_default` do, from the same folded weights
    and with up-scaling convolutions as transposed convolutions. A label that is no class counts as none. Statistics of
    pixel norm, toRGB and the fade are float32 at every precision.
    """
    dtype = description.precision
    latents = keras.Input((description.latent_size,), name="latents")
    inputs, x = {"latents": latents}, latents
    if description.labels:
        inputs["labels"] = keras.Input((), dtype="int32", name="labels")
        classes, labels = len(description.labels), inputs["labels"]
        # Negative numbers go beyond the last class: some runtimes count them from the end.
        one_hot = ops.one_hot(ops.where(ops.less(labels, 0), classes, labels), classes)
        x = ops.concatenate([latents, one_hot], axis=-1)
    x = ops.cast(_pixel_norm(x), dtype)

    (dense, conv), *growth = folded.blocks
    features = dense.bias.size
    # Dense to [4, 4, C] has one bias a feature map.
    spatial = Affine(dense.kernel, np.tile(dense.bias, 16))
    x = ops.reshape(_layer(keras.layers.Dense, spatial, x, dtype, units=16 * features), (-1, 4, 4, features))
    x = _activate(x)
    x = before = _activate(_conv(conv, x, dtype))
    for up, conv in growth:
        before = x
        x = _activate(
            _layer(
                keras.layers.Conv2DTranspose,
                up,
                x,
                dtype,
                filters=up.bias.size,
                kernel_size=4,
                strides=2,
                padding="same",
            )
        )
        x = _activate(_conv(conv, x, dtype))
    images = _conv(folded.to_rgb, ops.cast(x, "float32"), "float32")
    if folded.old_to_rgb is not None:
        old = keras.layers.UpSampling2D(2)(_conv(folded.old_to_rgb, ops.cast(before, "float32"), "float32"))
        images = old + (images - old) * folded.alpha
    return keras.Model(inputs, {"images": _to_pixels(images, description.dtype)}, name="generator")


def _layer(
    kind: type[keras.layers.Layer], weights: Affine, x: keras.KerasTensor, dtype: str, **shape
) -> keras.KerasTensor:
    layer = kind(dtype=dtype, **shape)
    output = layer(x)
    layer.set_weights([weights.kernel, weights.bias])
    return output


def _conv(weights: Affine, x: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    size, _, _, features = weights.kernel.shape
    return _layer(keras.layers.Conv2D, weights, x, dtype, filters=features, kernel_size=size, padding="same")


def _activate(x: keras.KerasTensor) -> keras.KerasTensor:
    return _pixel_norm(ops.leaky_relu(x, 0.2))


def _pixel_norm(x: keras.KerasTensor) -> keras.KerasTensor:
    square = ops.square(ops.cast(x, "float32"))
    return x * ops.cast(ops.rsqrt(ops.mean(square, axis=-1, keepdims=True) + 1e-8), x.dtype)


def _to_pixels(images: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    top = np.iinfo(dtype).max
    return ops.cast(ops.clip(ops.round((images + 1) * (top / 2)), 0, top), dtype)
