"""A model folder with the signatures of scene extension that needs no training."""

from pathlib import Path

import tensorflow as tf

from progan_tf.export import description as descriptions
from progan_tf.export.description import Description


class Noisy(tf.Module):
    """Fills windows uint8 with noise around the mean of their known pixels: random, seeded, in no way good."""

    def __init__(self, window: int, channels: int = 3):
        super().__init__()
        inputs = {
            "image": tf.TensorSpec([None, window, window, channels], tf.uint8, "image"),
            "known": tf.TensorSpec([None, window, window], tf.uint8, "known"),
            "seed": tf.TensorSpec([None], tf.int64, "seed"),
        }
        self.extend = tf.function(self._extend).get_concrete_function(**inputs)

    def _extend(self, image, known, seed):
        mask, values = tf.cast(known, tf.float32)[..., tf.newaxis], tf.cast(image, tf.float32)
        count = tf.maximum(tf.reduce_sum(mask, axis=(1, 2), keepdims=True), 1)
        mean = tf.reduce_sum(values * mask, axis=(1, 2), keepdims=True) / count
        noise = tf.map_fn(
            lambda one: tf.random.stateless_normal(image.shape[1:], [one, tf.constant(0, tf.int64)], stddev=25.0),
            seed,
            fn_output_signature=tf.float32,
        )
        made = tf.cast(tf.clip_by_value(mean + noise, 0, 255), tf.uint8)
        return {"images": tf.where(mask > 0, image, made)}


def save_noisy(folder: Path, window: int = 32, task: str = "extension") -> Path:
    """Writes a model of `Noisy` with its description, and returns the folder."""
    module = Noisy(window)
    tf.saved_model.save(module, str(folder), signatures={"extend": module.extend})
    description = Description(
        name="noisy",
        resolution=window,
        final_resolution=window,
        level=window.bit_length() - 1,
        alpha=1.0,
        growth="grown",
        channels=3,
        bands=["red", "green", "blue"],
        display_bands=[0, 1, 2],
        dtype="uint8",
        labels=[],
        latent_size=1,
        scaling=None,
        training_data={},
        kimg=0.0,
        precision="float32",
        version="0",
        licence="",
        task=task,
        tile=window // 2,
    )
    descriptions.write(folder, description)
    return folder
