"""Latents of seeds and the way between them."""

import itertools

import numpy as np
import pytest

from progan_tf.export.seeds import latents_of, slerp


def test_latents_depend_on_the_seed_alone():
    np.testing.assert_array_equal(latents_of(5, 64), latents_of(5, 64))
    assert not np.array_equal(latents_of(5, 64), latents_of(6, 64))
    many = np.concatenate([latents_of(seed, 64) for seed in range(100)])
    assert abs(many.mean()) < 0.05 and abs(many.std() - 1) < 0.05


def test_slerp_turns_evenly_from_one_end_to_the_other():
    a, b = latents_of(0, 64).numpy(), latents_of(1, 64).numpy()
    np.testing.assert_allclose(slerp(a, b, 0), a, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slerp(a, b, 1), b, rtol=1e-5, atol=1e-6)
    way = [slerp(a, b, step / 4) for step in range(5)]
    unit = [point / np.linalg.norm(point) for point in way]
    angles = [np.arccos(before @ after) for before, after in itertools.pairwise(unit)]
    np.testing.assert_allclose(angles, angles[0], rtol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1.0, 2.5, -1.0])
def test_latents_in_line_go_straight(factor):
    a = np.array([0.5, -2.0], np.float32)
    for one in (a, a[:1]):
        way = [slerp(one, one * np.float32(factor), step / 4) for step in range(5)]
        np.testing.assert_allclose(way, [one * (1 + (factor - 1) * step / 4) for step in range(5)], rtol=1e-6)
