"""Generated images as GeoTIFF, NumPy and PNG files, read back by rasterio, NumPy and TensorFlow."""

import dataclasses
import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest
import rasterio
import tensorflow as tf
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from experiments import image_files
from progan_tf.errors import InputError
from progan_tf.export.description import Description, physical_values

SAID = {"SYNTHETIC": "SYNTHETIC: made up", "Model": "Wälder", "Seed": "7", "Truncation": "1.0"}
LOW, HIGH = (0.0, -0.25, 0.1, 250.0), (1.0, 0.75, 0.4, 320.0)


def model(dtype: str = "uint16", scaled: bool = True, **fields) -> Description:
    """Blue, green, red and a fourth band; of other fields what is not given is left empty."""
    facts = dict.fromkeys(field.name for field in dataclasses.fields(Description))
    facts |= {"name": "fields", "channels": 4, "bands": ["blue", "green", "red", "heat"], "display_bands": [2, 1, 0]}
    scaling = {"mode": "range", "low": list(LOW), "high": list(HIGH)} if scaled else None
    return Description(**{**facts, "dtype": dtype, "scaling": scaling, **fields})


def image(dtype: str = "uint16", bands: int = 4) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (16, 8, bands), dtype, endpoint=True)
    pixels[0, 0], pixels[0, 1] = 0, np.iinfo(dtype).max
    return pixels


def exact(pixels: np.ndarray) -> np.ndarray:
    """Physical values of pixels by the sentence of model.json, in exact arithmetic."""
    top = np.iinfo(pixels.dtype).max
    values = [
        [Fraction(low) + int(pixel) * (Fraction(high) - Fraction(low)) / top for pixel in pixels[..., band].flat]
        for band, (low, high) in enumerate(zip(LOW, HIGH, strict=True))
    ]
    return np.array(values, float).T.reshape(pixels.shape)


