"""Precision, recall, density and coverage against prdc, golden values and counting by hand."""

import numpy as np
import pytest
from prdc import compute_prdc

from progan_tf.metrics import neighbours
from progan_tf.metrics.coverage import Coverage, coverage
from progan_tf.metrics.density import Density, density
from progan_tf.metrics.images import Images
from progan_tf.metrics.neighbours import squared_distances, squared_radii
from progan_tf.metrics.precision import Precision, precision
from progan_tf.metrics.recall import Recall, recall

METRICS = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def all_of(real: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    return {name: metric(real, generated, k) for name, metric in METRICS.items()}


def test_golden_values_of_the_published_tools():
    rng = np.random.RandomState(0)
    rng.randn(2, 100, 256)
    generated, real = rng.randn(400, 256) ** 2, (rng.randn(400, 256) + 0.3) ** 2
    assert precision(real, generated, 3) == 0.62
    assert recall(real, generated, 3) == 0.225
    assert density(real, generated, 3) == pytest.approx(2.66167, abs=5e-6)
    assert coverage(real, generated, 3) == 0.9925


@pytest.mark.parametrize("counts", [(50, 50), (90, 40), (20, 200)])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_they_are_those_of_prdc(rng, counts, k):
    real = rng.standard_normal((counts[0], 6)).astype(np.float32)
    generated = (0.8 * rng.standard_normal((counts[1], 6)) + 0.5).astype(np.float32)
    assert all_of(real, generated, k) == pytest.approx(compute_prdc(real, generated, nearest_k=k), abs=1e-12)


@pytest.mark.parametrize("offset", [0, 1000])
def test_distances_are_exact_far_from_the_origin(rng, offset):
    first, second = (rng.standard_normal((count, 8)).astype(np.float32) + np.float32(offset) for count in (30, 20))
    ((rows, distances),) = squared_distances(first, second)
    direct = np.square(first[:, np.newaxis].astype(np.float64) - second).sum(axis=-1)
    assert first[rows].shape == first.shape
    np.testing.assert_allclose(distances, direct, rtol=1e-6)


def test_radii_reach_the_kth_other(rng):
    features = rng.standard_normal((30, 4))
    direct = np.sort(np.square(features[:, np.newaxis] - features).sum(axis=-1), axis=1)
    for k in (1, 3, 29):
        np.testing.assert_allclose(squared_radii(features, k), direct[:, k], rtol=1e-6)


def test_blocks_make_no_difference(rng, monkeypatch):
    real, generated = rng.standard_normal((50, 4)), rng.standard_normal((31, 4)) + 0.5
    whole = all_of(real, generated, 3)
    monkeypatch.setattr(neighbours, "_BLOCK", 7 * 31)
    assert len(list(squared_distances(real, generated))) == 8
    assert all_of(real, generated, 3) == whole


def test_a_set_against_itself(rng):
    features = rng.standard_normal((200, 16)).astype(np.float32) * 100 + 1000
    shuffled = rng.permutation(features)
    found = all_of(features, shuffled, 5)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    # Each ball holds its own centre and the four neighbours nearer than the one it reaches to.
    assert found["density"] == 1


def test_sets_far_apart_share_nothing(rng):
    real = rng.standard_normal((40, 4))
    assert set(all_of(real, real + 100, 5).values()) == {0}


def test_one_image_repeated_is_caught_by_recall_and_coverage(rng):
    real = rng.standard_normal((100, 16)).astype(np.float32)
    generated = np.repeat(real[7:8], 60, axis=0)
    found = all_of(real, generated, 3)
    assert found["precision"] == 1
    assert found["recall"] == 0.01  # balls without extent hold the image itself
    assert found["coverage"] < 0.1


def test_constant_sets():
    flat = np.full((10, 4), 3.3, np.float32)
    # All distances are nought: inside a closed ball, outside an open one.
    assert all_of(flat, flat, 3) == {"precision": 1, "recall": 1, "density": 0, "coverage": 0}


def test_half_of_a_set_missing_shows_in_recall_not_in_precision(rng):
    modes = np.repeat([[0.0], [50.0]], 200, axis=0) * np.ones(2)
    real = rng.standard_normal((400, 2)) + modes
    generated = rng.standard_normal((400, 2))
    assert precision(real, generated) > 0.9
    assert 0.4 < recall(real, generated) <= 0.5
    assert 0.4 < coverage(real, generated) <= 0.5


def test_the_metrics_yield_them_under_their_names(rng):
    class Corner:
        name, digest = "corner", "0" * 64

        def __call__(self, images: Images) -> np.ndarray:
            return images.rgb()[:, 0, 0].astype(np.float32)

    real, generated = (Images.of("noise", rng.integers(0, 256, (count, 4, 4, 4), np.uint8)) for count in (19, 26))
    features = Corner()(real), Corner()(generated)
    for metric, k in ((Precision, 3), (Recall, 3), (Density, 5), (Coverage, 5)):
        assert metric.smallest == k + 1
        assert dict(metric(Corner()).run(real, generated)) == {metric.name: METRICS[metric.name](*features, k)}
