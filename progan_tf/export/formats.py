"""The formats besides SavedModel that a generator is exported in: how each is written, and run for the check."""

import contextlib
import dataclasses
import importlib.util
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from progan_tf.errors import InputError

if TYPE_CHECKING:
    import keras

Predict = Callable[[dict[str, np.ndarray]], np.ndarray]  # inputs by name to pixels [N, H, W, C]


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format: the file it has in a version folder, what it can hold, and what it needs besides the core."""

    file: str
    precisions: tuple[str, ...]
    packages: tuple[str, ...] = ()


FORMATS = {
    "saved_model": Format("saved_model.pb", ("float32", "bfloat16")),
    "keras": Format("model.keras", ("float32", "bfloat16")),
    "onnx": Format("model.onnx", ("float32",), ("tf2onnx", "onnx", "onnxruntime")),
    "openvino": Format("model.xml", ("float32",), ("openvino",)),
}


def require(name: str, precision: str, task: str) -> None:
    """Raises InputError where a format cannot hold such a model, or where what it needs is not installed."""
    if name != "saved_model" and task == "extension":
        raise InputError(
            f"--format={name} holds generators of images, and this run is of an extension; use saved_model"
        )
    if precision not in FORMATS[name].precisions:
        raise InputError(
            f"--format={name} holds float32 alone, received --precision={precision}; use --format=saved_model or keras"
        )
    missing = [package for package in FORMATS[name].packages if importlib.util.find_spec(package) is None]
    if missing:
        raise InputError(f"--format={name} needs {' and '.join(missing)}; pip install 'progan-tf[{name}]'")


def require_same(output: Path, name: str) -> None:
    """Raises InputError where a model folder has versions of another format, which servers could not tell apart."""
    for other, kind in FORMATS.items():
        found = sorted(output.glob(f"*/{kind.file}"))
        if other != name and found:
            raise InputError(
                f"output {output} holds versions of --format={other} ({found[0]}); give another folder for {name}"
            )


def write(name: str, model: "keras.Model", folder: Path) -> None:
    """Writes a Keras model into a version folder, made new, by Keras's own exporter of the format."""
    folder.mkdir()
    path = str(folder / FORMATS[name].file)
    if name == "keras":
        model.save(path)
        return
    # The exporters take their inputs from the model's first call.
    model({x.name: np.zeros((1, *x.shape[1:]), x.dtype) for x in model.inputs})
    # The exporters tell of themselves, and of names that NumPy is to get.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format=name, verbose=False)


def load(name: str, folder: Path) -> Predict:
    """Opens a written version in a runtime of its format, in float32 where the format leaves that to the runtime."""
    return {"saved_model": _saved_model, "keras": _keras, "onnx": _onnx, "openvino": _openvino}[name](folder)


def _saved_model(folder: Path) -> Predict:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # kept: its weights live as long as this object
    return lambda inputs: loaded.signatures["serving_default"](**_tensors(inputs))["images"].numpy()


def _tensors(inputs: dict[str, np.ndarray]) -> dict:
    import tensorflow as tf

    return {name: tf.constant(array) for name, array in inputs.items()}


def _keras(folder: Path) -> Predict:
    import keras

    model = keras.saving.load_model(folder / FORMATS["keras"].file)
    return lambda inputs: model(inputs)["images"].numpy()


def _onnx(folder: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / FORMATS["onnx"].file, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["images"], inputs)[0]


def _openvino(folder: Path) -> Predict:
    import openvino

    # Else it rounds to bfloat16 on processors that compute in it.
    compiled = openvino.compile_model(folder / FORMATS["openvino"].file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda inputs: compiled(inputs)["images"]
