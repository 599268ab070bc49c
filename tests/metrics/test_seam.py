"""The seam ratio against what is known of it: 1 for real imagery, JPEG or not, and the step that was put in."""

import io

import numpy as np
import pytest
from PIL import Image

from progan_tf.errors import InputError
from progan_tf.metrics import join_classifier, seam
from progan_tf.metrics.joins import Join, joins, like_places
from tests import datasets

WINDOW = 64
HALF = np.tile(np.arange(WINDOW) < WINDOW // 2, (WINDOW, 1))


def masks(count: int) -> np.ndarray:
    """The known half on each of the four sides in turn."""
    return np.stack([np.rot90(HALF, turn % 4) for turn in range(count)])


def windows_of(scene: np.ndarray) -> np.ndarray:
    """Windows [N, 64, 64, C] side by side, so that joins in their middle lie on edges of JPEG blocks."""
    rows, columns = scene.shape[0] // WINDOW, scene.shape[1] // WINDOW
    cut = scene[: rows * WINDOW, : columns * WINDOW].reshape(rows, WINDOW, columns, WINDOW, -1)
    return cut.swapaxes(1, 2).reshape(rows * columns, WINDOW, WINDOW, -1)


def jpeg(scene: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(scene).save(file, format="JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file))


def naive_ratio(images: np.ndarray) -> float:
    """Step across the middle column over the mean of all steps within 3 columns of it: what one would write first."""
    steps = np.abs(np.diff(images.astype(float), axis=2)).mean(axis=(1, 3))
    middle = WINDOW // 2 - 1
    beside = [middle + offset for offset in (-3, -2, -1, 1, 2, 3)]
    return float(steps[:, middle].mean() / steps[:, beside].mean())


def test_a_real_scene_of_jpeg_blocks_has_no_seams(scenes):
    scene = np.asarray(Image.open(scenes / "dubai_tile5_stitched.jpg").convert("RGB"))
    images = windows_of(scene)
    found = seam.measure(images, masks(len(images)))
    assert found.pooled_ratio == pytest.approx(1, abs=0.05)
    assert np.median(found.ratio) == pytest.approx(1, abs=0.05)


def test_the_reference_of_the_same_phase_is_what_sees_through_jpeg_blocks():
    images = np.concatenate([windows_of(jpeg(datasets.landscape(1, 256, seed)[0], 20)) for seed in range(12)])
    left = np.broadcast_to(HALF, (len(images), WINDOW, WINDOW))
    assert naive_ratio(images) > 1.3
    assert seam.measure(images, left).pooled_ratio == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("turns", range(4))
def test_images_of_period_16_have_a_ratio_of_one(turns):
    row = np.random.default_rng(0).integers(0, 255, (1, 16, 3))
    image = np.tile(row, (WINDOW, 4, 1)).astype(np.uint8)[None]
    assert abs(naive_ratio(image) - 1) > 0.05
    image = np.rot90(image, turns, axes=(1, 2))
    assert seam.measure(image, np.rot90(HALF, turns)[None]).ratio == pytest.approx(1)


def test_the_ratio_is_the_step_across_over_the_steps_elsewhere():
    # A ramp of 2 grey levels a column, and a jump of 10 in its place between columns 31 and 32.
    ramp = 2 * np.arange(WINDOW) + np.where(np.arange(WINDOW) >= 32, 8, 0)
    image = np.tile(ramp[:, None], (WINDOW, 1, 1)).astype(np.uint8)[None]
    found = seam.measure(image, HALF[None])
    assert found.across == pytest.approx(10) and found.elsewhere == pytest.approx(2)
    assert found.ratio == pytest.approx(5) and found.pooled_ratio == pytest.approx(5)
    assert found.log_ratio == pytest.approx(np.log(5))
    assert found.colour_elsewhere == pytest.approx(16)  # means of 8 columns, 8 columns apart
    assert found.colour_step == pytest.approx(24)


def test_sixteen_bits_and_turned_images_score_the_same():
    images = datasets.landscape(6, WINDOW)
    left = np.broadcast_to(HALF, (6, WINDOW, WINDOW))
    found = seam.measure(images, left)
    wide = seam.measure(images.astype(np.uint16) * 257, left)
    turned = seam.measure(np.rot90(images, axes=(1, 2)), np.rot90(left, axes=(1, 2)))
    np.testing.assert_allclose(wide.ratio, found.ratio, rtol=1e-5)
    np.testing.assert_allclose(turned.ratio, found.ratio, rtol=1e-5)


def test_joins_of_three_known_quadrants():
    known = np.ones((WINDOW, WINDOW), bool)
    known[32:, 32:] = False
    assert list(joins(known)) == [Join(True, 32, 32, 64), Join(False, 32, 32, 64)]
    assert like_places(Join(True, 32, 32, 64), known) == [16, 48]


def test_places_beyond_another_join_do_not_count_where_lines_cross_it():
    known = np.zeros((WINDOW, WINDOW), bool)
    known[:, :16], known[:, 48:] = True, True  # a gap of 32 pixels
    assert [join.place for join in joins(known)] == [16, 48]
    assert 48 not in like_places(next(joins(known)), known)


def test_masks_without_a_join_are_told():
    with pytest.raises(InputError, match="no join"):
        seam.measure(datasets.landscape(2, WINDOW), np.zeros((2, WINDOW, WINDOW), bool))


def test_flat_images_have_no_seam():
    flat = np.full((2, WINDOW, WINDOW, 1), 90, np.uint8)
    assert seam.measure(flat, masks(2)).ratio == pytest.approx(1)


def test_a_classifier_finds_joins_and_finds_none_in_real_images():
    images = datasets.landscape(192, WINDOW)
    images = images[np.random.default_rng(0).permutation(len(images))]
    known = masks(len(images))
    pasted = np.where(known[..., None], images, np.roll(images, 1, axis=0))
    assert join_classifier.area(pasted, known) > 0.8
    assert join_classifier.area(images, known) == pytest.approx(0.5, abs=0.1)


def test_the_area_under_the_curve_counts_pairs():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 5, 40).astype(float), rng.random(40) < 0.4
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    assert join_classifier.area_under_curve(scores, positive) == pytest.approx(np.mean(pairs))


def test_too_few_windows_for_a_classifier_are_told():
    with pytest.raises(InputError, match="8 windows"):
        join_classifier.area(datasets.landscape(4, WINDOW), masks(4))
