"""What the discriminator sees does not hide which images are the true ones, while the probability is below the limit.

The generator is judged by what augmentation makes of its images. It is led to the true ones where no other
distribution looks the same after augmentation: where the map from distributions before to distributions after can be
inverted (Karras et al. 2020, appendix C; Bora et al. 2018). At probability 1 it cannot: a turn by any quarter is the
same of any image's turns.
"""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation import ada, blitting, colour, geometry
from tests.augmentation import by_hand

PROBABILITIES = [0.1, 0.5, ada.LIMIT]


def grid(*counts: int) -> np.ndarray:
    """All combinations of the middles of so many equal parts of [0, 1): exact probabilities, not estimates."""
    return np.array(list(itertools.product(*((np.arange(count) + 0.5) / count for count in counts))), np.float32)


def transitions(p: float) -> np.ndarray:
    """[8, 8]: how often an image of each orientation comes out of flips and turns in each orientation."""
    numbers = grid(2, 10, 4, 10)  # mirrored, its coin, quarters, their coin
    still = np.full((len(numbers), 3), 0.5, np.float32)  # a shift by nothing
    draws = np.concatenate([numbers, still], axis=1)
    image = by_hand.images(1, 4, 1)[0]
    orientations = [np.rot90(start, quarters) for start in (image, image[:, ::-1]) for quarters in range(4)]
    matrix = np.zeros((8, 8))
    for row, start in enumerate(orientations):
        columns = iter(tf.unstack(tf.constant(draws), axis=1))
        seen = blitting.blit(tf.tile(start[None], [len(draws), 1, 1, 1]), columns, tf.constant(p)).numpy()
        matrix[row] = [(seen == end).all(axis=(1, 2, 3)).mean() for end in orientations]
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    return matrix


@pytest.mark.parametrize("p", PROBABILITIES)
def test_true_orientations_follow_from_those_that_are_seen(p):
    matrix = transitions(p)
    assert (matrix.argmax(axis=1) == np.arange(8)).all()  # the true one is seen most
    true = np.array([0.55, 0, 0.25, 0, 0, 0.2, 0, 0])
    np.testing.assert_allclose(np.linalg.solve(matrix.T, true @ matrix), true, atol=1e-6)
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False)[-1], (1 - p) ** 2, atol=1e-6)


def test_at_probability_one_all_orientations_look_alike():
    matrix = transitions(1.0)
    np.testing.assert_allclose(matrix, 1 / 8, atol=1e-6)
    assert np.linalg.matrix_rank(matrix) == 1


@pytest.mark.parametrize("p", [*PROBABILITIES, 1.0])
@pytest.mark.parametrize("part", ["luma", "hue"])
def test_mean_colours_keep_1_minus_p_of_their_hue_and_of_their_luma(p, part):
    """Turns of the hue, and of the luma to its negative, fade what they turn, and wipe it out only at 1."""
    place, numbers = {"luma": (4, grid(2, 10)), "hue": (6, grid(16, 10))}[part]
    draws = np.full((len(numbers), colour.DRAWS), 0.5, np.float32)  # strengths of nothing
    draws[:, 4] = 0.25  # for the luma, which is turned from 0.5 on
    draws[:, place : place + 2] = numbers
    pixel = by_hand.images(1, 1, 3)
    columns = iter(tf.unstack(tf.constant(draws), axis=1))
    seen = colour.recolour(tf.tile(pixel, [len(draws), 1, 1, 1]), columns, tf.constant(p)).numpy().mean(axis=0)
    luma, hue = pixel.mean(), pixel[0] - pixel.mean()
    np.testing.assert_allclose(seen, (1 - p) * luma + hue if part == "luma" else luma + (1 - p) * hue, atol=1e-5)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_both_turns_together_leave_1_minus_p_of_the_images_upright(p):
    coins = grid(200, 200)
    draws = np.full((len(coins), geometry.DRAWS), 0.9, np.float32)  # an angle, and what does not happen
    draws[:, [3, 7]] = coins
    image = tf.constant(by_hand.images(1, 4, 1))
    columns = iter(tf.unstack(tf.constant(draws), axis=1))
    seen = geometry.transform(tf.tile(image, [len(draws), 1, 1, 1]), columns, tf.constant(p))
    assert (seen.numpy() == image.numpy()).all(axis=(1, 2, 3)).mean() == pytest.approx(1 - p, abs=0.005)
