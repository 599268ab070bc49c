"""Errors and variety by distance against brute force, and the drift of a strip against numbers put in."""

import itertools

import numpy as np
import pytest

from progan_tf.metrics import distance, drift, ssim
from progan_tf.metrics.distance import ALL, NEAR, Band
from tests import datasets

SIDE = 32


def some_masks() -> np.ndarray:
    known = np.zeros((3, SIDE, SIDE), bool)
    known[0, :, :12] = True
    known[1] = True
    known[1, 9:, 14:] = False
    known[2, 3:6, 20] = True
    return known


def brute_force_distances(known: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(known.shape)
    there = np.argwhere(known)
    squares = (rows[..., None] - there[:, 0]) ** 2 + (columns[..., None] - there[:, 1]) ** 2
    return np.sqrt(squares.min(axis=-1))


def test_distances_are_those_to_the_nearest_known_pixel():
    known = some_masks()
    for mask, found in zip(known, distance.distances(known), strict=True):
        np.testing.assert_allclose(found, brute_force_distances(mask))
    assert np.isinf(distance.distances(np.zeros((1, 4, 4), bool))).all()


def test_errors_and_variety_by_band_are_what_loops_give():
    rng, known = np.random.default_rng(0), some_masks()
    truth = datasets.landscape(3, SIDE)
    samples = np.clip(truth + rng.integers(-30, 30, (4, *truth.shape)), 0, 255).astype(np.uint8)
    found, varied = distance.errors(truth, samples, known), distance.diversity(samples, known)
    assert {NEAR, ALL, Band(0, 2), Band(8, 16)} <= found.keys()
    for band, error in found.items():
        l1, squares, pairs = np.full((4, 3), np.nan), np.full((4, 3), np.nan), []
        for n, mask in enumerate(known):
            far = brute_force_distances(mask)
            inside = (far > band.low) & (far <= band.high)
            if not inside.any():
                continue
            for k in range(4):
                difference = samples[k, n][inside].astype(float) - truth[n][inside]
                l1[k, n], squares[k, n] = np.abs(difference).mean(), np.square(difference).mean()
            both = itertools.combinations(samples[:, n], 2)
            pairs.append(np.mean([np.abs(a[inside].astype(float) - b[inside]).mean() for a, b in both]))
        assert error.l1 == pytest.approx(np.nanmean(l1), rel=1e-5)
        assert error.best_l1 == pytest.approx(np.nanmean(l1[:, ~np.isnan(l1[0])].min(axis=0)), rel=1e-5)
        assert error.psnr == pytest.approx(10 * np.log10(255**2 / np.nanmean(squares)), rel=1e-5)
        assert varied[band] == pytest.approx(np.mean(pairs), rel=1e-4)


def test_the_truth_has_no_error_and_is_never_varied():
    truth, known = datasets.landscape(3, SIDE), some_masks()
    error = distance.errors(truth, truth[None], known)[ALL]
    assert error.l1 == 0 and error.psnr is None and error.ssim == pytest.approx(1)
    assert distance.diversity(np.stack([truth, truth]), known)[ALL] == pytest.approx(0, abs=1e-4)
    assert distance.diversity(truth[None], known)[ALL] == 0


def test_known_pixels_have_no_say():
    truth, known = datasets.landscape(3, SIDE), some_masks()
    damaged = np.where(known[..., None], 255 - truth, truth)
    assert distance.errors(truth, damaged[None], known)[ALL].l1 == 0


def test_where_nothing_is_known_all_pixels_count_and_no_band_of_distance():
    truth = datasets.landscape(2, SIDE)
    found = distance.errors(truth, truth[None], np.zeros((2, SIDE, SIDE), bool))
    assert found[ALL].l1 == 0 and np.isnan(found[NEAR].l1)


def test_ssim_by_band_is_the_mean_of_the_map_there():
    truth, known = datasets.landscape(3, SIDE), np.zeros((3, SIDE, SIDE), bool)
    other = truth[[1, 2, 0]]
    # With nothing known the mean over all places is the SSIM of whole images.
    expected = ssim.ssim_pairs(truth, other, 255).mean()
    assert distance.errors(truth, other[None], known)[ALL].ssim == pytest.approx(expected, rel=1e-5)


def test_rings_are_the_tiles_of_a_strip():
    strip = np.arange(64 + 3 * 32, dtype=np.uint8)[None, None, :, None]
    found = drift.rings(strip, 64, 32)
    assert [tile[0, 0, 0, 0] for tile in found] == [64, 96, 128] and {tile.shape[2] for tile in found} == {32}


def test_statistics_of_a_ring():
    board = np.indices((8, 8)).sum(axis=0) % 2 * 20
    tiles = np.stack([board, board + 10], axis=-1)[None].astype(np.uint8)
    found = drift.statistics(tiles)
    assert found.gradient_energy == pytest.approx(20) and found.mean == pytest.approx((10, 20))
    later = drift.colour_drift(tiles, tiles + np.array([1, 7], np.uint8))
    assert later.value == pytest.approx(7) and later.standard_error == pytest.approx(0, abs=1e-6)
