"""Lower levels against the plain definition, and against what the official tool wrote."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_prep.mipmaps import mipmaps
from progan_tf.data import records


def by_definition(image: np.ndarray, level: int) -> np.ndarray:
    """Every pixel of a level is the mean of the pixels it covers at the top, rounded half to even."""
    side, (height, _, channels) = 2**level, image.shape
    covered = height // side
    lower = np.empty((side, side, channels))
    for y in range(side):
        for x in range(side):
            block = image[y * covered : (y + 1) * covered, x * covered : (x + 1) * covered].astype(np.float64)
            lower[y, x] = block.mean((0, 1))
    return np.rint(lower).astype(image.dtype)


@settings(deadline=None, max_examples=30)
@given(
    level=st.integers(3, 6),
    channels=st.sampled_from([1, 3, 4]),
    steps=st.sampled_from([2, 256, 65536]),
    seed=st.integers(0, 99),
)
def test_every_level_is_the_mean_of_what_it_covers(level, channels, steps, seed):
    dtype = np.uint16 if steps > 256 else np.uint8
    image = np.random.default_rng(seed).integers(0, steps, (2**level, 2**level, channels)).astype(dtype)
    levels = list(mipmaps(image))
    assert len(levels) == level - 1
    for down, lower in enumerate(levels):
        assert lower.dtype == dtype
        np.testing.assert_array_equal(lower, by_definition(image, level - down))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_extreme_values_stay(dtype):
    for value in (0, np.iinfo(dtype).max):
        for lower in mipmaps(np.full((1024, 1024, 1), value, dtype)):
            assert lower.dtype == dtype
            assert (lower == value).all()


def test_halves_are_rounded_to_even_and_only_at_the_end():
    quarters = np.zeros((8, 8, 1), np.uint8)
    quarters[0::2, 0::2] = 1  # every mean of four is 0.25
    quarters[0:2, 0:2, 0] = [[1, 1], [0, 0]]  # this one 0.5, rounded to 0
    quarters[2:4, 0:2, 0] = [[3, 3], [0, 0]]  # and this one 1.5, rounded to 2
    lower = list(mipmaps(quarters))[1]
    assert (lower[0, 0, 0], lower[1, 0, 0], lower[2, 2, 0]) == (0, 2, 0)


def test_levels_are_those_of_the_official_tool_byte_for_byte(golden, tmp_path):
    official = golden / "official_tfrecords"
    levels = [list(mipmaps(np.asarray(Image.open(official / f"png/{i:02d}.png")))) for i in range(16)]
    for level in range(2, 7):
        with tf.io.TFRecordWriter(str(tmp_path / "mine")) as writer:
            for image in levels:
                writer.write(records.serialize(image[6 - level]))
        assert (tmp_path / "mine").read_bytes() == (
            official / f"eurosat16/eurosat16-r{level:02d}.tfrecords"
        ).read_bytes()
