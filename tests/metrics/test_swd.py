"""Sliced Wasserstein distance: the published figures, SciPy's filters and distances, and what must not change it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from progan_tf.errors import InputError
from progan_tf.metrics import swd
from progan_tf.metrics.images import Images
from progan_tf.metrics.swd import SlicedWasserstein
from tests import datasets

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def noise(count: int, side: int = 16, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max + 1, (count, side, side, channels)).astype(dtype)


def run(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    return dict(SlicedWasserstein().run(Images.of("real", a), Images.of("generated", b)))


def read(paths: list[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


# Mean and standard deviation of six runs of the published code: by level, and of the mean over levels.
PUBLISHED = {
    "forest, homes": ({64: (38.07, 1.99), 32: (88.42, 2.31), 16: (168.10, 3.97)}, (98.20, 1.59)),
    "land, land": ({64: (13.44, 0.26), 32: (15.01, 0.75), 16: (34.52, 1.31)}, (20.99, 0.55)),
    "america, dubai": (
        {256: (67.90, 0.38), 128: (111.95, 1.70), 64: (109.96, 3.28), 32: (105.68, 1.79), 16: (197.42, 3.73)},
        (118.58, 0.95),
    ),
}


@pytest.mark.parametrize("sets", PUBLISHED)
def test_published_figures_on_real_tiles(sets, tiles64, tiles256):
    all64, all256 = sorted(tiles64.glob("*.jpg")), sorted(tiles256.glob("*.jpg"))
    a, b = {
        "forest, homes": ([path for path in all64 if name in path.name][:256] for name in ("Forest", "Residential")),
        "land, land": (all64[0::20][:244], all64[10::20][:244]),
        "america, dubai": ([path for path in all256 if path.name.startswith(name)][:64] for name in ("ucm_", "dubai_")),
    }[sets]
    runs = [swd.distances(read(a), read(b), seed) for seed in (0, 1)]
    levels, average = PUBLISHED[sets]
    ours = {side: np.mean([run[side] for run in runs]) for side in levels}
    figures = zip([*ours.values(), np.mean(list(ours.values()))], [*levels.values(), average], strict=True)
    for found, (mean, deviation) in figures:
        assert abs(found - mean) < 3 * deviation * (1 / 6 + 1 / 2) ** 0.5


@pytest.mark.parametrize("side, channels", [(16, 1), (32, 3), (64, 4)])
def test_scaling_down_and_up_are_those_of_the_published_code(side, channels):
    images = np.random.default_rng(side).normal(100, 50, (2, side, side, channels)).astype(np.float32)
    kernel = BINOMIAL[None, :, :, None]
    lower = ndimage.convolve(images.astype(np.float64), kernel, mode="mirror")[:, ::2, ::2]
    np.testing.assert_allclose(swd.down(images), lower, atol=1e-4)
    zeros = np.zeros((2, 2 * side, 2 * side, channels))
    zeros[:, ::2, ::2] = images
    np.testing.assert_allclose(swd.up(images), ndimage.convolve(zeros, 4 * kernel, mode="mirror"), atol=1e-4)


def test_levels_add_up_to_the_image():
    images = datasets.landscape(3, 64)
    back = swd.level(images, 16)
    for side in (32, 64):
        back = swd.up(back) + swd.level(images, side)
    np.testing.assert_allclose(back, images, atol=1e-3)


def test_descriptors_are_patches_of_the_level_with_mean_0_and_deviation_1_a_channel():
    images = datasets.landscape(40, 32)
    found = swd.descriptors(images, 32, np.random.default_rng(1)).reshape(40, 128, 3, 7, 7)
    for axis in range(3):
        assert abs(found[:, :, axis].mean(dtype=np.float64)) < 1e-5
        assert abs(found[:, :, axis].std(dtype=np.float64) - 1) < 1e-4
    level, corners = swd.level(images, 32), np.random.default_rng(1).integers(0, 26, (40, 128, 2), np.int32)
    wanted = np.stack([level[n, y : y + 7, x : x + 7] for n in range(40) for y, x in corners[n]]).transpose(0, 3, 1, 2)
    wanted = (wanted - wanted.mean(axis=(0, 2, 3), keepdims=True)) / wanted.std(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=2e-4)
    assert len(np.unique(corners.reshape(-1, 2), axis=0)) == 26 * 26  # all places are drawn, the borders too


@pytest.mark.parametrize("n, m", [(50, 50), (50, 20), (7, 12), (1, 9)])
def test_along_each_direction_it_is_the_wasserstein_distance(n, m):
    rng = np.random.default_rng(n * m)
    a, b = rng.normal(0, 1, (n, 5)).astype(np.float32), rng.normal(0.3, 2, (m, 5)).astype(np.float32)
    directions = rng.normal(0, 1, (40, 5)).astype(np.float32)
    wanted = np.mean([stats.wasserstein_distance(a @ one, b @ one) for one in directions])
    assert swd.sliced_wasserstein(a, b, directions) == pytest.approx(wanted, rel=1e-5)


def test_equal_sets_are_at_0_and_headline_is_the_mean_of_levels():
    tiles = datasets.landscape(24, 64)
    assert set(run(tiles, tiles).values()) == {0.0}
    values = run(tiles[:12], tiles[12:])
    assert list(values) == ["swd", "swd/64", "swd/32", "swd/16"]
    assert values["swd"] == pytest.approx(np.mean([values[f"swd/{side}"] for side in (16, 32, 64)]))


def test_it_is_a_pure_function_of_the_seed():
    a, b = noise(8), noise(8, seed=1)
    first, again, other = (swd.distances(a, b, seed) for seed in (5, 5, 6))
    assert first == again != other


def test_brightness_and_contrast_of_a_set_do_not_count_and_colours_do():
    a, b = noise(32) // 2, datasets.landscape(32, 16) // 2
    plain, changed = swd.distances(a, b), swd.distances(a, b * 2)
    assert changed[16] == pytest.approx(plain[16], rel=1e-4)
    assert swd.distances(a, b + 77)[16] == pytest.approx(plain[16], rel=1e-4)
    assert swd.distances(a, a[..., [1, 0, 2]])[16] < plain[16] / 2  # noise has no colours to confuse
    assert swd.distances(b, b[..., [1, 2, 0]])[16] > 0


def mixed(images: np.ndarray, others: np.ndarray, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Sets of which these shares are the others."""
    return [np.concatenate([others[: (count := int(share * len(others)))], images[count:]]) for share in shares]


