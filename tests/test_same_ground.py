"""What tells copies of ground by their look: against the project's own hash, and on pictures made for it."""

import numpy as np
import pytest

from data_prep import look, procedural
from tests.same_ground import SIDE, STEP, Scene


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return procedural.scene(3, size=512)


@pytest.fixture(scope="module")
def scene(image) -> Scene:
    return Scene.of(image)


def test_hashes_are_those_that_duplicates_are_told_by(image, scene):
    places = (512 - SIDE) // STEP + 1
    assert scene.hashes.shape == (places, places)
    for y, x in np.random.default_rng(0).integers(0, places, (50, 2)).tolist():
        square = image[y * STEP : y * STEP + SIDE, x * STEP : x * STEP + SIDE]
        expected = look.perceptual_hash(look.describe(square))
        assert (int(scene.hashes[y, x]) ^ expected).bit_count() <= 2  # where a frequency is the median, to rounding


@pytest.mark.parametrize("y, x", [(0, 0), (1, 1), (101, 202), (384, 384), (383, 7)])
def test_a_copy_is_found_wherever_it_lies_and_though_it_is_blurred_and_noisy(image, scene, y, x):
    square = image[y : y + SIDE, x : x + SIDE].astype(float)
    noise = np.random.default_rng(1).normal(0, 2, square.shape)
    assert scene.shows(np.clip(1.1 * square + noise - 5, 0, 255).astype(np.uint8))


def test_other_ground_is_not(scene):
    other = procedural.scene(4, size=512)
    squares = [other[y : y + SIDE, x : x + SIDE] for y in range(0, 512, SIDE) for x in range(0, 512, SIDE)]
    assert not any(scene.shows(square) for square in squares)


def test_a_flat_square_has_nothing_to_be_known_by(scene):
    assert scene.shows(np.full((SIDE, SIDE, 3), 200, np.uint8)) is None
