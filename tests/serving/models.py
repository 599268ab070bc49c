"""Small SavedModels for servers to serve: the protocol's own examples, every type, and what goes wrong."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

ANY = None  # a shape: whatever comes


def save(folder: Path, signatures: dict[str, tuple[Callable, dict[str, tf.TensorSpec]]]) -> None:
    """Writes functions with the specs of their inputs as the signatures of a version folder."""
    module = tf.Module()
    functions = {}
    for name, (function, inputs) in signatures.items():
        specs = {key: tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in inputs.items()}
        functions[name] = tf.function(function).get_concrete_function(**specs)
    tf.saved_model.save(module, str(folder), functions)


def half_plus(folder: Path, number: float) -> None:
    """The documentation's half_plus_two and half_plus_three: y = x / 2 + number, of any shape."""
    save(folder, {"serving_default": (lambda x: {"y": x * 0.5 + number}, {"x": tf.TensorSpec(ANY, tf.float32)})})


def named(folder: Path) -> None:
    """The documentation's example of several named inputs; it gives back tags, and the sums of both others."""

    def both(tag, signal, sensor):
        return {"tag": tag, "total": tf.reduce_sum(signal, axis=1), "trace": tf.linalg.trace(sensor)}

    inputs = {
        "tag": tf.TensorSpec([None], tf.string),
        "signal": tf.TensorSpec([None, 5], tf.int32),
        "sensor": tf.TensorSpec([None, 2, 2], tf.int32),
    }
    save(folder, {"serving_default": (both, inputs)})


def types(folder: Path) -> None:
    """A signature of every type, which gives back what it takes; and signatures that JSON or rows do not do for."""
    kinds = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
    signatures = {
        kind: (lambda x: {"y": tf.identity(x)}, {"x": tf.TensorSpec(ANY, kind)}) for kind in (*kinds, "string", "half")
    }
    number, text = tf.TensorSpec([None], tf.float32), tf.TensorSpec(ANY, tf.string)
    save(
        folder,
        signatures
        | {
            "serving_default": (lambda x: {"y": tf.identity(x)}, {"x": number}),
            "bytes": (lambda x: {"y_bytes": tf.identity(x)}, {"x": text}),
            "two": (lambda x: {"text": x, "some_bytes": tf.identity(x)}, {"x": text}),
            "scalar": (lambda x: {"y": tf.reduce_sum(x)}, {"x": number}),
            "uneven": (lambda x: {"a": x, "b": x[:1]}, {"x": number}),
            "complex": (lambda x: {"y": tf.complex(x, x)}, {"x": number}),
            "divide": (lambda x: {"y": tf.debugging.check_numerics(1 / x, "not finite")}, {"x": number}),
            "logarithm": (lambda x: {"y": tf.math.log(x)}, {"x": number}),
            "pair": (lambda a, b: {"y": tf.concat([a, b], 0)}, {"a": number, "b": number}),
        },
    )


def slow(folder: Path) -> None:
    """Takes a while: as many products of matrices, one after another, as its input says."""

    def multiply(x):
        matrix = tf.while_loop(
            lambda step, matrix: step < tf.reduce_max(x),
            lambda step, matrix: (step + 1, tf.linalg.matmul(matrix, matrix) / 256),
            (tf.constant(0), tf.ones([256, 256])),
        )[1]
        return {"y": tf.cast(x, tf.float32) + 0 * matrix[0, 0]}

    save(folder, {"serving_default": (multiply, {"x": tf.TensorSpec([None], tf.int32)})})


def window(folder: Path, size: int = 8) -> None:
    """Of the signatures of an extension model: what is known stays, the rest is noise of its seed."""

    def extend(image, known, seed):
        noise = tf.map_fn(
            lambda one: tf.random.stateless_uniform([size, size, 3], tf.stack([one, 0]), 0, 256, tf.int32, "philox"),
            seed,
            fn_output_signature=tf.int32,
        )
        return {"images": tf.where(known[..., tf.newaxis] > 0, image, tf.cast(noise, tf.uint8))}

    def png_extend(image, known, seed):
        images = extend(image, known, seed)["images"]
        return {"png_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}

    inputs = {
        "image": tf.TensorSpec([None, size, size, 3], tf.uint8),
        "known": tf.TensorSpec([None, size, size], tf.uint8),
        "seed": tf.TensorSpec([None], tf.int64),
    }
    save(folder, {"extend": (extend, inputs), "png_extend": (png_extend, inputs)})


def slow_to_start(folder: Path) -> None:
    """Takes long for a zero, which is what a model is warmed up with, and answers anything else at once."""

    def count(x):
        steps = tf.where(tf.reduce_any(x == 0), 8000, 1)
        matrix = tf.while_loop(
            lambda step, matrix: step < steps,
            lambda step, matrix: (step + 1, tf.linalg.matmul(matrix, matrix) / 256),
            (tf.constant(0), tf.ones([256, 256])),
        )[1]
        return {"y": tf.cast(x, tf.float32) + 0 * matrix[0, 0]}

    save(folder, {"serving_default": (count, {"x": tf.TensorSpec([None], tf.int32)})})
