"""Images and GeoTIFFs that are to be continued: what is read of them, and what is refused."""

import numpy as np
import pytest
import rasterio
from PIL import Image

from experiments import scene_input
from progan_tf.errors import InputError

PIXELS = np.random.default_rng(0).integers(1, 256, (300, 7, 3), np.uint8)


def read(scene: scene_input.Scene) -> tuple[np.ndarray, np.ndarray]:
    tops, values, valid = zip(*scene.blocks(), strict=True)
    assert list(tops) == np.cumsum([0, *(len(block) for block in values[:-1])]).tolist()
    return np.concatenate(values), np.concatenate(valid)


def geotiff(path, pixels, colours=None, **facts):
    height, width, bands = pixels.shape
    layout = {"height": height, "width": width, "count": bands, "dtype": pixels.dtype, "driver": "GTiff"}
    with rasterio.open(path, "w", **layout, **{"transform": rasterio.Affine(2, 0, 5, 0, -2, 9), **facts}) as file:
        if colours:
            file.colorinterp = [rasterio.enums.ColorInterp[colour] for colour in colours]
        file.write(np.moveaxis(pixels, -1, 0))


@pytest.mark.parametrize("mode, bands", [("L", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3)])
def test_images_are_read_and_transparent_pixels_hold_no_data(tmp_path, mode, bands):
    channels = len(mode)
    pixels = np.random.default_rng(0).integers(0, 2, (9, 7, channels), np.uint8) * 255
    Image.fromarray(pixels.squeeze(), mode).save(tmp_path / "image.png")
    scene = scene_input.open_scene(tmp_path / "image.png")
    assert (scene.height, scene.width, scene.bands, scene.dtype, scene.geography) == (9, 7, bands, "uint8", None)
    values, valid = read(scene)
    np.testing.assert_array_equal(values, pixels[..., :bands])
    np.testing.assert_array_equal(valid, pixels[..., -1] > 0 if mode.endswith("A") else True)


def test_a_jpeg_is_what_its_decoder_says(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (33, 50, 3), np.uint8)).save(tmp_path / "town.jpg")
    scene = scene_input.open_scene(tmp_path / "town.jpg")
    values, valid = read(scene)
    np.testing.assert_array_equal(values, np.asarray(Image.open(tmp_path / "town.jpg")))
    assert valid.all() and (scene.height, scene.width, scene.bands) == (33, 50, 3)


def test_a_picture_too_large_for_its_decoder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("RGB", (30, 30)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match=r"too large for its format .* give it as GeoTIFF"):
        scene_input.open_scene(tmp_path / "large.png")


def test_grey_of_sixteen_bits(tmp_path):
    pixels = np.arange(300, 363, dtype=np.uint16).reshape(9, 7)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    scene = scene_input.open_scene(tmp_path / "image.png")
    assert scene.dtype == "uint16"
    np.testing.assert_array_equal(read(scene)[0][..., 0], pixels)


def test_a_scene_is_read_in_strips_with_what_is_missing(tmp_path):
    pixels = PIXELS.copy()
    pixels[:50, 2] = 0
    geotiff(tmp_path / "scene.tif", pixels, nodata=0, crs="EPSG:32640")
    scene = scene_input.open_scene(tmp_path / "scene.tif")
    assert (scene.height, scene.width, scene.bands, scene.nodata) == (300, 7, 3, 0)
    assert scene.geography.crs.to_epsg() == 32640 and scene.geography.transform == rasterio.Affine(2, 0, 5, 0, -2, 9)
    values, valid = read(scene)
    np.testing.assert_array_equal(values, pixels)
    np.testing.assert_array_equal(valid, pixels.any(axis=-1))


def test_alpha_is_no_band_but_says_what_is_missing(tmp_path):
    pixels = np.concatenate([PIXELS, np.full((300, 7, 1), 255, np.uint8)], axis=-1)
    pixels[7, 3, 3] = 0
    geotiff(tmp_path / "scene.tif", pixels, ["red", "green", "blue", "alpha"])
    scene = scene_input.open_scene(tmp_path / "scene.tif")
    values, valid = read(scene)
    assert scene.bands == 3
    np.testing.assert_array_equal(values, PIXELS)
    assert not valid[7, 3] and valid.sum() == valid.size - 1


def test_numbers_that_are_none_hold_no_data(tmp_path):
    pixels = PIXELS.astype(np.float32)
    pixels[5, 5, 1] = np.nan
    geotiff(tmp_path / "scene.tif", pixels)
    valid = read(scene_input.open_scene(tmp_path / "scene.tif"))[1]
    assert not valid[5, 5] and valid.sum() == valid.size - 1


def test_what_cannot_be_continued_is_refused(tmp_path):
    geotiff(tmp_path / "complex.tif", PIXELS.astype(np.complex64))
    points = [rasterio.control.GroundControlPoint(row, col, col, row) for row, col in ((0, 0), (0, 7), (9, 0))]
    geotiff(tmp_path / "points.tif", PIXELS, gcps=points, crs="EPSG:4326", transform=None)
    geotiff(tmp_path / "palette.tif", PIXELS[..., :1], photometric="palette")
    with rasterio.open(tmp_path / "palette.tif", "r+") as file:
        file.write_colormap(1, {value: (value, 0, 0, 255) for value in range(256)})
    Image.fromarray(PIXELS).convert("CMYK").save(tmp_path / "cmyk.jpg")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "text.tif").write_text("no image")
    for name, message in {
        "complex.tif": "has bands of complex64; give it one type",
        "points.tif": "control points",
        "palette.tif": "has a palette",
        "cmyk.jpg": "colour mode CMYK",
        "text.png": "is no image that can be decoded",
        "text.tif": "cannot be read .* is it damaged",
        "none.png": "no image at",
    }.items():
        with pytest.raises(InputError, match=message):
            scene_input.open_scene(tmp_path / name)


def test_a_file_torn_in_the_middle_is_told_of_when_it_is_read(tmp_path):
    geotiff(tmp_path / "scene.tif", np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8), compress="lzw")
    whole = (tmp_path / "scene.tif").read_bytes()
    (tmp_path / "scene.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"scene.tif cannot be read"):
        read(scene_input.open_scene(tmp_path / "scene.tif"))


def test_a_mask_is_where_any_of_its_bands_is_not_zero(tmp_path):
    pixels = np.zeros((9, 7, 3), np.uint8)
    pixels[2, 3, 1] = 1
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(scene_input.read_mask(tmp_path / "mask.png", 9, 7), pixels.any(axis=-1))
    with pytest.raises(InputError, match="has 7 x 9 pixels where the image has 8 x 9"):
        scene_input.read_mask(tmp_path / "mask.png", 9, 8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_masks_of_every_common_kind_are_read(tmp_path, mode):
    wanted = np.random.default_rng(0).random((6, 9)) < 0.4
    Image.fromarray(np.where(wanted, 255, 0).astype(np.uint8)).convert(mode).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(scene_input.read_mask(tmp_path / "mask.png", 6, 9), wanted)
