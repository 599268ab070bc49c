"""What plots are drawn from: principal components against NumPy, means over squares, and drawings that do not fail."""

import io

import numpy as np
import pytest
from PIL import Image

from progan_tf.metrics import bands, figures, spectrum
from progan_tf.metrics.images import Images
from progan_tf.metrics.memorization import Distances


def pixels(count: int, side: int, channels: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max, (count, side, side, channels), dtype, endpoint=True)


def test_principal_components_are_those_of_a_singular_value_decomposition():
    points = np.random.default_rng(0).standard_normal((40, 12)) * np.arange(12, 0, -1)
    found, shares = figures.principal_components(points)
    centred = points - points.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    wanted = left[:, :2] * values[:2]
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(shares, values[:2] ** 2 / np.square(values).sum())
    np.testing.assert_array_equal(found, figures.principal_components(points)[0])  # the same every time


@pytest.mark.parametrize("points", [np.ones((9, 5)), np.ones((2, 5)), np.zeros((9, 2))])
def test_points_without_two_components_lie_in_the_middle(points):
    found, shares = figures.principal_components(points)
    assert found.shape == (len(points), 2) and not found.any() and not shares.any()


@pytest.mark.parametrize("side, factor", [(8, 1), (8, 2), (8, 8), (9, 2)])
def test_shrunk_images_are_means_of_squares(side, factor):
    images = pixels(3, side, 4, "uint16")
    found = figures.shrink(images, factor)
    rows = side // factor
    assert found.shape == (3, rows, rows, 4)
    for y in range(rows):
        for x in range(rows):
            square = images[:, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            np.testing.assert_allclose(found[:, y, x], square.mean(axis=(1, 2)), rtol=1e-6)


def test_coarse_images_are_vectors_from_0_to_1():
    found = figures.coarse(Images.of("x", pixels(5, 64, 3, "uint16")))
    assert found.shape == (5, 16 * 16 * 3) and 0 <= found.min() < found.max() <= 1
    assert figures.coarse(Images.of("x", pixels(5, 8, 1))).shape == (5, 64)


def drawn(plot: figures.Plot, panels: int) -> None:
    light, dark = (np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in (plot.light, plot.dark))
    assert np.median(light) > 170 > 85 > np.median(dark)
    assert plot.alt and plot.caption and plot.wide == (panels > 1)


@pytest.mark.parametrize("channels, dtype, constant", [(1, "uint8", False), (4, "uint16", False), (3, "uint8", True)])
def test_plots_of_any_bands_and_of_flat_images(channels, dtype, constant):
    sets = [pixels(6, 16, channels, dtype, seed) for seed in (0, 1)]
    if constant:
        sets = [np.full_like(images, 7) for images in sets]
    real, generated = (Images.of(name, images) for name, images in zip(("real", "generated"), sets, strict=True))
    drawn(figures.spectra(*(spectrum.spectrum(images) for images in sets), real.bands), channels)
    drawn(figures.histograms(*(bands.statistics(images) for images in (real, generated))), channels)
    drawn(figures.embedding(*map(figures.coarse, (real, generated)), "pixels"), 1)


def test_the_plot_of_distances_says_what_it_shows():
    held_out, generated = np.linspace(1, 2, 101), np.full(50, 0.5)
    plot = figures.distances(Distances(generated, held_out), "distance")
    drawn(plot, 1)
    assert "median 0.5 generated, 1.5 held-out real; 100.0 % of generated images" in plot.alt
