"""Symmetries and distances up to them, against direct computation of every pair."""

import itertools

import numpy as np
import pytest

from progan_tf.errors import InputError
from progan_tf.metrics import symmetries

# What the symmetries do, in NumPy's own words.
DEFINITIONS = [
    lambda image: image,
    np.fliplr,
    np.flipud,
    lambda image: np.rot90(image, 2),
    lambda image: image.transpose(1, 0, 2),
    lambda image: np.rot90(image, -1),
    np.rot90,
    lambda image: np.rot90(image.transpose(1, 0, 2), 2),
]


def noise(count: int, size: int = 8, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (count, size, size, channels), dtype, endpoint=True)


def direct(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared differences [8, N, M] of all pairs by their definition."""
    a, b = (images / np.iinfo(images.dtype).max for images in (a, b))
    return np.array([[[np.mean((turn(x) - y) ** 2) for y in b] for x in a] for turn in DEFINITIONS])


def all_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found = np.full((8, len(a), len(b)), np.nan, np.float32)
    for rows, columns, differences in symmetries.squared_differences(a, b):
        assert np.isnan(found[:, rows, columns]).all()
        found[:, rows, columns] = differences
    assert not np.isnan(found).any()
    return found


def test_symmetries_are_what_they_are_called():
    image = noise(1)[0]
    for number, turn in enumerate(DEFINITIONS):
        np.testing.assert_array_equal(symmetries.transform(image, number), turn(image))
    assert len(symmetries.SYMMETRIES) == len(set(symmetries.SYMMETRIES)) == 8
    assert symmetries.SYMMETRIES[5:7] == ("turned right", "turned left")


def test_symmetries_are_a_group():
    image = noise(1, size=4)[0]
    seen = {symmetries.transform(image, number).tobytes() for number in range(8)}
    twice = {
        symmetries.transform(symmetries.transform(image, one), other).tobytes()
        for one, other in itertools.product(range(8), repeat=2)
    }
    assert len(seen) == 8 and twice == seen


def test_every_symmetry_is_undone_by_its_inverse():
    image = noise(1, size=4)[0]
    for number in range(8):
        back = symmetries.transform(symmetries.transform(image, number), symmetries.inverse(number))
        np.testing.assert_array_equal(back, image)


def test_a_set_is_transformed_image_by_image():
    images = noise(5)
    for number in range(8):
        together = symmetries.transform(images, number)
        np.testing.assert_array_equal(together, [symmetries.transform(image, number) for image in images])
        assert np.shares_memory(together, images)


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_differences_of_all_pairs(channels, dtype):
    a, b = noise(5, channels=channels, dtype=dtype), noise(7, channels=channels, dtype=dtype, seed=1)
    np.testing.assert_allclose(all_differences(a, b), direct(a, b), rtol=2e-6)


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_pieces_of_any_size_cover_every_pair_once(monkeypatch, rows):
    a, b = noise(5), noise(7, seed=1)
    monkeypatch.setattr(symmetries, "_ROW_BYTES", rows * 4 * a[0].size)
    monkeypatch.setattr(symmetries, "_COLUMN_BYTES", (rows + 1) * 4 * a[0].size)
    np.testing.assert_allclose(all_differences(a, b), direct(a, b), rtol=2e-6)


@pytest.mark.parametrize("level, dtype, most", [(250, "uint8", 5), (60000, "uint16", 5)])
def test_small_differences_of_bright_images_keep_their_digits(level, dtype, most):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(level, level + most, (4, 16, 16, 3)).astype(dtype) for _ in range(2))
    np.testing.assert_allclose(all_differences(a, b), direct(a, b), rtol=1e-5)


def test_a_copy_is_told_from_a_picture_one_grey_level_off():
    """The case that matters: the distance is far below the images' own variance."""
    a = noise(1, size=64)
    off = a.copy()
    off[0, 0, 0, 0] ^= 128
    copies, near = all_differences(a, a)[0, 0, 0], all_differences(a, off)[0, 0, 0]
    assert copies < 1e-7
    assert near == pytest.approx((128 / 255) ** 2 / a.size, abs=1e-7)
    assert symmetries.squared_difference(a[0], a[0]) == 0
    assert symmetries.squared_difference(a[0], off[0]) == pytest.approx((128 / 255) ** 2 / a.size, rel=1e-12)


def test_the_scale_does_not_depend_on_the_depth():
    a, b = noise(3), noise(3, seed=1)
    deep = all_differences(a.astype(np.uint16) * 257, b.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep, all_differences(a, b), rtol=1e-5)
    black, white = np.zeros((1, 8, 8, 1), np.uint16), np.full((1, 8, 8, 1), 65535, np.uint16)
    np.testing.assert_allclose(all_differences(black, white), 1)


def test_the_nearest_image_with_its_symmetry():
    b = noise(20)
    which, how = [3, 3, 19, 0, 7, 11, 12, 5], range(8)
    disturbed = np.stack([symmetries.transform(b[i], s) for i, s in zip(which, how, strict=True)])
    disturbed[:, 2, 5] ^= 31
    found = symmetries.nearest(disturbed, b)
    assert found.index.tolist() == which
    for image, index, symmetry, mse in zip(disturbed, found.index, found.symmetry, found.mse, strict=True):
        back = symmetries.transform(image, symmetry)
        assert np.count_nonzero(back != b[index]) <= 3
        assert mse == pytest.approx(np.mean((back / 255 - b[index] / 255) ** 2), rel=1e-12)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_the_nearest_image_is_that_of_all_pairs(monkeypatch, rows):
    a, b = noise(9, size=4), noise(14, size=4, seed=1)
    monkeypatch.setattr(symmetries, "_ROW_BYTES", rows * 4 * a[0].size)
    monkeypatch.setattr(symmetries, "_COLUMN_BYTES", (rows + 1) * 4 * a[0].size)
    found, every = symmetries.nearest(a, b), direct(a, b)
    np.testing.assert_array_equal(found.index, every.min(axis=0).argmin(axis=1))
    np.testing.assert_array_equal(found.symmetry, every[:, np.arange(9), found.index].argmin(axis=0))
    np.testing.assert_allclose(found.mse, every.min(axis=(0, 2)), rtol=1e-12)


def test_memory_maps_are_read_piece_by_piece(tmp_path, monkeypatch):
    images = noise(10)
    path = tmp_path / "pixels"
    images.tofile(path)
    mapped = np.memmap(path, np.uint8, "r", shape=images.shape)
    monkeypatch.setattr(symmetries, "_ROW_BYTES", 3 * 4 * images[0].size)
    np.testing.assert_array_equal(symmetries.nearest(mapped, images).index, range(10))


@pytest.mark.parametrize("shape", [(2, 8, 4, 3), (2, 5, 5, 3)])
def test_only_even_squares_have_the_eight_symmetries(shape):
    images = np.zeros(shape, np.uint8)
    with pytest.raises(InputError, match=f"images are {shape[1]} x {shape[2]}; symmetries need square images"):
        symmetries.nearest(images, images)
