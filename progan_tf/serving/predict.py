"""A predict request: which signature it calls, and with which tensors (TensorFlow Serving's json_tensor.cc)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from progan_tf.serving.documents import show
from progan_tf.serving.refusal import Refusal, invalid
from progan_tf.serving.tensors import is_base64, to_array

_PLAIN = "but expecting {} as multiple input tensors required as per tensorinfo_map"


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The inputs of a request, arrays by name; `by_rows` says how they came, and how outputs are to go."""

    arrays: dict[str, np.ndarray]
    by_rows: bool


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request asks for, empty where it leaves that to the model. Raises Refusal: 400."""
    name = document.get("signature_name", "")
    if type(name) is not str:
        raise invalid(
            f"JSON Value: {show(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def tensors(document: Mapping[str, Any], dtypes: Mapping[str, str]) -> Tensors:
    """The tensors of a request, by rows ("instances") or by columns ("inputs").

    Args:
        dtypes: of the signature's inputs, by name, at least one.

    Raises:
        Refusal: 400, the request is not formed as the contract has it, or a value does not fit.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {show(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if type(instances) is not list:
            raise invalid(f"JSON Value: {show(document)} Excepting 'instances' to be an list/array")
        if not instances:
            raise invalid(f"JSON Value: {show(document)} No values in 'instances' array")
        return Tensors(_complete(_from_rows(instances, dtypes), dtypes), by_rows=True)
    if "inputs" in document:
        return Tensors(_from_columns(document["inputs"], dtypes), by_rows=False)
    raise invalid("Missing 'inputs' or 'instances' key")


def _from_columns(inputs: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if type(inputs) is not dict or is_base64(inputs):
        if len(dtypes) > 1:
            raise invalid("inputs is a plain value/list, " + _PLAIN.format("an object"))
        return {name: to_array(inputs, dtype) for name, dtype in dtypes.items()}
    for name in sorted(dtypes):
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_array(inputs[name], dtype) for name, dtype in sorted(dtypes.items())}


def _from_rows(instances: list[Any], dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if type(instances[0]) is not dict and len(dtypes) > 1:
        raise invalid("instances is a plain list, " + _PLAIN.format("list of objects"))
    objects = _is_object(instances[0])
    try:  # all rows at once, which takes a hundredth of the time
        if objects and all(_is_object(instance) and instance.keys() == dtypes.keys() for instance in instances):
            return {name: to_array([row[name] for row in instances], dtype) for name, dtype in dtypes.items()}
        if not objects:
            name = min(dtypes)
            return {name: to_array(instances, dtypes[name])}
    except Refusal:
        pass  # its message would not say which row it is about
    raise _fault(instances, dtypes, objects)


def _fault(instances: list[Any], dtypes: Mapping[str, str], objects: bool) -> Refusal:
    """What is wrong with the first row that is."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, instance in enumerate(instances):
        if _is_object(instance) != objects:
            expected = "object but got list" if objects else "value/list but got object"
            return invalid(f"Expecting {expected} at item {number} of input list")
        row = instance if objects else {min(dtypes): instance}
        for name, value in row.items():
            try:
                _check_like(name, value, dtypes, shapes)
            except Refusal as refusal:
                key = f" key: {name}" if objects else ""
                return invalid(f"Failed to process element: {number}{key} of 'instances' list. Error: {refusal}")
        if objects and instance.keys() != dtypes.keys():
            return invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {show(instance)} keys must be "
                f"equal to: {','.join(sorted(dtypes))}"
            )
    return invalid("'instances' do not make tensors")


def _check_like(name: str, value: Any, dtypes: Mapping[str, str], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raises Refusal where a value is no tensor, or not of the shape that its name has in rows before."""
    if name not in dtypes:
        raise invalid(f"JSON object: does not have named input: {name}")
    array = to_array(value, dtypes[name])
    first = shapes.setdefault(name, array.shape)
    if np.prod(first) != array.size:
        raise invalid(f"Expecting tensor size: {int(np.prod(first))} but got: {array.size}")
    if first != array.shape:
        wanted, got = (f"[{','.join(map(str, shape))}]" for shape in (first, array.shape))
        raise invalid(f"Expecting shape {wanted} but got: {got}")


def _complete(arrays: dict[str, np.ndarray], dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if arrays.keys() != dtypes.keys():  # bytes in base64 stand for one input only, whatever the signature takes
        sent, wanted = sorted(arrays), sorted(dtypes)
        missing = [name for name in wanted if name not in arrays]
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{','.join(sent)}}}) != "
            f"len({{{','.join(wanted)}}}). Sent extra: {{}}. Missing but required: {{{','.join(missing)}}}."
        )
    return arrays


def _is_object(instance: Any) -> bool:
    return type(instance) is dict and not is_base64(instance)
