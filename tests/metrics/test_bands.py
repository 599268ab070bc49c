"""Statistics of bands against NumPy and SciPy, in physical values, with any number of bands, and where NDVI is told."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats

from progan_tf.data.scaling import Scaling
from progan_tf.metrics import bands
from progan_tf.metrics.bands import Bands
from progan_tf.metrics.images import Images
from tests import datasets


def noise(count: int, channels: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """Bands that go partly together, each with a mean of its own."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(count, 8, 8, 1)), rng.normal(size=(count, 8, 8, channels))
    values = 128 + 30 * (common + own) + np.linspace(-40, 40 + seed, channels)
    return (np.clip(values, 0, 255) * (np.iinfo(dtype).max / 255)).astype(dtype)


def scaled(name: str, pixels: np.ndarray, names: tuple[str, ...] = ()) -> Images:
    """Images whose bands stand for physical values, each band with a range of its own."""
    low = tuple(-0.1 * band for band in range(pixels.shape[-1]))
    high = tuple(1.0 + band for band in range(pixels.shape[-1]))
    images = dataclasses.replace(Images.of(name, pixels), scaling=Scaling("range", low, high))
    return dataclasses.replace(images, bands=names or images.bands)


def run(real: Images, generated: Images) -> dict[str, float]:
    return dict(Bands().run(real, generated))


