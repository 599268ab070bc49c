"""MS-SSIM: the published figures, a plain definition, and what a set of copies scores."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import signal

from progan_tf.errors import InputError
from progan_tf.metrics import ms_ssim
from progan_tf.metrics.images import Images
from progan_tf.metrics.ms_ssim import MsSsim
from tests import datasets


def read(paths: list[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


def by_definition(a: np.ndarray, b: np.ndarray, data_range: float) -> float:
    """MS-SSIM of two images [S, S, C] by convolutions with two-dimensional windows, in double precision."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    product = 1.0
    for scale, weight in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]):
        if scale:
            a, b = (sum(image[y::2, x::2] for y in (0, 1) for x in (0, 1)) / 4 for image in (a, b))
        size = min(11, len(a))
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        window = np.exp(-(x**2 + y**2) / (2 * (1.5 * size / 11) ** 2))
        window /= window.sum()

        def seen(image, window=window):
            bands = [signal.correlate2d(image[..., band], window, "valid") for band in range(image.shape[-1])]
            return np.stack(bands, axis=-1)

        variances = seen(a * a) + seen(b * b) - seen(a) ** 2 - seen(b) ** 2
        structure = (2 * (seen(a * b) - seen(a) * seen(b)) + c2) / (variances + c2)
        luminance = (2 * seen(a) * seen(b) + c1) / (seen(a) ** 2 + seen(b) ** 2 + c1)
        product *= max((luminance * structure if scale == 4 else structure).mean(), 0) ** weight
    return product


PUBLISHED = [("Forest", 0.8733138), ("Residential", 0.2414638), ("every 20th", 0.3767664), ("ucm_", 0.3007838),
             ("dubai_", 0.1039021)]  # fmt: skip


@pytest.mark.parametrize("name, wanted", PUBLISHED)
def test_published_figures_on_real_tiles(name, wanted, tiles64, tiles256):
    all64, all256 = sorted(tiles64.glob("*.jpg")), sorted(tiles256.glob("*.jpg"))
    if name == "every 20th":
        chosen = all64[0::20][:250]
    elif name.endswith("_"):
        chosen = [path for path in all256 if path.name.startswith(name)][:64]
    else:
        chosen = [path for path in all64 if name in path.name][:256]
    images = read(chosen)
    found = ms_ssim.ms_ssim_pairs(images[0::2], images[1::2], 255).mean()
    assert found == pytest.approx(wanted, abs=2e-6)  # they were computed in single precision


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("dtype, side", [("uint8", 16), ("uint16", 64)])
def test_it_is_what_the_definition_says(channels, dtype, side):
    grey = datasets.landscape(4, side)[..., :1].astype(dtype) * (np.iinfo(dtype).max // 255)
    images = np.concatenate([np.roll(grey, band, axis=1) for band in range(channels)], axis=-1)
    a, b = images, np.roll(images, 1, axis=0)
    wanted = [by_definition(*pair, np.iinfo(dtype).max) for pair in zip(a, b, strict=True)]
    np.testing.assert_allclose(ms_ssim.ms_ssim_pairs(a, b, np.iinfo(dtype).max), wanted, atol=2e-5)


def test_of_one_band_where_the_window_fits_five_times_it_is_tensorflows():
    images = datasets.landscape(4, 256)[..., :1]  # of more bands TensorFlow multiplies the scales of each
    theirs = tf.image.ssim_multiscale(images[:2], images[2:], 255)
    np.testing.assert_allclose(ms_ssim.ms_ssim_pairs(images[:2], images[2:], 255), theirs, atol=1e-4)


def test_equal_images_are_at_1_and_so_is_a_set_of_copies():
    tiles = datasets.landscape(12, 32)
    np.testing.assert_array_equal(ms_ssim.ms_ssim_pairs(tiles, tiles, 255), 1)
    copies, flat = np.repeat(tiles[:1], 12, axis=0), np.full((12, 16, 16, 3), 200, np.uint8)
    for images in (copies, flat):
        assert ms_ssim.among(images) == pytest.approx(1, abs=1e-5)
    assert ms_ssim.among(tiles).mean() < 0.9


def test_pairs_are_random_and_no_image_is_in_two(monkeypatch):
    numbered = np.broadcast_to(np.arange(101, dtype=np.uint8)[:, None, None, None], (101, 16, 16, 1))
    seen = []

    def spy(a: np.ndarray, b: np.ndarray, data_range: float) -> np.ndarray:
        seen.extend(zip(a[:, 0, 0, 0].tolist(), b[:, 0, 0, 0].tolist(), strict=True))
        return np.zeros(len(a))

    monkeypatch.setattr(ms_ssim, "ms_ssim_pairs", spy)
    assert len(ms_ssim.among(numbered, seed=1)) == len(seen) == 50
    assert len({number for pair in seen for number in pair}) == 100
    # Classes made in turn would otherwise meet none but their next one.
    assert len({(a - b) % 3 for a, b in seen}) == 3


def test_headline_is_of_generated_images_and_real_ones_stand_beside():
    real, generated = (Images.of("set", datasets.landscape(20, 16, seed)) for seed in (0, 5))
    values = dict(MsSsim(seed=2).run(real, generated))
    scores = ms_ssim.among(generated.pixels, 2)
    assert values["ms_ssim"] == scores.mean()
    assert values["ms_ssim/se"] == pytest.approx(scores.std(ddof=1) / 10**0.5)
    assert values["ms_ssim/real"] == ms_ssim.among(real.pixels, 2).mean() != values["ms_ssim"]
    assert MsSsim().smallest == 4


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (2, 32, 16, 3), (2, 48, 48, 3)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(InputError, match="ms_ssim takes"):
        ms_ssim.ms_ssim_pairs(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), 255)
