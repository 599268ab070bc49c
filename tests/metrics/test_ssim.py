"""SSIM: tf.image.ssim and a plain definition, the range that makes desert tiles look alike, and pairs of two sets."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from progan_tf.errors import InputError
from progan_tf.metrics import ssim
from progan_tf.metrics.images import Images
from progan_tf.metrics.ssim import Ssim
from tests import datasets


def noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, np.iinfo(images.dtype).max).astype(images.dtype)


def by_definition(a: np.ndarray, b: np.ndarray, data_range: float) -> float:
    """SSIM of two images [H, W, C] by SciPy's Gaussian, in double precision."""

    def seen(image: np.ndarray) -> np.ndarray:
        blurred = ndimage.gaussian_filter(image, 1.5, radius=5, axes=(0, 1))
        return blurred[5:-5, 5:-5]  # where the window lies inside

    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    variances = seen(a * a) + seen(b * b) - seen(a) ** 2 - seen(b) ** 2
    covariance = seen(a * b) - seen(a) * seen(b)
    luminance = (2 * seen(a) * seen(b) + c1) / (seen(a) ** 2 + seen(b) ** 2 + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean())


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_it_is_what_tensorflow_and_the_definition_say(channels, dtype):
    scale = np.iinfo(dtype).max // 255
    grey = datasets.landscape(6, 32)[..., :1].astype(dtype) * scale
    images = np.concatenate([np.roll(grey, band, axis=1) for band in range(channels)], axis=-1)
    other = noisy(images, 10 * scale)
    found = ssim.ssim_pairs(images, other, np.iinfo(dtype).max)
    assert 0.1 < found.min() < found.max() < 0.99
    wanted = [by_definition(a, b, np.iinfo(dtype).max) for a, b in zip(images, other, strict=True)]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    theirs = tf.image.ssim(*(tf.constant(given, tf.float32) for given in (images, other)), float(np.iinfo(dtype).max))
    np.testing.assert_allclose(found, theirs, atol=1e-4)  # it computes in single precision


def test_images_that_are_oblong_and_just_as_large_as_the_window():
    a, b = (np.random.default_rng(seed).integers(0, 256, (2, 11, 20, 3), np.uint8) for seed in (0, 1))
    np.testing.assert_allclose(ssim.ssim_pairs(a, b, 255), tf.image.ssim(a, b, 255), atol=1e-5)


def test_equal_images_are_at_1_flat_ones_too_and_opposites_below_0():
    tiles = datasets.landscape(4, 16)
    np.testing.assert_array_equal(ssim.ssim_pairs(tiles, tiles, 255), 1)
    flat = np.full((2, 16, 16, 3), 77, np.uint8)
    np.testing.assert_allclose(ssim.ssim_pairs(flat, flat, 255), 1, atol=1e-6)
    # With no structure only luminance is left.
    luminance = (2 * 77 * 150 + 2.55**2) / (77**2 + 150**2 + 2.55**2)
    np.testing.assert_allclose(ssim.ssim_pairs(flat, flat + 73, 255), luminance, atol=1e-4)
    checks = np.indices((16, 16)).sum(axis=0)[None, :, :, None] % 2 * np.uint8(200)
    assert ssim.ssim_pairs(checks, 200 - checks, 255)[0] < -0.9


def test_many_pairs_in_batches_are_as_one_by_one():
    a, b = datasets.landscape(40, 64), datasets.landscape(40, 64, seed=7)
    one_by_one = [ssim.ssim_pairs(a[i : i + 1], b[i : i + 1], 255)[0] for i in range(40)]
    np.testing.assert_allclose(ssim.ssim_pairs(a, b, 255), one_by_one, rtol=1e-6)


def test_too_small_images_are_refused():
    small = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(InputError, match="ssim looks through a window of 11 pixels, images are 8 x 8; leave ssim out"):
        ssim.ssim_pairs(small, small, 255)


