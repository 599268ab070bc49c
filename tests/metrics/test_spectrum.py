"""Radial spectra: fields whose spectrum is known, NumPy's own transform, and images that lack fine detail."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from progan_tf.errors import InputError
from progan_tf.metrics import spectrum as spectra
from progan_tf.metrics.images import Images
from progan_tf.metrics.spectrum import PowerSpectrum, Spectrum
from tests import datasets

GREY = 28.0  # deviation of fields, grey levels of 8 bits


def field(exponent: float, count: int, side: int, channels: int = 1, dtype: str = "uint8") -> np.ndarray:
    """Random images whose power falls with that exponent of frequency."""
    rng = np.random.default_rng(side)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = np.inf
    white = np.fft.fft2(rng.normal(size=(count, channels, side, side)))
    shaped = np.fft.ifft2(white * frequency ** (exponent / 2)).real
    pixels = np.clip(127.5 + GREY * shaped / shaped.std(), 0, 255) * (np.iinfo(dtype).max / 255)
    return np.moveaxis(np.rint(pixels), 1, -1).astype(dtype)


@pytest.mark.parametrize("exponent, wanted", [(0, 0), (-1, -1), (-2, -2)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_slope_of_a_field_is_its_exponent(exponent, wanted, dtype):
    found = spectra.spectrum(field(exponent, 40, 64, channels=2, dtype=dtype)).slope
    np.testing.assert_allclose(found, wanted, atol=0.08)


def test_white_noise_has_the_power_of_its_variance_at_every_frequency():
    images = field(0, 200, 32, channels=3)
    found = spectra.spectrum(images)
    np.testing.assert_allclose(found.power, images.var(axis=(0, 1, 2))[:, None].repeat(16, 1), rtol=0.15)
    assert found.high_frequency_ratio == pytest.approx(found.size[8:].sum() / found.size.sum(), abs=0.01)
    # Of one frequency's power the logarithm deviates by 5.6 dB; a ring averages over half its frequencies.
    assert 0.2 < found.deviation[:, -1].mean() < 5.6 / (found.size[-1] / 4) ** 0.5


@pytest.mark.parametrize("side, channels, dtype", [(8, 1, "uint8"), (16, 13, "uint16"), (64, 4, "uint8")])
def test_it_is_the_plain_definition(side, channels, dtype):
    images = field(-1, 5, side, channels, dtype)
    found = spectra.spectrum(images)
    grey = images * (255 / np.iinfo(dtype).max)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)
    window = hann[:, None] * hann
    faded = (grey - grey.mean(axis=(1, 2), keepdims=True)) * window[:, :, None]
    power = np.abs(np.fft.fft2(faded, axes=(1, 2))) ** 2 / (window**2).sum()
    rows, columns = np.meshgrid(np.fft.fftfreq(side, 1 / side), np.fft.fftfreq(side, 1 / side))
    radius = np.round(np.sqrt(rows**2 + columns**2)).astype(int)
    rings = np.stack([power[:, radius == r].mean(axis=1) for r in range(1, side // 2 + 1)], axis=-1)  # [N, C, R]
    floor = (255 / np.iinfo(dtype).max) ** 2 / 12
    logarithms = 10 * np.log10(np.maximum(rings, floor))
    np.testing.assert_allclose(found.power, np.maximum(rings, floor).mean(axis=0), rtol=2e-3)
    np.testing.assert_allclose(found.decibels, logarithms.mean(axis=0), atol=1e-2)
    np.testing.assert_allclose(found.deviation, logarithms.std(axis=0), atol=1e-2)
    np.testing.assert_array_equal(found.size, [(radius == r).sum() for r in range(1, side // 2 + 1)])
    np.testing.assert_allclose(found.frequency, np.arange(1, side // 2 + 1) / side)


def run(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    return dict(PowerSpectrum().run(Images.of("real", real), Images.of("generated", generated)))


def test_blurred_images_lack_high_frequencies():
    tiles = datasets.landscape(40, 64)
    half, other = tiles[:20], tiles[20:]
    blurred = ndimage.gaussian_filter(other, 1.0, axes=(1, 2))
    floor, found = run(half, other), run(half, blurred)
    assert found["spectrum/high_frequency_ratio"] < floor["spectrum/high_frequency_ratio"] / 5
    assert found["spectrum/slope_gap"] < floor["spectrum/slope_gap"] - 0.5
    assert found["spectrum"] > 5 * floor["spectrum"]
    mixed = run(half, np.concatenate([blurred[:10], other[10:]]))
    assert floor["spectrum"] < mixed["spectrum"] < found["spectrum"]


def test_on_real_tiles_blurring_shows_far_above_the_floor(tiles256):
    paths = sorted(tiles256.glob("ucm_*.jpg"))[::20][:80]
    tiles = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    floor = run(tiles[0::2], tiles[1::2])
    blurred = run(tiles[0::2], ndimage.gaussian_filter(tiles[1::2], 1.0, axes=(1, 2)))
    assert floor["spectrum"] < 3 < blurred["spectrum"]
    assert -4 < floor["spectrum/slope"] < -2  # land seen from above, as photographs in general
    assert blurred["spectrum/high_frequency_ratio"] < floor["spectrum/high_frequency_ratio"] / 4


def test_equal_sets_are_at_0_and_brightness_does_not_count():
    tiles = datasets.landscape(10, 32) // 2
    assert run(tiles, tiles)["spectrum"] == run(tiles, tiles)["spectrum/slope_gap"] == 0
    assert run(tiles, tiles + 80)["spectrum"] == pytest.approx(0, abs=1e-3)
    # Twice the contrast is four times the power.
    assert run(tiles, tiles * 2)["spectrum"] == pytest.approx(10 * np.log10(4), abs=1e-3)


def test_the_distance_is_a_root_mean_square_over_bands_and_rings():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 8))
    sets = [
        Spectrum(np.arange(1, 9) / 16, decibels, np.ones((3, 8)), np.ones((3, 8)), np.ones(8)) for decibels in (a, b)
    ]
    assert spectra.log_spectral_distance(*sets) == pytest.approx(((a - b) ** 2).mean() ** 0.5)


@pytest.mark.parametrize("dtype, decibels", [("uint8", -10.79), ("uint16", -58.99)])
def test_flat_images_have_the_power_of_rounding(dtype, decibels):
    flat = np.full((4, 16, 16, 3), 201, dtype)
    found = spectra.spectrum(flat)
    np.testing.assert_allclose(found.decibels, decibels, atol=0.01)
    assert (found.deviation == 0).all() and found.slope == pytest.approx(0, abs=1e-9)
    assert np.isfinite(list(run(flat, datasets.landscape(4, 16).astype(dtype)).values())).all()


def test_one_image_repeated_has_its_own_spectrum():
    tiles = datasets.landscape(8, 32)
    one, repeated = spectra.spectrum(tiles[:1]), spectra.spectrum(np.repeat(tiles[:1], 8, axis=0))
    np.testing.assert_allclose(repeated.decibels, one.decibels)
    np.testing.assert_allclose(repeated.deviation, 0, atol=1e-5)
    assert PowerSpectrum().smallest == 2


@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (2, 16, 8, 3), (2, 12, 12, 3)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(InputError, match="spectrum takes"):
        spectra.spectrum(np.zeros(shape, np.uint8))
