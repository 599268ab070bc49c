"""Minimum-error cuts against trying all ways."""

import itertools

import numpy as np
import pytest

from progan_tf.extension import cut


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length, width", [(1, 1), (1, 4), (6, 1), (5, 3), (6, 4)])
def test_a_path_is_the_best_of_all(length, width, seed):
    costs = np.random.default_rng(seed).random((length, width))
    ways = (
        way
        for way in itertools.product(range(width), repeat=length)
        if all(abs(one - other) <= 1 for one, other in itertools.pairwise(way))
    )
    best = min(ways, key=lambda way: sum(costs[row, column] for row, column in enumerate(way)))
    np.testing.assert_array_equal(cut.path(costs), best)


def strip_of(box, wide, side=12):
    strip = np.zeros((side, side), bool)
    strip[wide[0] : wide[2], wide[1] : wide[3]] = True
    strip[box[0] : box[2], box[1] : box[3]] = False
    return strip


@pytest.mark.parametrize("turns", range(4))
def test_the_cut_goes_where_both_pictures_agree_on_every_side(turns):
    """A line of agreement two pixels off the box; what is inside of it, and it, is new, what lies outside is old."""
    generated = np.zeros((12, 12), bool)
    generated[:, :4] = True
    newest = np.zeros((12, 12, 1))
    newest[generated] = 9
    newest[:, 2] = 0
    box = (3, 4, 9, 8)
    for _ in range(turns):
        box = (12 - box[3], box[0], 12 - box[1], box[2])
    generated, newest = np.rot90(generated, turns), np.rot90(newest, turns)
    wide = cut.around(generated, box, 3)
    strip = strip_of(box, wide) & generated
    taken = cut.newer(np.zeros((12, 12, 1)), newest, strip, box, wide)
    expected = np.zeros((12, 12), bool)
    expected[3:9, 2:4] = True
    np.testing.assert_array_equal(taken, np.rot90(expected, turns))


def test_a_corner_is_new_inside_both_cuts_only():
    generated = np.ones((12, 12), bool)
    box = (4, 4, 8, 8)
    wide = cut.around(generated, box, 3)
    assert wide == (1, 1, 11, 11)
    newest = np.full((12, 12, 1), 9)
    newest[2:10, 2] = newest[2:10, 9] = newest[2, 2:10] = newest[9, 2:10] = 0  # a square of agreement
    taken = cut.newer(np.zeros((12, 12, 1)), newest, strip_of(box, wide), box, wide)
    expected = np.zeros((12, 12), bool)
    expected[2:10, 2:10] = True
    expected[4:8, 4:8] = False
    # The cuts go on to the ends of the strip, where all ways cost the same; inside is what matters.
    np.testing.assert_array_equal(taken[2:10, 2:10], expected[2:10, 2:10])
    assert not taken[3:9, 1].any() and not taken[1, 3:9].any()


def test_pictures_of_bytes_do_not_wrap_around():
    older, newest = np.full((12, 12, 3), 255, np.uint8), np.zeros((12, 12, 3), np.uint8)
    newest[:, 2] = 254
    generated = np.zeros((12, 12), bool)
    generated[:, :4] = True
    wide = cut.around(generated, (3, 4, 9, 8), 3)
    taken = cut.newer(older, newest, strip_of((3, 4, 9, 8), wide), (3, 4, 9, 8), wide)
    assert taken[3:9, 2:4].all() and not taken[3:9, 1].any()


def test_sides_without_generated_pixels_are_not_widened():
    generated = np.zeros((12, 12), bool)
    assert cut.around(generated, (4, 4, 8, 8), 3) == (4, 4, 8, 8)
    generated[2, 5] = generated[5, 8] = True
    assert cut.around(generated, (4, 4, 8, 8), 3) == (1, 4, 8, 11)
    assert cut.around(generated, (4, 4, 8, 8), 5) == (0, 4, 8, 12)
    assert cut.around(np.ones((12, 12), bool), (1, 4, 11, 8), 3) == (0, 1, 12, 11)
