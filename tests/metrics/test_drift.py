"""Rings of a march: where they lie, and what is said of them."""

import numpy as np
import pytest

from progan_tf.metrics import drift


def tiles(count: int, deviation: float, mean: float = 128, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(mean, deviation, (count, 64, 32, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def test_rings_follow_what_is_known():
    strips = np.arange(32 + 3 * 32, dtype=np.uint8).reshape(1, 1, -1, 1)
    found = drift.rings(strips, known=32, tile=32)
    assert [ring[0, 0, 0, 0] for ring in found] == [32, 64, 96]
    assert all(ring.shape == (1, 1, 32, 1) for ring in found)


def test_statistics_are_those_of_the_definition():
    made = tiles(5, 20)
    levels = made.astype(float)
    found = drift.statistics(made)
    steps = [np.abs(np.diff(levels, axis=axis)).mean() for axis in (1, 2)]
    assert found.gradient_energy == pytest.approx(np.mean(steps), rel=1e-6)
    assert found.deviation == pytest.approx(
        np.mean([band.std() for band in levels.transpose(0, 3, 1, 2).reshape(15, -1)])
    )
    np.testing.assert_allclose(found.mean, levels.mean(axis=(0, 1, 2)), rtol=1e-6)


def test_white_noise_steps_by_its_deviation():
    assert drift.statistics(tiles(5, 10)).gradient_energy == pytest.approx(10 * 2 / np.sqrt(np.pi), rel=0.01)


def test_blurring_loses_gradient_energy():
    made = tiles(3, 20)
    blurred = ((made[:, :, 1:].astype(int) + made[:, :, :-1]) // 2).astype(np.uint8)
    assert drift.statistics(blurred).gradient_energy < 0.8 * drift.statistics(made).gradient_energy


def test_colour_drift_is_that_of_the_band_that_drifts_most():
    first = tiles(50, 5)
    later = first.copy()
    later[..., 1] -= 9
    later[..., 2] += 4
    found = drift.colour_drift(first, later)
    assert (found.value, found.standard_error) == (pytest.approx(9, abs=1e-4), pytest.approx(0, abs=1e-4))
    assert drift.colour_drift(first, first).value == 0


def test_the_error_of_a_colour_drift_is_that_over_strips():
    random = np.random.default_rng(0)
    drifts = []
    for _ in range(60):
        shades = random.normal(128, 20, (2, 25)).astype(np.uint8)
        pair = [np.broadcast_to(row[:, None, None, None], (25, 4, 4, 1)) for row in shades]
        drifts.append(drift.colour_drift(*pair))
    spread = np.sqrt(np.mean([one.value**2 for one in drifts]))
    assert np.mean([one.standard_error for one in drifts]) == pytest.approx(spread, rel=0.25)
