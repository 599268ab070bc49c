"""Images for people: rounding, bands, grids and files."""

import colorsys
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from progan_tf import imaging

DEPTHS = [("uint8", 255), ("uint16", 65535)]


@pytest.mark.parametrize("dtype, top", DEPTHS)
def test_minus_one_and_one_are_the_ends_of_the_range(dtype, top):
    pixels = imaging.to_pixels(np.float32([-1, 1]), dtype)
    assert pixels.dtype == dtype
    assert pixels.tolist() == [0, top]


@pytest.mark.parametrize("dtype, top", DEPTHS)
def test_what_lies_beyond_saturates(dtype, top):
    values = np.float32([-1e30, -3, -1.001, 1.001, 3, 1e30, -np.inf, np.inf])
    assert imaging.to_pixels(values, dtype).tolist() == [0, 0, 0, top, top, top, 0, top]


@pytest.mark.parametrize("dtype, even", [("uint8", 128), ("uint16", 32768)])
def test_zero_lies_half_way_and_goes_to_the_even_neighbour(dtype, even):
    assert imaging.to_pixels(np.float32([0]), dtype).tolist() == [even]


@pytest.mark.parametrize("dtype, top", DEPTHS)
def test_values_go_to_the_nearest_integer_by_exact_arithmetic(dtype, top):
    halves = ((2 * np.arange(0, top, max(1, top // 500)) + 1) / top - 1).astype(np.float32)  # as near as float32 comes
    values = np.concatenate([halves, halves - np.float32(2**-24), halves + np.float32(2**-24)])
    expected = [round((Fraction(float(value)) + 1) * Fraction(top, 2)) for value in values]
    assert imaging.to_pixels(values, dtype).tolist() == expected


@pytest.mark.parametrize("dtype, top", DEPTHS)
def test_every_pixel_value_comes_back_from_the_networks_range(dtype, top):
    pixels = np.arange(top + 1, dtype=dtype)
    in_network = pixels.astype(np.float32) * np.float32(2 / top) - np.float32(1)
    np.testing.assert_array_equal(imaging.to_pixels(in_network, dtype), pixels)


@pytest.mark.parametrize("precision", ["float16", "float32", "float64"])
def test_any_float_will_do(precision):
    assert imaging.to_pixels(np.zeros((2, 4, 4, 3), precision)).shape == (2, 4, 4, 3)


@pytest.mark.parametrize("channels", [4, 13])
@pytest.mark.parametrize("bands", [(0, 1, 2), (3, 1, 0), (2,)])
def test_only_the_bands_on_display_are_shown_in_their_order(channels, bands):
    pixels = np.arange(2 * 4 * 4 * channels, dtype=np.uint8).reshape(2, 4, 4, channels)
    shown = imaging.to_display(pixels, bands)
    assert shown.shape == (2, 4, 4, len(bands))
    for position, band in enumerate(bands):
        np.testing.assert_array_equal(shown[..., position], pixels[..., band])


def test_sixteen_bits_are_shown_by_their_upper_eight():
    pixels = np.array([0, 255, 256, 511, 512, 32768, 65279, 65280, 65535], np.uint16)[:, None]
    shown = imaging.to_display(pixels, (0,))
    assert shown.dtype == np.uint8
    assert shown[:, 0].tolist() == [0, 0, 1, 1, 2, 128, 254, 255, 255]


def numbered(count: int, channels: int = 3) -> np.ndarray:
    """Images of 2 x 3 pixels, each filled with its number, from 1."""
    return np.broadcast_to(np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None], (count, 2, 3, channels))


def test_grid_goes_row_by_row_from_left_to_right():
    sheet = imaging.grid(numbered(6), columns=3)
    assert sheet.shape == (4, 9, 3)
    expected = np.kron([[1, 2, 3], [4, 5, 6]], np.ones((2, 3), int))
    for channel in range(3):
        np.testing.assert_array_equal(sheet[..., channel], expected)


def test_grid_keeps_every_image_upright():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 1), np.uint8)
    sheet = imaging.grid(images, columns=2)
    for number, image in enumerate(images):
        top, left = (number // 2) * 4, (number % 2) * 6
        np.testing.assert_array_equal(sheet[top : top + 4, left : left + 6], image)


def test_missing_images_are_black():
    sheet = imaging.grid(numbered(4), columns=3)
    assert sheet.shape == (4, 9, 3)
    assert np.all(sheet[2:, 3:] == 0)


def test_a_row_that_is_not_full_is_as_wide_as_the_others():
    assert imaging.grid(numbered(2), columns=5).shape == (2, 15, 3)


def test_enlarge_repeats_every_pixel():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), np.uint8)
    expected = [np.kron(image, np.ones((5, 5, 1), np.uint8)) for image in images]
    np.testing.assert_array_equal(imaging.enlarge(images, 5), expected)


