"""What continues windows: a function, whatever is behind it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

# (images [N, W, W, C] of the model's dtype, known [N, W, W] bool or uint8, seeds [N] int64) -> images [N, W, W, C], in
# which known pixels are as they were. What unknown pixels hold does not matter.
Extend = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def load(folder: Path, batch: int) -> Extend:
    """The extender of an exported model, its version folder given; it always computes `batch` windows at once.

    The last bits of a batch may depend on its size, so a smaller one is padded, and a larger one cut in pieces.

    Raises:
        OSError, ValueError, tensorflow.errors.OpError: the model is damaged, or extends nothing.
    """
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    if "extend" not in model.signatures:
        raise ValueError("it has no signature named extend")

    def extend(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        inputs = {
            "image": tf.constant(images),
            "known": tf.constant(known.astype(np.uint8)),
            "seed": tf.constant(seeds.astype(np.int64)),
        }
        return model.signatures["extend"](**inputs)["images"].numpy()  # holds on to the model, and so to its weights

    return in_batches(extend, batch)


def in_batches(extend: Extend, batch: int) -> Extend:
    """An extender that calls `extend` with exactly `batch` windows every time, however many it is given."""

    def extend_any(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        pieces = []
        for first in range(0, len(images), batch):
            given = [array[first : first + batch] for array in (images, known, seeds)]
            count = len(given[0])
            padded = (np.concatenate([array, np.repeat(array[:1], batch - count, axis=0)]) for array in given)
            pieces.append(extend(*padded)[:count])
        return np.concatenate(pieces)

    return extend_any
