"""From JSON values to tensors, as TensorFlow Serving's REST contract maps them (its json_tensor.cc).

A list is a dimension, and where lists of one level differ in length there is no tensor. Numbers keep their value or
are refused: floating point takes integers it can hold exactly, integer types take no decimals. Strings are UTF-8, or
any bytes as {"b64": BASE64}.

Where TensorFlow Serving would wrap an integer that is out of its type's range around, it is refused here; and uint16,
which it does not know, is taken: images of 16 bits are made of it.
"""

import base64
import itertools
import math
import re
from typing import Any

import numpy as np

from progan_tf.serving.documents import show
from progan_tf.serving.refusal import Code, Refusal, invalid

_MAX_RANK = 32
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = {"float32": "float", "float64": "double"}
_JSON_TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}


def data_type(dtype: str) -> str:
    """How TensorFlow Serving writes a dtype in messages."""
    return {**_FLOATS, "float16": "half"}.get(dtype, dtype)


def is_base64(value: Any) -> bool:
    """Whether a JSON value stands for bytes."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def to_array(value: Any, dtype: str) -> np.ndarray:
    """The tensor that nested lists are, of NumPy's `dtype`; "string" gives an array of bytes objects.

    Raises:
        Refusal: 400, or 501 where the contract has no such type; the message names the first value that is wrong.
    """
    shape = _shape(value)
    leaves = [value]
    for size in shape:
        if set(map(type, leaves)) != {list} or set(map(len, leaves)) != {size}:
            raise _refusal(value, dtype, shape)
        leaves = list(itertools.chain.from_iterable(leaves))
    if not _all_fit(leaves, dtype):
        raise _refusal(value, dtype, shape)
    if dtype == "string":
        array = np.empty(len(leaves), object)
        array[:] = [_decode(leaf) for leaf in leaves]
    else:
        array = np.array(leaves, dtype)
    return array.reshape(shape)


def _shape(value: Any) -> list[int]:
    """Sizes of the lists along the first elements."""
    shape = []
    while type(value) is list:
        shape.append(len(value))
        if len(shape) > _MAX_RANK:
            raise invalid(f"JSON lists are nested deeper than {_MAX_RANK}")
        value = value[0] if value else None
    return shape


def _all_fit(leaves: list[Any], dtype: str) -> bool:
    """Whether every value may go into a tensor of `dtype`; the same as `_unfit` of each, at once."""
    kinds = set(map(type, leaves))
    if dtype in _FLOATS:
        integers = [leaf for leaf in leaves if type(leaf) is int] if int in kinds else []
        top = _largest_integer(dtype)
        if not kinds <= {int, float} or (integers and (max(integers) > top or min(integers) < -top)):
            return False
        decimals = np.array(leaves, np.float64)
        return not bool((np.isfinite(decimals) & (np.abs(decimals) > np.finfo(dtype).max)).any())
    if dtype in _INTEGERS:
        limits = np.iinfo(dtype)
        return not leaves or (kinds == {int} and min(leaves) >= limits.min and max(leaves) <= limits.max)
    return all(_unfit(leaf, dtype) is None for leaf in leaves)


def _unfit(leaf: Any, dtype: str) -> Refusal | None:
    """Why one value may not go into a tensor of `dtype`, None where it may."""
    if dtype == "string":
        if type(leaf) is str:
            return None
        if type(leaf) is not dict:
            return _mismatch(leaf, dtype)
        if not is_base64(leaf):
            return invalid(f"JSON Value: {show(leaf)} not formatted correctly for base64 data")
        return None if _from_base64(leaf["b64"]) is not None else invalid("Unable to base64 decode")
    if dtype == "bool":
        return None if type(leaf) is bool else _mismatch(leaf, dtype)
    if dtype in _INTEGERS:
        limits = np.iinfo(dtype)
        return None if type(leaf) is int and limits.min <= leaf <= limits.max else _mismatch(leaf, dtype)
    if dtype not in _FLOATS and type(leaf) is not dict:
        return Refusal(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {show(leaf)} to type: {data_type(dtype)}")
    if type(leaf) not in (int, float):
        return _mismatch(leaf, dtype)
    top = _largest_integer(dtype) if type(leaf) is int else float(np.finfo(dtype).max)
    if abs(leaf) > top and (type(leaf) is int or math.isfinite(leaf)):
        return invalid(f"Cannot convert JSON value: {show(leaf)} to {data_type(dtype)} without loss of precision.")
    return None


def _mismatch(leaf: Any, dtype: str) -> Refusal:
    return invalid(f"JSON Value: {show(leaf)} Type: {_json_type(leaf)} is not of expected type: {data_type(dtype)}")


def _refusal(value: Any, dtype: str, shape: list[int]) -> Refusal:
    return _fault(value, dtype, shape) or invalid(f"a value does not fit into type {data_type(dtype)}")


def _fault(value: Any, dtype: str, shape: list[int], level: int = 0) -> Refusal | None:
    """The first reason, in the order of the text, why nested lists are no tensor of the shape and dtype."""
    rank = len(shape)
    if type(value) is not list:
        if level != rank:
            return invalid(
                f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        return _unfit(value, dtype)
    if level >= rank:
        return invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        return invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    return next(filter(None, (_fault(inner, dtype, shape, level + 1) for inner in value)), None)


def _largest_integer(dtype: str) -> int:
    return 2 ** (np.finfo(dtype).nmant + 1) - 1


def _json_type(value: Any) -> str:
    return str(value) if type(value) is bool else _JSON_TYPES[type(value)]


def _decode(leaf: Any) -> bytes:
    return leaf.encode() if type(leaf) is str else _from_base64(leaf["b64"])


def _from_base64(text: str) -> bytes | None:
    """The bytes of standard base64, white space ignored and padding optional; None where it is none."""
    digits, padding, rest = re.fullmatch(r"([^=]*)(=*)(.*)", "".join(text.split()), re.DOTALL).groups()
    if rest or (padding and (len(digits) + len(padding)) % 4):
        return None
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:  # of base64 itself, or characters beyond ASCII
        return None
