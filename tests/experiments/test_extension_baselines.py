"""Baselines of extension: known pixels stay, every mask is filled, and what each of them is by its definition."""

import numpy as np
import pytest
from scipy import spatial

from experiments.extension_evaluation import baselines, masks
from progan_tf.errors import InputError
from tests import datasets

SIDE = 32
OTHERS = datasets.landscape(5, SIDE, seed=9)
METHODS = baselines.baselines(OTHERS)


def given(count: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, known = datasets.landscape(count, SIDE), masks.masks(list(masks.KINDS), count, SIDE)
    return np.where(known[..., None], images, 0), known, np.arange(count)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_known_pixels_stay_and_unknown_ones_do_not_matter(method):
    images, known, seeds = given()
    filled = method.extend(images, known, seeds)
    assert filled.dtype == images.dtype and np.array_equal(filled[known], images[known])
    noise = np.where(known[..., None], images, np.random.default_rng(0).integers(0, 255, images.shape)).astype(np.uint8)
    np.testing.assert_array_equal(method.extend(noise, known.astype(np.uint8), seeds), filled)
    assert np.array_equal(method.extend(images, known, seeds + 1), filled) != method.random


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_windows_of_which_nothing_is_known(method):
    nothing = np.zeros((2, SIDE, SIDE), bool)
    filled = method.extend(np.zeros((2, SIDE, SIDE, 3), np.uint16), nothing, np.arange(2))
    assert filled.shape == (2, SIDE, SIDE, 3)


def test_replication_gives_the_nearest_known_pixel():
    images, known, seeds = given(5)
    filled = baselines.replicate(images, known, seeds)
    for image, mask, result in zip(images, known, filled, strict=True):
        places = np.argwhere(mask)
        tree = spatial.cKDTree(places)
        for place in np.argwhere(~mask)[::7]:
            distance = tree.query(place)[0]
            nearest = places[tree.query_ball_point(place, distance + 1e-9)]
            assert any(np.array_equal(result[tuple(place)], image[tuple(one)]) for one in nearest)


def test_the_mirror_of_a_half_is_the_half_turned_over():
    images = datasets.landscape(1, SIDE)
    left = np.tile(np.arange(SIDE) < 16, (1, SIDE, 1))
    filled = baselines.mirror(np.where(left[..., None], images, 0), left, np.zeros(1))
    np.testing.assert_array_equal(filled[:, :, 16:31], images[:, :, 14::-1])


def test_pasted_tiles_are_those_of_other_places():
    images, known, seeds = given(5)
    filled = baselines.Paste(OTHERS)(images, known, seeds)
    for mask, result in zip(known, filled, strict=True):
        assert any(np.array_equal(result[~mask], other[~mask]) for other in OTHERS)
    again = baselines.Paste(OTHERS)(images, known, seeds + len(OTHERS))
    assert not np.array_equal(again, filled)  # samples of a window differ, however many windows there are


def test_quilting_continues_a_texture_of_stripes():
    stripes = np.tile(np.arange(SIDE) % 8 * 30, (SIDE, 1)).astype(np.uint8)[..., None]
    for kind in ("half", "quadrant", "corner"):
        mask = masks.KINDS[kind](SIDE)
        filled = baselines.quilting(np.where(mask[..., None], stripes, 0)[None], mask[None], np.zeros(1, int))[0]
        np.testing.assert_array_equal(filled, stripes)


def test_quilting_uses_colours_that_are_known_only():
    images, known, seeds = given(5)
    for image, mask, result in zip(images, known, baselines.quilting(images, known, seeds), strict=True):
        assert {tuple(pixel) for pixel in result[~mask]} <= {tuple(pixel) for pixel in image[mask]}


def test_masks_take_turns_and_unknown_names_are_told():
    found = masks.masks(["half", "quadrant"], 9, SIDE)
    np.testing.assert_array_equal(found[2], np.rot90(found[0]))
    np.testing.assert_array_equal(found[8], found[0])
    assert not found[1][SIDE // 2 :, SIDE // 2 :].any() and found[1].sum() == 3 * SIDE**2 // 4
    with pytest.raises(InputError, match="choose of half"):
        masks.names("half,third")
