"""Scaling: physical values to pixels and back, by the formula in exact arithmetic."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError


def exactly(value: float, low: float, high: float, top: int) -> Fraction:
    """Where a value lies between 0 and `top`, unrounded."""
    share = (Fraction(value) - Fraction(low)) / (Fraction(high) - Fraction(low))
    return min(max(share, Fraction(0)), Fraction(1)) * top


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(["uint8", "uint16", "int16", "float32", "float64"]),
    dtype=st.sampled_from(["uint8", "uint16"]),
    low=st.integers(-3000, 8000),
    width=st.integers(1, 12000),
    seed=st.integers(0, 999),
)
def test_pixels_are_the_nearest_to_the_exact_ones(kind, dtype, low, width, seed):
    rng, top = np.random.default_rng(seed), np.iinfo(dtype).max
    values = rng.uniform(low - width, low + 2 * width, (20, 1))
    if kind.startswith("float"):
        values = values.astype(kind)
    else:
        values = np.clip(np.rint(values), np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)
    pixels = Scaling("range", (float(low),), (float(low + width),)).to_pixels(values, dtype)
    assert pixels.dtype == dtype
    for value, pixel in zip(values.ravel().tolist(), pixels.ravel().tolist(), strict=True):
        assert abs(pixel - exactly(value, low, low + width, top)) <= 0.5 + (0.001 if dtype == "uint8" else 0.05)


def test_ends_and_what_lies_beyond():
    scaling = Scaling("range", (100.0,), (300.0,))
    values = np.array([[-math.inf], [0], [100], [150], [300], [1e9], [math.inf], [math.nan]])
    assert scaling.to_pixels(values, "uint16")[:, 0].tolist() == [0, 0, 0, 16384, 65535, 65535, 65535, 0]


def test_every_band_has_its_own_range():
    scaling = Scaling("bands", (0.0, 1000.0, -1.0), (10.0, 3000.0, 1.0))
    values = np.array([[[5, 1000, 0.0], [10, 3000, 1.0]]], np.float32)
    assert scaling.to_pixels(values, "uint8").tolist() == [[[128, 0, 128], [255, 255, 255]]]


def test_halves_are_rounded_to_even():
    scaling = Scaling("range", (0.0,), (510.0,))
    assert scaling.to_pixels(np.array([[1], [3], [5], [7]], np.uint16), "uint8")[:, 0].tolist() == [0, 2, 2, 4]


def test_values_far_from_zero_keep_their_precision():
    scaling = Scaling("range", (1e9,), (1e9 + 255,))
    values = 1e9 + np.arange(256.0)[:, None]
    np.testing.assert_array_equal(scaling.to_pixels(values, "uint8")[:, 0], np.arange(256))


@settings(deadline=None, max_examples=50)
@given(low=st.floats(-1e4, 1e4), width=st.floats(0.5, 1e5), dtype=st.sampled_from(["uint8", "uint16"]))
def test_the_way_back_and_forth_again_is_the_same_pixel(low, width, dtype):
    scaling = Scaling("bands", (low, 0.0), (low + width, 1.0))
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (100, 2), dtype, endpoint=True)
    physical = scaling.to_physical(pixels)
    assert physical.dtype == np.float32
    step = np.array([width, 1.0]) / np.iinfo(dtype).max
    exact = np.array([low, 0.0]) + pixels * step
    np.testing.assert_allclose(physical, exact, rtol=0, atol=1e-7 * (abs(low) + width + 1))
    if abs(low) < width:  # else single precision holds less than the pixels do
        np.testing.assert_array_equal(scaling.to_pixels(physical, dtype), pixels)


def test_a_scaling_goes_through_json():
    scaling = Scaling("joint", (0.1, 2.0), (1 / 3, 4.0))
    assert Scaling.from_dict(json.loads(json.dumps(scaling.as_dict()))) == scaling


@pytest.mark.parametrize("fields", [{}, {"mode": "bands", "low": [1]}, {"mode": "bands", "low": 1, "high": 2}])
def test_what_is_no_scaling_is_an_input_error(fields):
    with pytest.raises(InputError, match="has no mode, low and high"):
        Scaling.from_dict(fields)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_two_scalings_one_after_the_other_are_one(dtype):
    first = Scaling("bands", (100.0, -5.0), (4100.0, 5.0))
    second = Scaling("range", (10.0, 20.0), (200.0, 240.0))
    physical = np.linspace([300.0, -4.0], [3000.0, 4.0], 50)
    top = np.iinfo(dtype).max
    pixels = (physical - np.array(first.low)) / (np.array(first.high) - np.array(first.low)) * top
    twice = (pixels - np.array(second.low)) / (np.array(second.high) - np.array(second.low))
    once = second.after(first, dtype)
    assert once.mode == "range"
    np.testing.assert_allclose(
        (physical - np.array(once.low)) / (np.array(once.high) - np.array(once.low)), twice, rtol=1e-9
    )
