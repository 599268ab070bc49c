"""From tensors to the JSON of a reply, as TensorFlow Serving's REST contract maps them (its json_tensor.cc).

A lone output stands without its name. Strings are text, but bytes in base64 where the output's name ends in `_bytes`.
Infinities and NaN are written as such, which JSON proper has no words for. An output of uint16, which TensorFlow
Serving cannot write, is numbers like any other.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from progan_tf.serving.refusal import invalid
from progan_tf.serving.tensors import data_type

_WRITTEN = "biuf"  # kinds of NumPy dtypes: bool, int, unsigned, float


def predictions(outputs: dict[str, np.ndarray]) -> bytes:
    """The reply to a request by rows.

    Args:
        outputs: arrays by name; strings are object arrays of bytes.

    Raises:
        Refusal: 400, outputs have no rows, or not the same number of them, or a type JSON has no words for.
    """
    rows = None
    for name, array in sorted(outputs.items()):
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if rows is not None and len(array) != rows:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)
    columns = {name: _jsonable(name, array) for name, array in sorted(outputs.items())}
    if len(columns) == 1:
        return _dump({"predictions": columns.popitem()[1]}, outputs)
    instances = [{name: column[row] for name, column in columns.items()} for row in range(rows)]
    return _dump({"predictions": instances}, outputs)


def whole_outputs(outputs: dict[str, np.ndarray]) -> bytes:
    """The reply to a request by columns. Raises Refusal, 400, where JSON has no words for a type."""
    columns = {name: _jsonable(name, array) for name, array in sorted(outputs.items())}
    return _dump({"outputs": columns.popitem()[1] if len(columns) == 1 else columns}, outputs)


def _jsonable(name: str, array: np.ndarray) -> Any:
    """What stands for an output in a document: nested lists where it is strings, else the array."""
    if array.dtype == object:
        return _nested(array.tolist(), _in_base64 if name.endswith("_bytes") else _as_text)
    if array.dtype.kind not in _WRITTEN or array.dtype == np.float16:
        raise invalid(f"Failed to write JSON value for tensor type: {data_type(array.dtype.name)}")
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _nested(value: list | bytes, write: Callable[[bytes], Any]) -> Any:
    return [_nested(inner, write) for inner in value] if isinstance(value, list) else write(value)


def _in_base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _as_text(value: bytes) -> str:
    return value.decode(errors="replace")


def _dump(document: dict[str, Any], outputs: dict[str, np.ndarray]) -> bytes:
    decimals = [array for array in outputs.values() if array.dtype.kind == "f"]
    if all(np.isfinite(array).all() for array in decimals):
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(document, default=_as_python, ensure_ascii=False).encode()


def _as_python(numbers: np.ndarray | np.generic) -> Any:
    if numbers.dtype.kind == "f":
        # Through their shortest decimals, or the float32 nearest to 0.1 would be 0.10000000149011612.
        numbers = numbers.astype(str).astype(np.float64)
    return numbers.tolist()
