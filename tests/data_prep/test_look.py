"""The perceptual hash against its plain definition, and on real tiles what it keeps through and what it tells apart."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import fft

from data_prep import look
from data_prep.duplicates import LEAST_LIKENESS, NEAR_BITS


def by_definition(image: np.ndarray) -> np.ndarray:
    """The 64 lowest frequencies of the grey picture shrunk to 32 x 32, each dimension by itself."""
    side = min(32, len(image))
    grey = image.astype(np.float64).mean(axis=2)
    block = len(image) // side
    small = np.array([[grey[r : r + block, c : c + block].mean() for c in range(0, len(image), block)]
                      for r in range(0, len(image), block)])  # fmt: skip
    return fft.dct(fft.dct(small, axis=0, norm="ortho"), axis=1, norm="ortho")[:8, :8].ravel()


@settings(deadline=None, max_examples=40)
@given(
    side=st.sampled_from([8, 16, 32, 64, 256]),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 1000),
)
def test_the_hash_are_signs_of_low_frequencies_against_their_median(side, channels, dtype, seed):
    image = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (side, side, channels)).astype(dtype)
    frequencies = by_definition(image)
    bits = "".join("1" if value > np.median(frequencies[1:]) else "0" for value in frequencies)
    assert look.perceptual_hash(look.describe(image)) == int(bits, 2)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), other=st.integers(0, 1000))
def test_likeness_is_the_correlation_of_low_frequencies(seed, other):
    images = [np.random.default_rng(s).integers(0, 256, (32, 32, 3), np.uint8) for s in (seed, other)]
    expected = np.corrcoef(
        *([0.0, *by_definition(image)[1:], *-by_definition(image)[1:]] for image in images)  # made free of a mean
    )[0, 1]
    assert look.likeness(*map(look.describe, images)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("side", [8, 64, 1024])
@pytest.mark.parametrize("value", [0, 1, 255])
def test_a_flat_picture_has_no_look(side, value):
    assert look.describe(np.full((side, side, 3), value, np.uint8)) is None
    fine = np.indices((side, side)).sum(0) % 2 * (side >= 64)  # of patterns finer than 1/32 nothing is seen
    assert look.describe((fine[..., None] * 100).astype(np.uint8)) is None


def recompressed(image: np.ndarray) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(image).save(data, "JPEG", quality=75)
    return np.asarray(Image.open(data))


CHANGES = {
    "recompressed": recompressed,
    "brighter": lambda image: np.clip(image.astype(int) + 12, 0, 255).astype(np.uint8),
    "duller": lambda image: np.rint(image * 0.85 + 19).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_real_tiles_are_known_again_after_small_changes(tiles256, change):
    known = []
    for path in sorted(tiles256.glob("*.jpg"))[::16]:
        image = np.asarray(Image.open(path))
        before, after = look.describe(image), look.describe(CHANGES[change](image))
        bits = (look.perceptual_hash(before) ^ look.perceptual_hash(after)).bit_count()
        known.append(bits <= NEAR_BITS and look.likeness(before, after) >= LEAST_LIKENESS)
    assert np.mean(known) > 0.98