def test_every_image_is_in_one_pair_of_a_pairing(monkeypatch):
    numbered = np.broadcast_to(np.arange(70, dtype=np.uint8)[:, None, None, None], (70, 16, 16, 1))
    seen = []
    monkeypatch.setattr(
        ssim, "ssim_pairs", lambda a, b, r: seen.append((a[:, 0, 0, 0], b[:, 0, 0, 0])) or a[:, 0, 0, 0]
    )
    scores = ssim.paired(numbered, numbered[:50], pairings=3, seed=2)
    assert scores.shape == (3, 50)
    first, second = (np.concatenate(column).reshape(3, 50) for column in zip(*seen, strict=True))
    for row in range(3):
        assert (
            sorted(second[row]) == list(range(50)) and len(set(first[row])) == 50 and set(first[row]) <= set(range(70))
        )
    pairs = [set(zip(a.tolist(), b.tolist(), strict=True)) for a, b in zip(first, second, strict=True)]
    assert pairs[0] != pairs[1] != pairs[2] != pairs[0]


def test_headline_deviation_and_standard_error():
    real, generated = (Images.of("set", datasets.landscape(24, 16, seed)) for seed in (0, 5))
    values = dict(Ssim(pairings=4, seed=3).run(real, generated))
    scores = ssim.paired(real.pixels, generated.pixels, pairings=4, seed=3)
    assert scores.shape == (4, 24)
    assert values["ssim"] == pytest.approx(scores.mean())
    assert values["ssim/sd"] == pytest.approx(np.std([row.mean() for row in scores], ddof=1))
    assert values["ssim/se"] == pytest.approx(np.mean([row.std(ddof=1) / 24**0.5 for row in scores]))
    assert dict(Ssim(pairings=4, seed=3).run(real, generated)) == values
    assert dict(Ssim(pairings=4, seed=4).run(real, generated)) != values


def test_the_standard_error_is_that_of_a_pairing_of_fresh_images():
    pool = datasets.landscape(1600, 16)
    rng = np.random.default_rng(0)
    means, errors = [], []
    for _ in range(60):
        chosen = pool[rng.permutation(1600)[:80]]
        scores = ssim.paired(chosen[:40], chosen[40:], pairings=2)
        means.append(scores[0].mean())
        errors.append(scores.std(axis=1, ddof=1).mean() / 40**0.5)
    assert np.mean(errors) == pytest.approx(np.std(means, ddof=1), rel=0.3)  # 60 draws know it to 9 per cent


def test_one_image_repeated_resembles_itself():
    tiles = datasets.landscape(20, 16)
    repeated = np.repeat(tiles[:1], 20, axis=0)
    assert ssim.paired(repeated, repeated, pairings=2).min() == 1
    assert Ssim().smallest == 2


@pytest.fixture(scope="module")
def desert(tiles256) -> np.ndarray:
    """200 random tiles of Dubai."""
    paths: list[Path] = sorted(tiles256.glob("dubai_*.jpg"))
    chosen = np.random.default_rng(0).permutation(len(paths))[:200]
    return np.stack([np.asarray(Image.open(paths[number]).convert("RGB")) for number in chosen])


def test_desert_tiles_do_not_resemble_each_other(desert):
    """0.089 on other 100 random pairs, with a standard error of 0.007; a talk of 2019 has 0.91."""
    scores = ssim.paired(desert[:100], desert[100:], pairings=1)
    assert scores.mean() == pytest.approx(0.089, abs=3 * scores.std() / 10)
    theirs = tf.image.ssim(tf.constant(desert[:8]), tf.constant(desert[100:108]), 255)
    np.testing.assert_allclose(ssim.ssim_pairs(desert[:8], desert[100:108], 255), theirs, atol=1e-4)


def test_measured_with_the_range_of_the_talk_they_do(desert):
    """0.908 in place of 0.089: images in [-1, 1], measured as if they had a range of 255."""
    scores = ssim.paired(desert[:100], desert[100:], pairings=1, talk2019_range=True)
    assert scores.mean() == pytest.approx(0.908, abs=3 * scores.std() / 10)
    scaled = [tf.constant(images, tf.float32) / 127.5 - 1 for images in (desert[:8], desert[100:108])]
    ours = ssim.ssim_pairs(ssim.talk2019(desert[:8]), ssim.talk2019(desert[100:108]), 255)
    np.testing.assert_allclose(ours, [by_definition(*pair, 255) for pair in zip(*scaled, strict=True)], atol=1e-6)
    np.testing.assert_allclose(ours, tf.image.ssim(*scaled, 255), atol=1e-4)
