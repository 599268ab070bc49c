"""Times the two forms of a block of the inference generator against each other."""

import time

import numpy as np

from progan_tf.config import NetworkConfig


def seconds(network: NetworkConfig, level: int, batch: int, precision: str, rounds: int) -> dict[str, list[float]]:
    """Seconds by form of the block that makes images of `level`, run in turn, once before that is not counted.

    Raises ValueError where the forms do not compute the same.
    """
    import tensorflow as tf

    from progan_tf.export.folding import Affine
    from progan_tf.export.growth import FORMS, GrowthBlock

    rng = np.random.default_rng(0)
    size, channels, features = 2 ** (level - 1), network.width(level - 2), network.width(level - 1)

    def affine(*shape: int, fan_in: int) -> Affine:
        bias = 0.1 * rng.standard_normal(features)
        kernel = rng.standard_normal(shape) * (2 / fan_in) ** 0.5
        return Affine(kernel.astype(np.float32), bias.astype(np.float32))

    up = affine(4, 4, features, channels, fan_in=4 * channels)
    conv = affine(3, 3, features, features, fan_in=9 * features)
    x = tf.cast(rng.standard_normal((batch, size, size, channels)), precision)
    blocks = {form: GrowthBlock(up, conv, tf.as_dtype(precision), form) for form in FORMS}
    _require_equal({form: block(x[:1]).numpy().astype(np.float32) for form, block in blocks.items()}, precision)

    # One number is fetched; the shape of the batch is free, as in the exported graph.
    signature = [tf.TensorSpec((None, *x.shape[1:]), precision)]
    calls = {
        form: tf.function(lambda x, block=block: tf.reshape(block(x), [-1])[0], input_signature=signature)
        for form, block in blocks.items()
    }
    found: dict[str, list[float]] = {form: [] for form in FORMS}
    for counted in range(rounds + 1):
        for form, call in calls.items():
            begin = time.perf_counter()
            call(x).numpy()
            if counted:
                found[form].append(time.perf_counter() - begin)
    return found


def _require_equal(results: dict[str, np.ndarray], precision: str) -> None:
    one, other = results.values()
    bound = {"float32": 1e-4, "bfloat16": 0.15}[precision]  # values are about 1, and up to 5
    if not np.abs(one - other).max() < bound:
        raise ValueError(f"the forms differ by {np.abs(one - other).max()} in {precision}")