def test_offsets_are_hues_by_direction_and_bright_by_distance():
    rows, columns = np.mgrid[-20:21, -30:31]
    colours = imaging.colour_offsets(np.stack([rows, columns], axis=-1))
    for row, column in [(0, 1), (-20, 0), (13, -13), (20, 30), (-20, -30), (5, 7), (-1, 30)]:
        turn = np.arctan2(-row, column) / (2 * np.pi) % 1
        value = 0.4 + 0.6 * min(1, np.hypot(row, column) / 61)
        expected = 255 * np.array(colorsys.hsv_to_rgb(turn, 1, value))
        np.testing.assert_allclose(colours[row + 20, column + 30], expected, atol=0.501)
    assert colours.dtype == np.uint8 and colours[20, 30].tolist() == [128, 128, 128]


def test_offsets_of_many_maps_are_coloured_one_by_one_and_saturate():
    offsets = np.random.default_rng(0).integers(-99, 99, (2, 3, 4, 5, 2), np.int32)
    offsets[0, 0, 0, 0] = 0, 1000
    colours = imaging.colour_offsets(offsets)
    assert colours.shape == (2, 3, 4, 5, 3) and colours[0, 0, 0, 0].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(colours[1, 2], imaging.colour_offsets(offsets[1, 2]))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels, mode", [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("height, width", [(1, 1), (5, 7), (64, 64)])
def test_png_files_hold_the_exact_pixels(tmp_path, dtype, channels, mode, height, width):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    imaging.write_png(tmp_path / "image.png", image, {"SYNTHETIC": "yes"})
    png = (tmp_path / "image.png").read_bytes()
    np.testing.assert_array_equal(tf.io.decode_png(png, dtype=dtype), image)  # libpng, which checks every CRC
    with Image.open(tmp_path / "image.png") as read:
        assert (read.format, read.size) == ("PNG", (width, height))
        assert channels in (1, 2) or read.mode == mode  # Pillow knows no grey of 16 bits with alpha
        if dtype == "uint8":
            np.testing.assert_array_equal(np.asarray(read).reshape(image.shape), image)
    assert png[24:26] == bytes([8 * image.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[channels]])  # bits, kind of colour


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_files_say_what_they_are_told_to_in_any_script(tmp_path, dtype, channels):
    said = {"SYNTHETIC": "SYNTHETIC: made up", "Model": "Wälder 森林", "Seed": "7"}
    imaging.write_png(tmp_path / "image.png", np.zeros((4, 4, channels), dtype), said)
    with Image.open(tmp_path / "image.png") as read:
        assert read.text == said


def test_smooth_sixteen_bit_images_are_compressed(tmp_path):
    ramp = np.add.outer(np.arange(256), np.arange(256)).astype(np.uint16)[..., None] * np.ones(3, np.uint16)
    imaging.write_png(tmp_path / "image.png", ramp)
    assert (tmp_path / "image.png").stat().st_size < ramp.nbytes / 20


def test_writing_leaves_the_file_alone_behind_and_replaces_the_one_before(tmp_path):
    for value in (1, 2):
        imaging.write_png(tmp_path / "image.png", np.full((4, 4, 3), value, np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
    assert np.all(np.asarray(Image.open(tmp_path / "image.png")) == 2)


def test_a_write_that_fails_leaves_the_file_before_as_it_was(tmp_path, monkeypatch):
    imaging.write_png(tmp_path / "image.png", np.full((4, 4, 3), 1, np.uint8))

    def half_a_file(path, content):
        path.open("wb").write(content[: len(content) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", half_a_file)
    with pytest.raises(OSError, match="no space"):
        imaging.write_png(tmp_path / "image.png", np.full((4, 4, 3), 2, np.uint8))
    assert np.all(np.asarray(Image.open(tmp_path / "image.png")) == 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_text_is_put_into_a_png_of_others_and_nothing_else_changes(dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7, 3), dtype)
    png = tf.io.encode_png(pixels).numpy()
    said = {"SYNTHETIC": "SYNTHETIC: made up", "Model": "Wälder 森林", "Seed": "-7"}
    signed = imaging.with_text(png, said)
    assert Image.open(io.BytesIO(signed)).text == said
    assert Image.open(io.BytesIO(imaging.with_text(signed, {"More": "x"}))).text == {**said, "More": "x"}
    np.testing.assert_array_equal(tf.io.decode_png(signed, dtype=dtype), pixels)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT" + b"x" * 40]
)
def test_text_is_put_into_nothing_but_a_png(content):
    with pytest.raises(ValueError, match="no PNG"):
        imaging.with_text(content, {"a": "b"})
