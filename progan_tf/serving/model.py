"""One version of a model in memory: what it takes, what it gives, and what it says of itself."""

import dataclasses
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from progan_tf.serving.refusal import Code, Refusal, invalid

# These compute their batch at once, and the last bits of that depend on its size. One window at a time, a seed is one
# image, whoever else asks for something in the same moment.
_ONE_AT_A_TIME = ("extend", "png_extend")
_SYNTHETIC = "SYNTHETIC: this image is made up by a neural network"

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """A function of a model: arrays by name to arrays by name, strings as object arrays of bytes."""

    name: str
    method: str
    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]
    function: Callable
    model: Any  # whose weights live as long as it is held

    @property
    def dtypes(self) -> dict[str, str]:
        """NumPy's dtypes of the inputs."""
        return {name: spec.dtype.name for name, spec in self.inputs.items()}

    @property
    def has_rows(self) -> bool:
        """Whether all that goes in and out is so many rows of a batch, so that requests may share one."""
        shapes = [spec.shape for spec in (*self.inputs.values(), *self.outputs.values())]
        return all(shape.rank and shape[0] is None for shape in shapes)

    def check(self, arrays: Arrays) -> None:
        """Raises Refusal, 400, where an array has a shape that the signature does not take."""
        for name, spec in self.inputs.items():
            if not spec.shape.is_compatible_with(arrays[name].shape):
                wanted, got = _shown(spec.shape.as_list()), _shown(arrays[name].shape)
                raise invalid(f"Tensor name: {name} has shape {got}, signature {self.name} takes {wanted}")

    def rows(self, arrays: Arrays) -> int | None:
        """How many rows arrays have; None where it has none, or not the same number in all of them."""
        counts = {len(array) for array in arrays.values()} if self.has_rows else set()
        return counts.pop() if len(counts) == 1 else None

    def run(self, arrays: Arrays) -> Arrays:
        """Computes the outputs.

        Raises:
            Refusal: of the code of TensorFlow's error.
        """
        rows = self.rows(arrays)
        if self.name not in _ONE_AT_A_TIME or not rows:
            return self._call(arrays)
        parts = [self._call({name: array[row : row + 1] for name, array in arrays.items()}) for row in range(rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _call(self, arrays: Arrays) -> Arrays:
        tensors = {name: _tensor(arrays[name], spec.dtype) for name, spec in self.inputs.items()}
        try:
            return {name: _array(output) for name, output in self.function(**tensors).items()}
        except tf.errors.OpError as error:
            raise Refusal(Code(error.error_code), _plain(str(error.message))) from error


@dataclasses.dataclass(frozen=True, eq=False)
class Version:
    """A loaded version.

    Args:
        metadata: `signature_def` of the SavedModel, as the metadata endpoint shows it.
        description: the `model.json` of an export of this project; empty where there is none.
    """

    model: str
    number: int
    signatures: dict[str, Signature]
    metadata: dict[str, Any]
    description: dict[str, Any]

    @property
    def synthetic(self) -> str:
        """What every image of the model says of itself."""
        return str(self.description.get("synthetic", _SYNTHETIC))

    def signature(self, name: str) -> Signature:
        """The signature of a name, the default one of an empty name. Raises Refusal: 400."""
        name = name or "serving_default"
        if name not in self.metadata:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        if name not in self.signatures or not self.signatures[name].inputs:
            raise invalid(f"Failed to get input map for signature: {name}")
        return self.signatures[name]


def load(model: str, number: int, folder: Path) -> Version:
    """Loads the SavedModel of a version folder and computes with each of its signatures once.

    Raises:
        OSError, ValueError, tf.errors.OpError: it is damaged.
    """
    loaded = tf.saved_model.load(str(folder))
    graph = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]
    signatures = {
        name: Signature(
            name,
            graph.signature_def[name].method_name,
            dict(sorted(function.structured_input_signature[1].items())),
            dict(sorted(function.structured_outputs.items())),
            function,
            loaded,
        )
        for name, function in loaded.signatures.items()
    }
    version = Version(model, number, signatures, _metadata(graph), _description(folder))
    for signature in signatures.values():
        _warm_up(version, signature)
    return version


def _metadata(graph: Any) -> dict[str, Any]:
    return {
        name: json_format.MessageToDict(
            signature, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
        )
        for name, signature in sorted(graph.signature_def.items())
    }


def _description(folder: Path) -> dict[str, Any]:
    try:
        described = json.loads((folder / "assets.extra" / "model.json").read_text())
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) else {}


def _warm_up(version: Version, signature: Signature) -> None:
    """The first call of a signature takes many times as long as others; nobody shall wait for it."""
    arrays = {}
    for name, spec in signature.inputs.items():
        shape = [size or 1 for size in spec.shape.as_list()] if spec.shape.rank is not None else []
        dtype = object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype
        arrays[name] = np.full(shape, b"" if spec.dtype == tf.string else 0, dtype)
    try:
        signature.run(arrays)
    except Refusal as refusal:  # zeros need not be something the signature takes
        logging.getLogger(__name__).warning(
            "model %s version %d: no warm-up of %s (%s)", version.model, version.number, signature.name, refusal.message
        )


def _tensor(array: np.ndarray, dtype: tf.DType) -> tf.Tensor:
    # An array of objects without a dimension is no string to TensorFlow.
    return tf.constant(array if array.ndim else array.item(), dtype)


def _array(tensor: tf.Tensor) -> np.ndarray:
    return np.asarray(tensor.numpy(), object if tensor.dtype == tf.string else None)


def _plain(message: str) -> str:
    """TensorFlow's message without what Python's side of it puts around."""
    return re.sub(r" \[Op:\w+\]( name: )?$", "", message.rpartition("<stack traces unavailable>\n")[2])


def _shown(shape: Any) -> str:
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"
