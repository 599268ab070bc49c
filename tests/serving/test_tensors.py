"""JSON values become the tensors that NumPy makes of them, or a refusal that says what is wrong."""

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from progan_tf.serving import documents, predict, replies
from progan_tf.serving.refusal import Refusal
from progan_tf.serving.tensors import to_array

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b64", "x"]), inner, max_size=2),
    max_leaves=12,
)


def naive(value: Any) -> np.ndarray | None:
    """The array of nested lists of numbers of one kind, by NumPy alone; None where they are ragged or anything else."""
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        return None
    kinds = {type(leaf) for leaf in flattened(value)}
    return array if kinds in ({int}, {float}, {int, float}, set()) else None


def flattened(value: Any) -> list[Any]:
    return [leaf for inner in value for leaf in flattened(inner)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64", "bool"])
def test_arrays_come_through_json_as_they_were(dtype):
    @settings(max_examples=40, deadline=None)
    @given(hnp.arrays(dtype, SHAPES))
    def check(array):
        whole = float(2**24) if dtype == "float32" else float(2**53)
        if array.dtype.kind == "f":  # decimals, as a client writes them; whole numbers have a point too
            array = np.where(np.abs(array) < whole, array, np.sign(array))
        got = to_array(json.loads(json.dumps(array.tolist())), dtype)
        sizes = array.shape[: array.shape.index(0) + 1] if 0 in array.shape else array.shape
        assert got.dtype == dtype and got.shape == sizes  # of empty lists nothing is known within
        np.testing.assert_array_equal(got, array.reshape(sizes))

    check()


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from([*INTEGERS, "float32", "float64", "bool", "string", "float16"]))
def test_anything_is_a_tensor_or_refused(value, dtype):
    try:
        array = to_array(value, dtype)
    except Refusal as refusal:
        assert refusal.status in (400, 501) and refusal.message
        return
    assert array.size == len(flattened(value)) or array.size == 0
    wanted = naive(value)
    if dtype in (*INTEGERS, "float64"):
        np.testing.assert_array_equal(array.reshape(wanted.shape), wanted.astype(dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_out_of_range_are_refused_and_not_wrapped_around(dtype):
    limits = np.iinfo(dtype)
    for value in (limits.min, limits.max):
        assert to_array([int(value)], dtype)[0] == value
    for value in (limits.min - 1, limits.max + 1):
        with pytest.raises(Refusal, match=f"is not of expected type: {dtype}"):
            to_array([0, int(value)], dtype)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("aGVsbG8=", b"hello"),
        ("aGVs bG8=\n", b"hello"),
        ("aGVsbG8", b"hello"),
        ("", b""),
        ("aGVsbG8==", None),
        ("aGVsbG8=x", None),
        ("aGVsb", None),
        ("aGVsb-8=", None),
        ("=", None),
        ("é", None),
    ],
)
def test_base64(text, wanted):
    if wanted is None:
        with pytest.raises(Refusal, match="Unable to base64 decode"):
            to_array({"b64": text}, "string")
    else:
        assert to_array({"b64": text}, "string").item() == wanted


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_bytes_come_and_go_in_base64(values):
    encoded = [{"b64": base64.b64encode(value).decode()} for value in values]
    array = to_array(encoded, "string")
    assert array.tolist() == values
    assert json.loads(replies.whole_outputs({"y_bytes": array})) == {"outputs": encoded}


def test_lists_nested_without_end_are_refused():
    value: Any = 1
    for _ in range(900):
        value = [value]
    with pytest.raises(Refusal, match="nested deeper than 32"):
        to_array(value, "float32")
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        with pytest.raises(Refusal, match="nested too deep"):
            documents.parse((opening * 10**5 + "1" + closing * 10**5).encode())


def test_rows_and_columns_are_the_same_tensors():
    rng = np.random.default_rng(0)
    image, seed = rng.integers(0, 256, [3, 4, 4, 2]), [7, 8, 9]
    dtypes = {"image": "uint8", "seed": "int64"}
    rows = [{"image": one.tolist(), "seed": number} for one, number in zip(image, seed, strict=True)]
    by_rows = predict.tensors({"instances": rows}, dtypes)
    by_columns = predict.tensors({"inputs": {"image": image.tolist(), "seed": seed}}, dtypes)
    assert (by_rows.by_rows, by_columns.by_rows) == (True, False)
    for name in dtypes:
        np.testing.assert_array_equal(by_rows.arrays[name], by_columns.arrays[name])
        assert by_rows.arrays[name].dtype == dtypes[name]
    np.testing.assert_array_equal(by_rows.arrays["image"], image)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays("float32", hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)))
def test_every_float_comes_back_to_the_bit_infinities_and_nan_too(array):
    got = json.loads(replies.predictions({"y": array}))["predictions"]
    np.testing.assert_array_equal(np.array(got, np.float32), array)


def test_a_reply_by_rows_and_by_columns():
    outputs = {"b": np.array([[1, 2], [3, 4]], np.uint16), "a": np.array([b"x", b"\xff"], object)}
    rows = json.loads(replies.predictions(outputs))["predictions"]
    assert rows == [{"a": "x", "b": [1, 2]}, {"a": "\ufffd", "b": [3, 4]}]
    assert json.loads(replies.whole_outputs(outputs))["outputs"] == {"a": ["x", "\ufffd"], "b": [[1, 2], [3, 4]]}
    assert json.loads(replies.whole_outputs({"y": np.float32(0.1)[...]})) == {"outputs": 0.1}
    assert json.loads(replies.whole_outputs({"y": np.array(math.inf)}))["outputs"] == math.inf


@pytest.mark.parametrize(
    "body, message",
    [
        (b'{"a": "\\ud800"}', "surrogate pair"),
        (b'{"a": NaN, "b": "\\ud800"}', "surrogate pair"),
        (b'{"a": 1e999}', "too big"),
        (b'{"a": [' + b"9" * 5000 + b"x]}", "Number too big|Missing a comma or ]"),
        (b'{"a": "\xff"}', "Invalid encoding in string. at offset: 7"),
        (b'{"\xc3\xa9": 1 2}', "at offset: 9"),  # in bytes, not characters
        (b'{"a": "\\q"}', "Invalid escape character"),
        (b'{"a": "\\u12g4"}', "Incorrect hex digit"),
        (b'{"a": "x', "Missing a closing quotation mark"),
        (b'{"a": "x\ny"}', "Invalid encoding in string"),
        (b'{"a": {"b": [1, {"]": 2} 3]}}', "Missing a comma or ]"),
        (b'{"a": {"]": 2 3}}', "Missing a comma or }"),
    ],
)
def test_what_is_no_json_is_told_as_rapidjson_tells_it(body, message):
    with pytest.raises(Refusal, match=message) as refused:
        documents.parse(body)
    assert refused.value.status == 400


def test_a_long_value_is_cut_off_in_a_message():
    with pytest.raises(Refusal) as refused:
        predict.tensors({"instances": {"x": list(range(10**5))}}, {"x": "int32"})
    assert len(refused.value.message) < 700
