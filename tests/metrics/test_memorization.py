"""Memorisation: copies of the training set are caught, however turned, and new real images are not."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan_tf.errors import InputError
from progan_tf.metrics import memorization, neighbours, symmetries
from progan_tf.metrics.birthday import featureless
from progan_tf.metrics.images import Images
from progan_tf.metrics.memorization import Distances, Memorization
from tests import datasets
from tests.metrics.pixel_features import Pixels


@pytest.fixture(scope="module")
def tiles() -> Images:
    """600 different tiles in random order."""
    return Images.of("tiles", datasets.landscape(600, 16)[np.random.default_rng(0).permutation(600)])


def score(metric: Memorization, real: Images, generated: Images) -> dict[str, float]:
    return dict(metric.run(real, generated))


def turned(images: Images, seed: int = 0) -> Images:
    which = np.random.default_rng(seed).integers(0, 8, len(images))
    pixels = np.stack([symmetries.transform(image, s) for image, s in zip(images.pixels, which, strict=True)])
    return Images.of("turned", pixels)


def test_new_real_images_score_about_one_in_a_hundred(tiles):
    found = score(Memorization(extractor=Pixels()), tiles[:300], tiles[300:])
    assert found["memorization"] <= 0.04
    assert found["memorization/features"] <= 0.04
    assert found["memorization/generated_distance"] == pytest.approx(found["memorization/held_out_distance"], rel=0.2)


@pytest.mark.parametrize("change", [lambda images: images, turned])
def test_a_copied_training_set_is_caught(tiles, change):
    """Half of it is held out and not looked at, so half of the copies are sure to be seen."""
    found = score(Memorization(), tiles[:300], change(tiles[:300]))
    assert 0.5 <= found["memorization"] <= 0.55
    found = score(Memorization(held_out=tiles[300:]), tiles[:300], change(tiles[:300]))
    assert found["memorization"] == 1
    assert found["memorization/generated_distance"] == 0


def test_features_see_copies_too(tiles):
    noisy = Images.of("noisy", np.clip(tiles.pixels[:300].astype(int) + 1, 0, 255).astype(np.uint8))
    found = score(Memorization(held_out=tiles[300:], extractor=Pixels()), tiles[:300], noisy)
    assert found["memorization/features"] > 0.9
    assert "memorization/features" not in score(Memorization(), tiles[:300], noisy)


def test_more_copies_score_higher(tiles):
    scores = []
    for copied in (0, 50, 150, 300):
        mixed = tiles[np.r_[0:copied, 300 : 600 - copied]]
        scores.append(score(Memorization(held_out=tiles[300:]), tiles[:300], mixed)["memorization"])
    assert scores == sorted(scores) and len(set(scores)) == 4
    assert scores[1] == pytest.approx(scores[0] + 50 / 300, abs=0.01)


def test_one_training_image_repeated_is_caught(tiles):
    repeated = Images.of("repeated", np.repeat(tiles.pixels[:1], 50, axis=0))
    assert score(Memorization(), tiles[:100], repeated)["memorization"] == 1


def test_featureless_images_are_left_out(tiles):
    flat = Images.of("flat", np.full_like(tiles.pixels[:20], 9))
    for real, generated in ((tiles[:20], flat), (flat, tiles[:20]), (flat, flat)):
        assert math.isnan(score(Memorization(), real, generated)["memorization"])
    mixed = Images.of("mixed", np.concatenate([flat.pixels, tiles.pixels[:20]]))
    found = score(Memorization(held_out=tiles[300:]), tiles[:20], mixed)
    assert (found["memorization"], found["memorization/generated_distance"]) == (1, 0)


@pytest.mark.parametrize("channels, dtype", [(1, "uint8"), (4, "uint8"), (13, "uint16")])
def test_any_bands_and_depth(channels, dtype):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (40, 8, 8, channels), dtype)
    found = score(Memorization(held_out=Images.of("h", pixels[20:])), Images.of("t", pixels[:20]),
                  Images.of("g", pixels[15:25]))  # fmt: skip
    assert found["memorization"] == pytest.approx(0.5, abs=0.11)


@pytest.mark.parametrize("real, generated", [(4, 1), (5, 3), (30, 4)])
def test_small_and_unequal_sets(tiles, real, generated):
    assert 0 <= score(Memorization(), tiles[:real], tiles[-generated:])["memorization"] <= 1
    assert Memorization().smallest == 4


def test_held_out_images_of_another_form_are_refused(tiles):
    other = Images.of("other", np.zeros((10, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"held-out images of other are \(8, 8, 3\) uint8, training"):
        score(Memorization(held_out=other), tiles[:10], tiles[10:20])


def test_a_relative_distance_is_the_error_over_the_images_own_variance(tiles):
    images, training = tiles.pixels[:15], tiles.pixels[100:110]
    expected = []
    for image in images[~featureless(images)].astype(float):
        turned = [symmetries.transform(image, s) for s in range(8)]
        error = min(np.mean((one - other) ** 2) for one in turned for other in training)
        expected.append(error / np.mean([np.var(image[..., band]) for band in range(3)]))
    found = memorization.relative_distances(images, training)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    deep = memorization.relative_distances(images.astype(np.uint16) * 257, training.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep, found, rtol=1e-9)


def test_the_mean_colour_alone_is_at_distance_one(tiles):
    image = tiles.pixels[:1].astype(float)
    flat = np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape)
    found = memorization.relative_distances(tiles.pixels[:1], np.rint(flat).astype(np.uint8))
    assert found.tolist() == pytest.approx([1], rel=0.01)


@pytest.mark.parametrize("noise, least", [(4, 0.85), (10, 0.7)])
def test_imperfect_copies_of_real_tiles_are_caught(tiles64, noise, least):
    """A fault of absolute distances: the nearest hundredth of real tiles is water, nearer than any imperfect copy."""
    paths, rng = sorted(tiles64.glob("*.jpg")), np.random.default_rng(0)
    pixels = np.stack([np.asarray(Image.open(paths[i])) for i in rng.permutation(len(paths))[:450]])
    training, held_out, new = (Images.of(name, pixels[i : i + 150]) for i, name in ((0, "a"), (150, "b"), (300, "c")))
    noisy = turned(training).pixels + rng.normal(0, noise, training.pixels.shape)
    copies = Images.of("copies", np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    metric = Memorization(held_out)
    assert score(metric, training, copies)["memorization"] > least
    assert score(metric, training, new)["memorization"] < 0.06


def test_the_share_is_of_those_within_the_first_percentile():
    distances = Distances(np.array([0.0, 1.0, 2.0, 50.0]), np.arange(1.0, 102.0))
    assert distances.limit == pytest.approx(2)
    assert distances.share == pytest.approx(0.75)
    assert Distances(distances.held_out, distances.held_out).share == pytest.approx(0.0198, abs=1e-4)


@pytest.mark.parametrize("shift", [0, 1e4])
def test_nearest_features_against_every_pair(monkeypatch, shift):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(count, 6)).astype(np.float32) + np.float32(shift) for count in (23, 17))
    monkeypatch.setattr(neighbours, "_BLOCK", 5 * 17)
    expected = [min(math.dist(x, y) for y in b.astype(np.float64)) for x in a.astype(np.float64)]
    np.testing.assert_allclose(memorization.nearest_features(a, b), expected, rtol=1e-6)


def test_training_images_may_lie_in_a_file(tiles, tmp_path: Path):
    path = tmp_path / "pixels"
    tiles.pixels[:100].tofile(path)
    mapped = Images.of("mapped", np.memmap(path, np.uint8, "r", shape=(100, 16, 16, 3)))
    found = score(Memorization(held_out=tiles[300:400]), mapped, tiles[90:110])
    assert found["memorization"] == pytest.approx(0.5, abs=0.1)
