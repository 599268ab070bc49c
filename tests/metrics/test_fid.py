"""The Fréchet distance against the matrix root, golden values, and what it must do to known changes."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg

from progan_tf.errors import InputError
from progan_tf.metrics import evaluation, fid
from progan_tf.metrics.fid import Fid, frechet_distance, measure
from progan_tf.metrics.images import Images


@dataclasses.dataclass(frozen=True)
class MeanColour:
    """An extractor that needs no weights."""

    name: str = "mean colour"
    digest: str = "0" * 64

    def __call__(self, images: Images) -> np.ndarray:
        return images.rgb().mean(axis=(1, 2), dtype=np.float32)


def by_the_matrix_root(first: np.ndarray, second: np.ndarray) -> float:
    covariance1, covariance2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = scipy.linalg.sqrtm(covariance1 @ covariance2).real
    gap = first.mean(axis=0) - second.mean(axis=0)
    return gap @ gap + np.trace(covariance1 + covariance2 - 2 * root)


def skewed(rng: np.random.Generator, count: int, size: int, shift: float = 0.0) -> np.ndarray:
    return (rng.standard_normal((count, size)) @ rng.standard_normal((size, size)) / size**0.5 + shift) ** 2


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_golden_values_of_the_published_tools():
    rng = np.random.RandomState(0)
    few = rng.randn(100, 256) ** 2, (rng.randn(100, 256) + 0.3) ** 2
    many = rng.randn(400, 256) ** 2, (rng.randn(400, 256) + 0.3) ** 2
    assert frechet_distance(*few) == pytest.approx(561.79876, abs=1e-5)
    assert frechet_distance(*many) == pytest.approx(193.4830762258, abs=1e-9)


def test_distances_of_reference_features_are_those_that_were_computed_with_them(fid_data):
    features = np.load(fid_data / "reference_features.npz")["features"]
    order = np.random.RandomState(0).permutation(240)
    one, other, dubai = features[order[:120]], features[order[120:]], features[240:]
    assert frechet_distance(one, other) == pytest.approx(170.8, abs=0.05)
    assert frechet_distance(one, dubai) == pytest.approx(284.1, abs=0.05)


@pytest.mark.parametrize("counts", [(200, 200), (200, 90), (65, 500), (1000, 64)])
def test_it_is_that_of_the_matrix_root(rng, counts):
    first, second = skewed(rng, counts[0], 32), skewed(rng, counts[1], 32, shift=0.3)
    assert frechet_distance(first, second) == pytest.approx(by_the_matrix_root(first, second), rel=1e-9)


@pytest.mark.parametrize("counts", [(2, 2), (2, 50), (20, 20), (32, 33), (33, 32), (5, 400)])
def test_fewer_images_than_features_are_exact_too(rng, counts):
    first, second = skewed(rng, counts[0], 32), skewed(rng, counts[1], 32, shift=0.3)
    products = np.linalg.eigvals(np.cov(first, rowvar=False) @ np.cov(second, rowvar=False))
    gap = first.mean(axis=0) - second.mean(axis=0)
    variance = first.var(axis=0, ddof=1).sum() + second.var(axis=0, ddof=1).sum()
    expected = gap @ gap + variance - 2 * np.sqrt(np.maximum(products.real, 0)).sum()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-5)  # roots of rounded zeros


@pytest.mark.parametrize("count", [20, 100])
def test_blocks_make_no_difference(rng, count, monkeypatch):
    first, second = skewed(rng, count, 32), skewed(rng, count, 32, shift=0.3)
    whole = measure(first, second)
    monkeypatch.setattr(fid, "_ROWS", 7)
    blocks = measure(first, second)
    assert blocks.value == pytest.approx(whole.value, rel=1e-10)
    assert blocks.standard_error == pytest.approx(whole.standard_error, rel=1e-8)


@pytest.mark.parametrize("count", [20, 100])
def test_equal_sets_are_at_no_distance_in_any_order(rng, count):
    features = skewed(rng, count, 32)
    assert measure(features, rng.permutation(features)).value == pytest.approx(0, abs=1e-10)
    assert measure(features, rng.permutation(features)).standard_error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("count", [20, 100])
def test_a_shift_adds_its_square(rng, count):
    first, second = skewed(rng, count, 32), skewed(rng, count, 32)
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    shift = rng.standard_normal(32)
    moved = frechet_distance(first, second + shift)
    assert moved == pytest.approx(frechet_distance(first, second) + shift @ shift, rel=1e-10)


@pytest.mark.parametrize("count", [20, 100])
def test_rotation_order_and_exchange_change_nothing(rng, count):
    first, second = skewed(rng, count, 32), skewed(rng, count + 9, 32, shift=0.2)
    rotation = np.linalg.qr(rng.standard_normal((32, 32)))[0]
    plain = measure(first, second)
    for other in (
        measure(first @ rotation, second @ rotation),
        measure(rng.permutation(first), rng.permutation(second)),
        measure(second, first),
    ):
        assert other.value == pytest.approx(plain.value, rel=1e-10)
        assert other.standard_error == pytest.approx(plain.standard_error, rel=1e-8)


def test_constant_features(rng):
    flat, features = np.full((50, 8), 3.0), skewed(rng, 50, 8)
    assert measure(flat, flat) == fid.FrechetDistance(0.0, 0.0)
    variance = features.var(axis=0, ddof=1).sum()
    expected = np.square(features.mean(axis=0) - 3).sum() + variance
    assert frechet_distance(flat, features) == pytest.approx(expected, rel=1e-12)
    features[:, 3] = 0  # one that never fires
    assert frechet_distance(features, features + 1) == pytest.approx(8, rel=1e-10)


def test_float32_features_are_summed_in_float64(rng):
    features = (skewed(rng, 400, 16) + 1000).astype(np.float32)
    first, second = features[:200], features[200:]
    expected = by_the_matrix_root(first.astype(np.float64), second.astype(np.float64))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("counts, shift", [((40, 40), 1.0), ((300, 60), 0.5), ((10, 100), 1.0)])
def test_the_standard_error_is_the_spread_over_samples(counts, shift):
    rng, mixing = np.random.default_rng(0), np.random.default_rng(1).standard_normal((16, 16)) / 4
    draws = [
        measure(rng.standard_normal((counts[0], 16)) @ mixing, rng.standard_normal((counts[1], 16)) @ mixing + shift)
        for _ in range(400)
    ]
    spread = np.std([draw.value for draw in draws], ddof=1)
    assert np.sqrt(np.mean([draw.standard_error**2 for draw in draws])) == pytest.approx(spread, rel=0.15)


# The metric.


def images(count: int, seed: int = 0, channels: int = 3, dtype: type = np.uint8) -> Images:
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(seed).integers(0, top, (count, 1, 1, channels), dtype, endpoint=True)
    return Images.of("noise", np.broadcast_to(pixels, (count, 8, 8, channels)))


def test_it_yields_the_distance_and_its_error():
    real, generated = images(30), images(20, seed=1)
    extractor = MeanColour("inception-2015-12-05 clean")
    expected = measure(extractor(real), extractor(generated))
    figures = dict(Fid(extractor).run(real, generated))
    assert figures == {"fid": expected.value, "fid/se": expected.standard_error}


@pytest.mark.parametrize("name, called", [("FD-buildings", "fd-buildings"), ("mean colour", "fd-mean colour")])
def test_through_another_network_it_is_not_called_fid(name, called):
    metric = Fid(MeanColour(name))
    assert metric.name == called
    assert [figure for figure, _ in metric.run(images(5), images(5, seed=1))] == [called, f"{called}/se"]


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_bands_and_depth(channels, dtype):
    one, other = images(20, channels=channels, dtype=dtype), images(20, 1, channels=channels, dtype=dtype)
    figures = dict(Fid(MeanColour("inception-2015-12-05 clean")).run(one, other))
    assert figures["fid"] > 0
    assert dict(Fid(MeanColour("inception-2015-12-05 clean")).run(one, one))["fid"] == pytest.approx(0, abs=1e-8)


def test_one_image_is_refused():
    with pytest.raises(InputError, match="needs 2 images"):
        evaluation.check([Fid(MeanColour())], 1)
