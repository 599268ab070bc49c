"""Squares of an image in memory: where they are cut, and what shrinking does to values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.sources import squares

SIDES = st.integers(8, 40)


def image(height: int, width: int, bands: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (height, width, bands), dtype, endpoint=True)


@settings(deadline=None, max_examples=60)
@given(height=SIDES, width=SIDES, step=st.integers(3, 12), bands=st.sampled_from([1, 3, 5]))
def test_tiles_lie_step_apart_inside_the_image_and_none_is_left_out(height, width, step, bands):
    original = image(height, width, bands)
    found = {(row, column): square for row, column, square, _ in squares.squares(original, 8, "tile", step)}
    expected = [(r, c) for r in range(height) for c in range(width) if r * step + 8 <= height and c * step + 8 <= width]
    assert list(found) == expected
    assert squares.count(height, width, 8, "tile", step) == len(expected)
    for (row, column), square in found.items():
        top, left = row * step, column * step
        np.testing.assert_array_equal(square, original[top : top + 8, left : left + 8])


@pytest.mark.parametrize("fit", ["tile", "crop", "resize"])
@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_the_count_is_the_number_of_squares(fit, height, width):
    assert len(list(squares.squares(image(height, width), 8, fit, 8))) == squares.count(height, width, 8, fit, 8)


@pytest.mark.parametrize("side, whole", [(8, True), (9, False), (16, False)])
def test_a_tile_is_the_whole_image_only_where_they_are_of_one_size(side, whole):
    assert {flag for *_, flag in squares.squares(image(side, side), 8, "tile", 8)} == {whole}


@settings(deadline=None, max_examples=40)
@given(height=SIDES, width=SIDES)
def test_crop_takes_the_centre(height, width):
    original = image(height, width)
    ((row, column, square, whole),) = squares.squares(original, 8, "crop", 8)
    top, left = (height - 8) // 2, (width - 8) // 2
    np.testing.assert_array_equal(square, original[top : top + 8, left : left + 8])
    assert (row, column, whole) == (0, 0, True)


@pytest.mark.parametrize("dtype, bands", [("uint8", 1), ("uint8", 3), ("uint8", 4), ("uint16", 1), ("uint16", 7)])
def test_resize_shrinks_the_largest_central_square_and_keeps_constant_bands(dtype, bands):
    values = np.arange(1, bands + 1) * (np.iinfo(dtype).max // 8)
    wide = np.zeros((32, 96, bands), dtype)
    wide[:, 32:64] = values
    ((_, _, square, whole),) = squares.squares(wide, 8, "resize", 8)
    assert (square.shape, square.dtype, whole) == ((8, 8, bands), np.dtype(dtype), True)
    np.testing.assert_array_equal(square, np.broadcast_to(values, square.shape))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_shrinking_is_antialiased_and_treats_bands_alone(dtype):
    top = np.iinfo(dtype).max
    checkers = (np.indices((256, 256)).sum(0) % 2 * top).astype(dtype)
    square = squares.shrunk(np.stack([checkers, np.full_like(checkers, 7), checkers, np.zeros_like(checkers)], -1), 8)
    assert np.abs(square[..., [0, 2]].astype(float) - top / 2).max() < 0.02 * top
    np.testing.assert_array_equal(square[..., [1, 3]], np.broadcast_to([7, 0], (8, 8, 2)))


def lanczos(line: np.ndarray, size: int) -> np.ndarray:
    """A line [S] resampled by its definition: windowed sinc of three lobes, widened by the factor, weights of sum 1."""
    scale = len(line) / size
    found = []
    for place in range(size):
        distance = (np.arange(len(line)) + 0.5 - (place + 0.5) * scale) / scale
        weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
        found.append((weights * line).sum() / weights.sum())
    return np.array(found)


@pytest.mark.parametrize("dtype, tolerance", [("uint8", 1), ("uint16", 1)])
def test_shrinking_is_the_lanczos_filter(dtype, tolerance):
    original = image(32, 32, 2, dtype, seed=3)
    exact = np.stack([np.apply_along_axis(lanczos, 1, original[..., b].astype(float), 8) for b in range(2)], -1)
    exact = np.apply_along_axis(lanczos, 0, exact, 8)
    expected = np.clip(exact, 0, np.iinfo(dtype).max)
    assert np.abs(squares.shrunk(original, 8) - expected).max() <= tolerance


def test_values_past_the_ends_of_the_type_are_clipped():
    step = np.zeros((32, 32, 1), np.uint16)
    step[:, 16:] = 65535
    square = squares.shrunk(step, 8)
    assert (square.min(), square.max()) == (0, 65535)


def test_an_image_of_the_right_size_stays_as_it_is():
    original = image(8, 8, dtype="uint16")
    np.testing.assert_array_equal(squares.shrunk(original, 8), original)
