"""An exported extension: the graph and signatures that continue windows, and how far they are from training's.

| signature    | inputs                                                                   | outputs               |
|--------------|--------------------------------------------------------------------------|-----------------------|
| `extend`     | `image` [N, W, W, C], `known` uint8 [N, W, W], `seed` int64 [N]          | `images` [N, W, W, C] |
| `png_extend` | the same                                                                 | `png_bytes` string [N] |

Images are of the dataset's dtype.
`known` is 1 where a pixel is to stay, to the byte, and 0 where it is to be made, whatever `image` holds there. A batch
is computed at once, so that last bits may depend on its size.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from progan_tf.export import inference
from progan_tf.export.description import Description
from progan_tf.export.seeds import latents_of
from progan_tf.extension.context_generator import ContextGenerator, noise_size

_NOISE_PURPOSE = 1 << 32  # added to a seed: its noise is not its latents


class ExtensionModel(tf.Module):
    """A context generator at the level where its run stands: windows, masks, latents and noise to whole windows."""

    def __init__(self, generator: ContextGenerator, level: int, alpha: float):
        super().__init__(name="extension")
        self._model = generator.model_at(level, alpha < 1)
        self._weights = [variable.value for variable in self._model.variables]  # what a SavedModel keeps
        self._alpha = alpha

    def __call__(self, images: tf.Tensor, known: tf.Tensor, latents: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        return self._model([images, known, latents, noise, tf.constant(self._alpha, tf.float32)])


def made_of(seeds: tf.Tensor, latent_size: int, level: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Latents [N, Z] and noise [N, noise_size] of seeds int64 [N]."""

    def rows(size: int, purpose: int) -> tf.Tensor:
        spec = tf.TensorSpec([size], tf.float32)
        return tf.map_fn(lambda seed: latents_of(seed + purpose, size), seeds, fn_output_signature=spec)

    return rows(latent_size, 0), rows(noise_size(level), _NOISE_PURPOSE)


def signatures(model: ExtensionModel, description: Description) -> dict[str, Callable]:
    """Concrete functions by the name of their signature."""
    size, dtype = description.resolution, tf.as_dtype(description.dtype)
    shape = (None, size, size, description.channels)

    def pixels(image: tf.Tensor, known: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        count = tf.shape(image)[0]
        checks = [
            tf.debugging.assert_equal(tf.shape(known)[0], count, "known must have one row an image"),
            tf.debugging.assert_equal(tf.shape(seed)[0], count, "seed must have one row an image"),
            tf.debugging.assert_less_equal(known, tf.constant(1, tf.uint8), "known must be 0 or 1"),
        ]
        with tf.control_dependencies(checks):  # before anything else finds that shapes do not match
            image, known, seed = tf.identity(image), tf.identity(known), tf.identity(seed)
        # oneDNN's convolutions lose the shape of an empty batch, so there is always one row to compute.
        missing = tf.maximum(1 - count, 0)
        padded = [tf.pad(rows, [[0, missing]] + [[0, 0]] * (rows.shape.rank - 1)) for rows in (image, known, seed)]
        mask = tf.cast(padded[1], tf.float32)[..., tf.newaxis]
        values = tf.cast(padded[0], tf.float32) * np.float32(2 / dtype.max) - 1
        made = model(values * mask, mask, *made_of(padded[2], description.latent_size, description.level))
        kept = tf.where(mask > 0, padded[0], inference.to_pixels(made, description.dtype))
        return tf.ensure_shape(kept[:count], shape)

    def extend(image: tf.Tensor, known: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": pixels(image, known, seed)}

    def png_extend(image: tf.Tensor, known: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        shown = inference.to_display(pixels(image, known, seed), description.display_bands)
        return {"png_bytes": tf.map_fn(tf.io.encode_png, shown, fn_output_signature=tf.TensorSpec([], tf.string))}

    inputs = {
        "image": tf.TensorSpec(shape, dtype, "image"),
        "known": tf.TensorSpec(shape[:-1], tf.uint8, "known"),
        "seed": tf.TensorSpec([None], tf.int64, "seed"),
    }
    return {
        function.__name__: tf.function(function).get_concrete_function(**inputs) for function in (extend, png_extend)
    }