def test_more_of_another_kind_is_further_away():
    tiles = datasets.landscape(128, 32)
    real, own = tiles[0::2], tiles[1::2]
    found = [run(real, images)["swd"] for images in mixed(own, 255 - own, (0, 1 / 8, 1 / 2, 1))]
    assert found == sorted(found) and found[0] < found[-1] / 2


def test_half_a_set_blurred_can_be_further_away_than_all_of_it():
    """Each set is brought to deviation 1 by itself: blurred patches look flat only beside sharp ones."""
    tiles = datasets.landscape(128, 32)
    real, own = tiles[0::2], tiles[1::2]
    blurred = ndimage.gaussian_filter(own, 1.0, axes=(1, 2))
    none, half, whole = (swd.distances(real, images)[32] for images in mixed(own, blurred, (0, 1 / 2, 1)))
    assert half > whole > 2 * none


def test_one_image_repeated_and_flat_images_have_a_distance():
    tiles = datasets.landscape(32, 16)
    floor = run(tiles, datasets.landscape(32, 16, seed=9))["swd"]
    assert run(tiles, np.repeat(tiles[:1], 32, axis=0))["swd"] > floor
    flat = np.full_like(tiles, 93)
    assert run(flat, flat + 4)["swd"] == 0  # brightness does not count
    assert np.isfinite(run(tiles, flat)["swd"]) and run(tiles, flat)["swd"] > floor


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("level", [0, 40_007])
def test_sixteen_bits_are_as_eight_and_flat_ones_are_flat(channels, level):
    a, b = noise(6, 32, channels), noise(6, 32, channels, seed=1)
    eight, sixteen = swd.distances(a, b), swd.distances(*(images.astype(np.uint16) * 257 for images in (a, b)))
    assert sixteen == {side: pytest.approx(distance, rel=1e-3) for side, distance in eight.items()}
    flat = np.full((4, 32, 32, channels), level, np.uint16)
    assert not swd.descriptors(flat, 32, np.random.default_rng(0)).any()
    assert not swd.descriptors(flat, 16, np.random.default_rng(0)).any()


def test_very_many_images_give_fewer_patches_each(monkeypatch):
    monkeypatch.setattr(swd, "_MOST_PATCHES", 640)
    assert swd.descriptors(noise(5), 16, np.random.default_rng(0)).shape == (640, 147)
    assert swd.descriptors(noise(60), 16, np.random.default_rng(0)).shape == (600, 147)


@pytest.mark.parametrize(
    "shape, message",
    [
        ((4, 8, 8, 3), r"swd takes images of 16 pixels or more \(its coarsest level\), they have 8; leave swd out"),
        ((4, 24, 24, 3), "swd takes squares of a power of two, images are 24 x 24"),
        ((4, 32, 16, 3), "swd takes squares of a power of two, images are 32 x 16"),
    ],
)
def test_other_sizes_are_refused(shape, message):
    with pytest.raises(InputError, match=message):
        swd.distances(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def test_one_image_is_too_few():
    assert SlicedWasserstein().smallest == 2