def open_tiff(path) -> rasterio.DatasetReader:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_geotiff_has_all_bands_by_name_and_the_way_to_physical_values(tmp_path, dtype):
    image_files.write(tmp_path / "image.tif", image(dtype), model(dtype), SAID)
    with open_tiff(tmp_path / "image.tif") as read:
        assert (read.driver, read.crs, read.dtypes) == ("GTiff", None, (dtype,) * 4)
        assert read.descriptions == ("blue", "green", "red", "heat")
        pixels = np.moveaxis(read.read(), 0, -1)
        np.testing.assert_array_equal(pixels, image(dtype))
        np.testing.assert_allclose(pixels * read.scales + read.offsets, exact(pixels), rtol=1e-12, atol=1e-12)
        assert {key: read.tags()[key] for key in SAID} == SAID
        assert read.colorinterp == (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_a_geotiff_of_physical_values_needs_no_scale(tmp_path):
    image_files.write(tmp_path / "image.tif", image(), model(), SAID, physical=True)
    with open_tiff(tmp_path / "image.tif") as read:
        assert read.dtypes == ("float32",) * 4
        assert (read.scales, read.offsets) == ((1.0,) * 4, (0.0,) * 4)
        np.testing.assert_allclose(np.moveaxis(read.read(), 0, -1), exact(image()), rtol=1e-6, atol=1e-7)
        assert read.tags()["SYNTHETIC"] == SAID["SYNTHETIC"]


def test_without_scaling_a_geotiff_has_the_pixels_alone(tmp_path):
    image_files.write(tmp_path / "image.tif", image(), model(scaled=False), SAID)
    with open_tiff(tmp_path / "image.tif") as read:
        assert (read.scales, read.offsets) == ((1.0,) * 4, (0.0,) * 4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "shown, bands, colours",
    [
        ([0], 1, "gray"),
        ([0], 2, "gray undefined"),
        ([0, 1, 2], 3, "red green blue"),
        ([0, 1, 2], 4, "red green blue undefined"),
        ([3, 2, 1], 5, "undefined blue green red undefined"),
    ],
)
def test_a_geotiff_shows_the_display_bands_and_has_no_alpha(tmp_path, dtype, shown, bands, colours):
    described = model(dtype, False, bands=[f"band {i}" for i in range(bands)], display_bands=shown)
    image_files.write(tmp_path / "image.tif", image(dtype, bands), described, SAID)
    with open_tiff(tmp_path / "image.tif") as read:
        assert [colour.name for colour in read.colorinterp] == colours.split()
        np.testing.assert_array_equal(np.moveaxis(read.read(), 0, -1), image(dtype, bands))


def test_viewers_that_know_no_gdal_open_a_geotiff_in_rgb_order(tmp_path):
    described = model("uint8", False, bands=["red", "green", "blue", "heat"], display_bands=[0, 1, 2])
    image_files.write(tmp_path / "image.tif", image("uint8"), described, SAID)
    np.testing.assert_array_equal(Image.open(tmp_path / "image.tif").convert("RGB"), image("uint8")[..., :3])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_numpy_file_is_the_image(tmp_path, dtype):
    image_files.write(tmp_path / "image.npy", image(dtype), model(dtype), SAID)
    image_files.write(tmp_path / "physical.npy", image(dtype), model(dtype), SAID, physical=True)
    pixels, physical = np.load(tmp_path / "image.npy"), np.load(tmp_path / "physical.npy")
    assert (pixels.dtype, physical.dtype) == (dtype, np.float32)
    np.testing.assert_array_equal(pixels, image(dtype))
    np.testing.assert_allclose(physical, exact(image(dtype)), rtol=1e-6, atol=1e-7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.npy", "physical.npy"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shown", [[2, 1, 0], [3]])
def test_a_png_has_the_display_bands_with_all_their_bits(tmp_path, dtype, shown):
    image_files.write(tmp_path / "image.png", image(dtype), model(dtype, display_bands=shown), SAID)
    decoded = tf.io.decode_png((tmp_path / "image.png").read_bytes(), dtype=dtype)
    np.testing.assert_array_equal(decoded, image(dtype)[..., shown])


@pytest.mark.parametrize("suffix", image_files.SUFFIXES.values())
@pytest.mark.filterwarnings("error")
def test_the_same_image_is_the_same_file_and_nothing_is_said_about_it(tmp_path, suffix, capfd):
    for name in ("a", "b"):
        image_files.write(tmp_path / (name + suffix), image(), model(), SAID)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix, writer", [(".tif", "rasterio.io.DatasetWriter.write"), (".npy", "numpy.save")])
def test_a_write_that_fails_leaves_the_file_before_as_it_was(tmp_path, monkeypatch, suffix, writer):
    path = tmp_path / f"image{suffix}"
    image_files.write(path, image(), model(), SAID)
    before = path.read_bytes()

    def full(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(writer, full)
    with pytest.raises(OSError, match="no space"):
        image_files.write(path, image()[::-1], model(), SAID)
    assert path.read_bytes() == before


@pytest.mark.parametrize("file_format", ["geotiff", "npy"])
def test_what_can_be_written_is_allowed(file_format):
    image_files.check(file_format, True, model())
    image_files.check(file_format, False, model(scaled=False))


def test_physical_values_need_a_scaling_and_more_than_png():
    with pytest.raises(InputError, match="give --format=geotiff or --format=npy"):
        image_files.check("png", True, model())
    with pytest.raises(InputError, match=r"model fields has no scaling, .* leave the flag out"):
        image_files.check("npy", True, model(scaled=False))


def test_without_rasterio_geotiff_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(InputError, match=r"pip install 'progan-tf\[geo\]'"):
        image_files.check("geotiff", False, model())
    image_files.check("npy", False, model())


def test_the_sentence_on_physical_values_names_the_largest_pixel():
    assert "/ 255;" in physical_values(model("uint8").scaling, "uint8")
    assert "/ 65535;" in physical_values(model().scaling, "uint16")
    assert "as they were" in physical_values(None, "uint16")
