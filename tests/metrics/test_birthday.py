"""The birthday paradox: published values, supports that are known, pairs against brute force, what does not count."""

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import stats

from progan_tf.errors import InputError
from progan_tf.metrics import birthday, symmetries
from progan_tf.metrics.birthday import Birthday, Pair
from progan_tf.metrics.images import Images
from tests import datasets


def noise(count: int, size: int = 8, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (count, size, size, channels), dtype, endpoint=True)


def pair(**changes) -> Pair:
    fields = {"i": 0, "j": 1, "keys": ("a", "b"), "mse": 0.01, "turned_mse": 0.01, "symmetry": 0, "ssim": 0.5}
    return Pair(**{**fields, "feature_distance": None, "featureless": False, **changes})


def measure(metric: Birthday, real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    return dict(metric.run(Images.of("real", real), Images.of("generated", generated)))


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    """400 different tiles uint8 [400, 32, 32, 3] in random order."""
    return datasets.landscape(400, 32)[np.random.default_rng(0).permutation(400)]


# The estimate.


@pytest.mark.parametrize(
    "sample_size, support", [(20, 274), (50, 1767), (100, 7141), (200, 28710), (500, 179976), (1000, 720626)]
)
def test_published_supports_at_even_chance(sample_size, support):
    assert round(birthday.support(10, 20, sample_size).estimate) == support


def test_the_interval_is_that_of_clopper_and_pearson():
    found = birthday.support(3, 20, 100)
    p_low, p_high = stats.beta.ppf(0.025, 3, 18), stats.beta.ppf(0.975, 4, 17)
    assert found.low == pytest.approx(-4950 / math.log(1 - p_high))
    assert found.high == pytest.approx(-4950 / math.log(1 - p_low))
    assert found.low < found.estimate < found.high
    wide = birthday.support(3, 20, 100, confidence=0.99)
    assert wide.low < found.low and found.high < wide.high


def test_without_a_duplicate_only_a_lower_bound_is_known():
    found = birthday.support(0, 20, 100)
    assert found.estimate == found.high == math.inf
    assert found.low == pytest.approx(-4950 / math.log(0.025 ** (1 / 20)))


def test_with_a_duplicate_in_every_sample_only_an_upper_bound_is_known():
    found = birthday.support(20, 20, 100)
    assert found.estimate == found.low == 0
    assert found.high == pytest.approx(-4950 / math.log(1 - 0.025 ** (1 / 20)))


@pytest.mark.parametrize("duplicated, batches, sample_size", [(0, 0, 100), (1, 2, 1)])
def test_an_estimate_needs_a_sample_and_a_pair(duplicated, batches, sample_size):
    with pytest.raises(InputError, match="hold no pair"):
        birthday.support(duplicated, batches, sample_size)


@pytest.mark.parametrize("support, sample_size", [(1000, 30), (7141, 100), (50000, 200)])
def test_known_supports_are_recovered(support, sample_size):
    """The interval of 95 % holds the truth in at least 90 of 100 experiments, and is not wide for nothing."""
    rng = np.random.default_rng(0)
    held, ratios = 0, []
    for _ in range(100):
        drawn = rng.integers(0, support, (40, sample_size))
        duplicated = sum(len(np.unique(row)) < sample_size for row in drawn)
        found = birthday.support(duplicated, 40, sample_size)
        held += found.low <= support <= found.high
        ratios.append(found.high / found.low)
    assert held >= 90
    assert np.median(ratios) < 4


def test_the_metric_recovers_a_known_support_from_images(tiles):
    """A generator of 100 pictures, with a little noise so that no two draws are equal."""
    rng = np.random.default_rng(1)
    drawn = tiles[rng.integers(0, 100, 600)].astype(int) + rng.integers(-3, 4, (600, 32, 32, 3))
    found = measure(Birthday(sample_size=12), tiles[100:400], np.clip(drawn, 0, 255).astype(np.uint8))
    assert 0.2 < found["birthday"] < 0.8
    assert found["birthday/support_low"] <= 100 <= found["birthday/support_high"]
    assert 50 < found["birthday/support"] < 200


# Pairs.


def by_hand(pixels: np.ndarray) -> dict[tuple[int, int], float]:
    scaled = pixels / np.iinfo(pixels.dtype).max
    return {
        (i, j): np.mean((scaled[i] - scaled[j]) ** 2) for i in range(len(pixels)) for j in range(i + 1, len(pixels))
    }


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_closest_pairs_are_those_of_all_pairs(channels, dtype):
    pixels = noise(12, channels=channels, dtype=dtype)
    distances = by_hand(pixels)
    nearest = sorted(distances, key=distances.get)[:5]
    pairs = birthday.closest_pairs(Images.of("noise", pixels), 5)
    assert [(pair.i, pair.j) for pair in pairs] == nearest
    np.testing.assert_allclose([pair.mse for pair in pairs], [distances[i] for i in nearest], rtol=1e-12)
    assert all(pair.keys == (str(pair.i), str(pair.j)) and not pair.featureless for pair in pairs)


def test_there_are_no_more_pairs_than_there_are():
    assert len(birthday.closest_pairs(Images.of("noise", noise(4)), 20)) == 6
    assert birthday.closest_pairs(Images.of("noise", noise(1)), 20) == ()


@pytest.mark.parametrize("symmetry", range(8))
def test_a_turned_copy_is_close_under_the_symmetries_alone(tiles, symmetry):
    pixels = tiles[:30].copy()
    pixels[17] = symmetries.transform(pixels[4], symmetry)
    first = birthday.closest_pairs(Images.of("tiles", pixels), 1, by="turned_mse")[0]
    assert (first.i, first.j, first.turned_mse) == (4, 17, 0)
    np.testing.assert_array_equal(symmetries.transform(pixels[4], first.symmetry), pixels[17])
    assert (first.mse == 0) == (symmetry == 0)


def test_pairs_have_the_structural_similarity_of_tensorflow(tiles):
    pairs = birthday.closest_pairs(Images.of("tiles", tiles[:20]), 4)
    first, second = (tiles[[getattr(pair, side) for pair in pairs]] for side in "ij")
    expected = tf.image.ssim(tf.constant(first), tf.constant(second), max_val=255).numpy()
    np.testing.assert_allclose([pair.ssim for pair in pairs], expected, atol=1e-4)


def test_images_smaller_than_the_window_have_no_structural_similarity():
    assert [pair.ssim for pair in birthday.closest_pairs(Images.of("small", noise(3)), 3)] == [None] * 3


def test_pairs_by_features():
    images, features = Images.of("noise", noise(6)), np.random.default_rng(0).normal(size=(6, 10))
    features[5] = features[2] + 0.01
    pairs = birthday.closest_pairs(images, 15, by="feature_distance", features=features)
    assert (pairs[0].i, pairs[0].j) == (2, 5)
    for found in pairs:
        expected = math.dist(features[found.i], features[found.j])
        assert found.feature_distance == pytest.approx(expected)
    assert [found.feature_distance for found in pairs] == sorted(found.feature_distance for found in pairs)
    plain = birthday.closest_pairs(images, 15, features=features)
    assert {found.mse for found in plain} == {found.mse for found in pairs}
    assert [found.mse for found in plain] == sorted(found.mse for found in plain)


# Featureless images.


@pytest.mark.parametrize("dtype, factor", [("uint8", 1), ("uint16", 257)])
def test_featureless_is_a_standard_deviation_under_four_grey_levels(dtype, factor):
    checks = np.indices((8, 8)).sum(axis=0)[..., np.newaxis] % 2 * 2 - 1  # -1 and 1: standard deviation 1
    pixels = np.stack([100 + level * checks.repeat(3, axis=-1) for level in (0, 3, 4, 5)])
    flat = birthday.featureless((pixels * factor).astype(dtype))
    assert flat.tolist() == [True, True, False, False]


def test_bands_of_different_level_do_not_make_a_feature():
    water = np.broadcast_to(np.array([20, 90, 200], np.uint8), (1, 8, 8, 3))
    assert birthday.featureless(water).tolist() == [True]


def test_featureless_pairs_are_found_apart_from_the_others(tiles):
    pixels = tiles[:40].copy()
    pixels[[3, 8, 21, 30]] = 50
    pixels[25] = pixels[24] + (pixels[24] < 250) * 3
    pairs = birthday.closest_pairs(Images.of("tiles", pixels), 3)
    flat = [pair for pair in pairs if pair.featureless]
    textured = [pair for pair in pairs if not pair.featureless]
    assert len(flat) == len(textured) == 3
    assert {index for pair in flat for index in (pair.i, pair.j)} <= {3, 8, 21, 30}
    assert (textured[0].i, textured[0].j) == (24, 25)
    assert [pair.mse for pair in pairs] == sorted(pair.mse for pair in pairs)


# What counts.


@pytest.mark.parametrize("said, threshold, found, expected", [
    ("same", None, pair(), True),
    ("same", 0.001, pair(), True),
    ("different", 0.1, pair(), False),
    ("unsure", 0.1, pair(), False),
    (None, None, pair(mse=0.0), False),
    (None, 0.02, pair(), True),
    (None, 0.01, pair(), True),
    (None, 0.009, pair(), False),
    (None, 0.0, pair(mse=0.0), True),
    ("same", 0.1, pair(featureless=True, mse=0.0), False),
])  # fmt: skip
def test_a_person_decides_before_the_threshold_does_and_featureless_pairs_never_count(said, threshold, found, expected):
    assert birthday.is_duplicate(found, said, threshold) is expected


def test_samples_share_no_image_and_their_pairs_have_the_numbers_of_the_set():
    images, features = Images.of("noise", noise(25)), np.random.default_rng(0).normal(size=(25, 4))
    found = list(birthday.closest_of_samples(images, 10, 100, by="feature_distance", features=features))
    for pairs, first in zip(found, (0, 10), strict=True):
        numbers = range(first, first + 10)
        assert {(pair.i, pair.j) for pair in pairs} == {(i, j) for i in numbers for j in numbers if i < j}
        for pair in pairs:
            assert pair.keys == (str(pair.i), str(pair.j))
            assert pair.feature_distance == pytest.approx(math.dist(features[pair.i], features[pair.j]))


def test_the_closest_pair_of_a_sample_is_one_with_features():
    samples = [(pair(mse=0.1, featureless=True), pair(mse=0.3), pair(mse=0.2)), (pair(featureless=True),), ()]
    assert birthday.closest_mse(samples).tolist() == [0.2, math.inf, math.inf]


def test_the_threshold_is_a_tenth_of_the_median_closest_pair():
    assert birthday.duplicate_threshold([0.01, 0.02, 0.5]) == pytest.approx(0.002)
    assert birthday.duplicate_threshold([0.01, math.inf, 0.03]) == pytest.approx(0.002)
    with pytest.raises(InputError, match="all pairs of real ones are featureless; give a threshold"):
        birthday.duplicate_threshold([math.inf])


# The metric.


def test_different_real_images_hold_no_duplicate(tiles):
    found = measure(Birthday(sample_size=20), tiles[:200], tiles[200:])
    assert found["birthday"] == 0
    assert found["birthday/support"] == found["birthday/support_high"] == math.inf
    assert found["birthday/support_low"] == birthday.support(0, 10, 20).low
    assert found["birthday/featureless"] == birthday.featureless(tiles[200:]).mean()


def test_one_image_repeated_is_caught(tiles):
    repeated = np.repeat(tiles[:1], 200, axis=0)
    found = measure(Birthday(sample_size=20), tiles[200:], repeated)
    assert found["birthday"] == 1
    assert found["birthday/support"] == found["birthday/closest_mse"] == 0
    assert found["birthday/support_high"] == birthday.support(10, 10, 20).high < 1000


def test_more_copies_make_a_smaller_support(tiles):
    """Half of the images from ever fewer pictures."""
    supports = []
    for pictures in (3, 30, 200):
        generated = tiles[:200].copy()
        generated[::2] = tiles[np.random.default_rng(0).integers(200, 200 + pictures, 100)]
        supports.append(measure(Birthday(sample_size=20), tiles[:200], generated)["birthday/support"])
    assert supports[0] <= supports[1] < supports[2]


def test_a_threshold_can_be_given(tiles):
    assert measure(Birthday(20, threshold=1.0), tiles[:200], tiles[200:])["birthday"] == 1
    assert measure(Birthday(20, threshold=0.0), tiles[:200], tiles[200:])["birthday"] == 0


def test_constant_images_are_featureless_and_no_duplicates(tiles):
    found = measure(Birthday(sample_size=20), tiles[:100], np.full_like(tiles[:100], 77))
    assert (found["birthday"], found["birthday/featureless"]) == (0, 1)
    assert found["birthday/closest_mse"] == math.inf
    with pytest.raises(InputError, match="featureless"):
        measure(Birthday(sample_size=20), np.full_like(tiles[:100], 77), tiles[:100])


@pytest.mark.parametrize("real, generated, samples", [(2, 2, 1), (2, 50, 25), (50, 2, 1), (33, 50, 1)])
def test_small_and_unequal_sets_make_smaller_samples(tiles, real, generated, samples):
    found = measure(Birthday(), tiles[:real], tiles[-generated:])
    assert found["birthday"] == 0
    assert found["birthday/support_low"] == birthday.support(0, samples, min(real, generated)).low


def test_one_image_is_refused():
    assert Birthday().smallest == 2


def test_the_depth_of_pixels_changes_nothing(tiles):
    deep = tiles.astype(np.uint16) * 257
    found = measure(Birthday(sample_size=20), tiles[:100], tiles[100:200])
    assert measure(Birthday(sample_size=20), deep[:100], deep[100:200]) == pytest.approx(found)


def test_real_tiles_hold_no_duplicate_at_the_default_threshold(tiles64):
    paths = sorted(tiles64.glob("*.jpg"))
    chosen = np.random.default_rng(0).permutation(len(paths))[:200]
    pixels = np.stack([np.asarray(Image.open(paths[index])) for index in chosen])
    assert measure(Birthday(), pixels[:100], pixels[100:])["birthday"] == 0
    pixels[190] = pixels[100 + np.flatnonzero(~birthday.featureless(pixels[100:190]))[0]]
    assert measure(Birthday(), pixels[:100], pixels[100:])["birthday"] == 1