@pytest.mark.parametrize("channels, dtype", list(itertools.product([1, 3, 4, 13], ["uint8", "uint16"])))
def test_statistics_are_those_of_numpy_in_physical_values(channels, dtype):
    images = scaled("real", noise(30, channels, dtype))
    found, values = bands.statistics(images), images.scaling.to_physical(images.pixels).reshape(-1, channels)
    assert found.physical and found.counts.shape == (channels, images.top + 1)
    for band in range(channels):
        wanted = np.bincount(images.pixels[..., band].ravel(), minlength=images.top + 1)
        np.testing.assert_array_equal(found.counts[band], wanted)
    np.testing.assert_allclose(found.mean, values.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(found.correlation, np.corrcoef(values.T).reshape(channels, channels), atol=1e-6)
    percentiles = (0, 2, 33, 50, 98, 100)
    wanted = np.percentile(values, percentiles, axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(found.quantiles(percentiles), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels, dtype", list(itertools.product([1, 3, 13], ["uint8", "uint16"])))
def test_distances_are_scipys_in_physical_values_and_grey_levels(channels, dtype):
    sets = [scaled(name, noise(12, channels, dtype, seed)) for seed, name in enumerate(("real", "generated"))]
    values = run(*sets)
    flat = [images.scaling.to_physical(images.pixels).reshape(-1, channels) for images in sets]
    grey = [images.pixels.reshape(-1, channels) * (255 / images.top) for images in sets]
    in_grey = []
    for band, name in enumerate(sets[0].bands):
        wanted = stats.wasserstein_distance(flat[0][:, band], flat[1][:, band])
        assert values[f"bands/wasserstein/{name}"] == pytest.approx(wanted, rel=1e-3)
        in_grey.append(stats.wasserstein_distance(grey[0][:, band], grey[1][:, band]))
    assert values["bands"] == pytest.approx(np.mean(in_grey), rel=1e-6)
    for percentile in (2, 50, 98):
        one, other = (np.percentile(pixels, percentile, axis=0, method="inverted_cdf") for pixels in grey)
        assert values[f"bands/p{percentile}"] == pytest.approx(np.abs(one - other).mean(), abs=1e-6)
    assert ("bands/correlation_gap" in values) == ("bands/spectral_angle" in values) == (channels > 1)


def test_without_a_scaling_values_are_grey_levels():
    pixels = noise(6, 3, "uint16")
    found = bands.statistics(Images.of("real", pixels))
    assert not found.physical
    np.testing.assert_allclose(found.mean, pixels.mean(axis=(0, 1, 2)) / 257, rtol=1e-9)
    assert found.quantiles([100]).max() == pytest.approx(pixels.max() / 257)


def test_generated_images_of_a_folder_have_the_scaling_of_the_real_ones():
    real = scaled("real", noise(6, 3))
    generated = Images.of("generated", noise(6, 3, seed=1))
    assert run(real, generated) == run(real, dataclasses.replace(generated, scaling=real.scaling))


def test_wasserstein_of_histograms_of_unequal_size_is_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 40, 1000), rng.integers(10, 30, 333)
    found = bands.wasserstein(*(np.bincount(values, minlength=50) for values in (a, b)))
    assert found == pytest.approx(stats.wasserstein_distance(a, b))


def test_a_shift_of_brightness_is_told_in_grey_levels_and_nothing_else():
    tiles = datasets.landscape(12, 16) // 2
    same, brighter = (
        run(Images.of("a", tiles), Images.of("b", tiles)),
        run(Images.of("a", tiles), Images.of("b", tiles + 9)),
    )
    assert set(same.values()) == {0.0}
    for name in ("bands", "bands/p2", "bands/p50", "bands/p98", "bands/wasserstein/green"):
        assert brighter[name] == pytest.approx(9)
    assert brighter["bands/correlation_gap"] == pytest.approx(0, abs=1e-9)
    assert brighter["bands/spectral_angle"] > 0


def test_swapped_bands_show_in_correlation_and_angle():
    pixels = noise(20, 4)
    pixels[..., 3] = 255 - pixels[..., 0]
    found = run(Images.of("a", pixels), Images.of("b", pixels[..., [3, 1, 2, 0]]))
    assert found["bands/correlation_gap"] > 0.3
    assert found["bands/spectral_angle"] > 1


def test_spectral_angle():
    a = np.array([3.0, 4.0, 12.0])
    assert bands.spectral_angle(a, 7 * a) == pytest.approx(0, abs=1e-6)
    assert bands.spectral_angle(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(45)
    assert bands.spectral_angle(np.array([1.0, 0.0]), np.array([-1.0, 1e-9])) == pytest.approx(180, abs=1e-6)
    assert bands.spectral_angle(np.zeros(3), np.zeros(3)) == 0
    assert bands.spectral_angle(np.zeros(3), a) == 90


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_flat_bands_and_flat_images_have_figures(dtype):
    pixels = noise(200, 3, dtype)
    pixels[..., 1] = np.iinfo(dtype).max - 2
    correlation = bands.statistics(Images.of("a", pixels)).correlation
    assert correlation[1].tolist() == [0, 1, 0] and correlation[0, 2] > 0.2
    flat = Images.of("flat", np.full((5, 8, 8, 3), 11, dtype))
    np.testing.assert_array_equal(bands.statistics(flat).correlation, np.eye(3))
    assert np.isfinite(list(run(Images.of("a", pixels), flat).values())).all()
    black = Images.of("black", np.zeros((5, 8, 8, 3), dtype))
    assert np.isfinite(list(run(black, flat).values())).all() and set(run(black, black).values()) == {0.0}


def test_one_image_repeated_and_mixtures_are_ordered():
    tiles, others = datasets.landscape(40, 16), noise(40, 3).repeat(2, axis=1).repeat(2, axis=2)
    real = Images.of("real", tiles)
    found = [
        run(real, Images.of("mixed", np.concatenate([others[:count], tiles[count:]])))["bands"]
        for count in (0, 10, 20, 40)
    ]
    assert found == sorted(found) and found[0] == 0
    floor = run(Images.of("a", tiles[:20]), Images.of("b", tiles[20:]))["bands"]
    assert run(Images.of("a", tiles[:20]), Images.of("b", np.repeat(tiles[:1], 20, axis=0)))["bands"] > floor
    assert Bands().smallest == 2


def test_the_vegetation_index_is_in_physical_values():
    pixels = noise(10, 4, "uint16")
    images = scaled("real", pixels, ("blue", "NIR", "green", "Red"))
    found = bands.statistics(images).ndvi
    values = images.scaling.to_physical(pixels).astype(np.float64)
    red, near = values[..., 3], values[..., 1]
    index = np.where(near + red > 0, (near - red) / (near + red), 0).clip(-1, 1)
    wanted, _ = np.histogram(index, bins=200, range=(-1, 1))
    assert found.sum() == index.size
    assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() <= 3  # values on the border of two bins
    other = scaled("other", noise(10, 4, "uint16", seed=3), images.bands)
    theirs = bands.statistics(other).ndvi
    wanted = stats.wasserstein_distance(range(200), range(200), found, theirs) / 100
    assert run(images, other)["bands/ndvi"] == pytest.approx(wanted, rel=1e-6) and wanted > 0
    assert "bands/ndvi" not in run(
        *(dataclasses.replace(given, bands=("a", "b", "c", "d")) for given in (images, other))
    )


def test_black_pixels_have_a_vegetation_index_of_0():
    images = dataclasses.replace(Images.of("black", np.zeros((2, 8, 8, 2), np.uint8)), bands=("red", "nir"))
    assert bands.statistics(images).ndvi[100] == 128


@pytest.mark.parametrize(
    "names, wanted",
    [
        (("red", "green", "blue", "nir"), (0, 3)),
        (("Blue", "Green", " RED ", "Near Infrared"), (2, 3)),
        (("near_infrared", "red"), (1, 0)),
        (("red", "nir08", "nir"), (0, 2)),
        (("coastal", "blue", "green", "red", "nir08", "swir16"), (3, 4)),
        (("B02", "B03", "B04", "B08"), (2, 3)),
        (("B2", "B3", "B4", "B8", "B8A"), (2, 3)),
        (("b1", "b4", "b8", "b12"), (1, 2)),
        (("B4", "B8"), None),  # Landsat's B8 is panchromatic
        (("B4", "B5"), None),  # near infrared of Landsat 8, but middle infrared of Landsat 7
        (("SR_B4", "SR_B5"), None),
        (("red", "green", "blue"), None),
        (("band 1", "band 2", "band 3", "band 4"), None),
        (("rededge", "nir"), None),
    ],
)
def test_names_tell_red_and_near_infrared_or_do_not(names, wanted):
    assert bands.red_and_near_infrared(names) == wanted
