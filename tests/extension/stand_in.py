"""Continues windows by arithmetic: every new pixel depends on all that is known, where, on its place and the seed."""

import dataclasses
from pathlib import Path

import numpy as np

from progan_tf.data.bands import band_names, display_bands
from progan_tf.export import description as descriptions
from progan_tf.export.description import Description


def extend(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """An `Extend` for any dtype; a window that is a pixel or a bit of its mask different looks different everywhere."""
    window, channels = images.shape[1], images.shape[-1]
    place = np.arange(1, window * window * channels + 1, dtype=np.uint64).reshape(window, window, channels)
    known = known.astype(bool)[..., np.newaxis]
    seen = (np.where(known, images, 0).astype(np.uint64) * 2 + known) * (place * np.uint64(2654435761) | np.uint64(1))
    mixed = seen.sum(axis=(1, 2, 3), keepdims=True, dtype=np.uint64) + seeds.astype(np.uint64).reshape(-1, 1, 1, 1)
    noise = (mixed ^ place) * np.uint64(0x9E3779B97F4A7C15)
    noise = (noise ^ (noise >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.where(known, images, (noise >> np.uint64(40)).astype(images.dtype))


def save(folder: Path, window: int = 16, channels: int = 3, dtype: str = "uint8", **facts: object) -> Path:
    """A model folder, of one version, with the same as a SavedModel and a description."""
    import tensorflow as tf

    place = tf.reshape(tf.range(1, window * window * channels + 1, dtype=tf.int64), (window, window, channels))

    class Model(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, window, window, channels], dtype, "image"),
                tf.TensorSpec([None, window, window], tf.uint8, "known"),
                tf.TensorSpec([None], tf.int64, "seed"),
            ]
        )
        def extend(self, image, known, seed):
            there = tf.cast(known, tf.int64)[..., tf.newaxis]
            seen = (tf.cast(image, tf.int64) * there * 2 + there) * (place * 2654435761)
            mixed = tf.reduce_sum(seen, axis=[1, 2, 3], keepdims=True) + tf.reshape(seed, (-1, 1, 1, 1))
            noise = tf.bitwise.bitwise_xor(mixed, place) * 7046029254386353131
            noise = tf.bitwise.right_shift(tf.bitwise.bitwise_xor(noise, tf.bitwise.right_shift(noise, 29)), 13)
            made = tf.cast(tf.bitwise.bitwise_and(noise, np.iinfo(dtype).max), dtype)
            return {"images": tf.where(there > 0, image, made)}

    model = Model()
    tf.saved_model.save(model, str(folder / "1"), signatures={"extend": model.extend})
    bands = list(band_names(channels))
    known = dict.fromkeys(field.name for field in dataclasses.fields(Description))
    known |= {"name": "stand-in", "resolution": window, "tile": window // 2, "task": "extension", "channels": channels}
    known |= {"bands": bands, "display_bands": list(display_bands(tuple(bands))), "dtype": dtype, "labels": []}
    descriptions.write(folder / "1", Description(**{**known, "kimg": 1.5, **facts}))
    return folder
