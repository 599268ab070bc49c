"""What inspection shows: histograms, tiles, mipmaps, a map and the page are those of the images."""

import dataclasses
import html
import re

import numpy as np
import pytest
from PIL import Image

from data_prep import inspection, inspection_page
from data_prep.conversion import convert
from data_prep.job import Job
from progan_tf.data import manifest as manifests
from progan_tf.data.scaling import Scaling
from tests import datasets

LABELS = ("bare & <dry>", "$sea$", "town")


def means(images: np.ndarray, level: int) -> np.ndarray:
    """Images at a level: the rounded mean of the squares of pixels that become one."""
    count, side, _, channels = images.shape
    factor = side >> level
    squares = images.reshape(count, 2**level, factor, 2**level, factor, channels)
    return np.rint(squares.mean(axis=(2, 4))).astype(images.dtype)


@pytest.mark.parametrize("dtype, step", [("uint8", 1), ("uint16", 256)])
def test_histograms_count_every_pixel_of_every_band(tmp_path, dtype, step):
    top = np.iinfo(dtype).max
    images = np.random.default_rng(0).beta(0.3, 0.6, (20, 8, 8, 4)) * top
    images = np.rint(images).astype(dtype)
    folder = datasets.write(tmp_path / "data", images, shards=3)
    manifest = manifests.load(str(folder))
    for level in (2, 3):
        found = inspection.histograms(str(folder), manifest, "train", level)
        for band in range(4):
            edges = np.arange(257) * step - 0.5
            expected, _ = np.histogram(means(images, level)[..., band].astype(float), edges)
            np.testing.assert_array_equal(found[band], expected)
    np.testing.assert_array_equal(inspection.bin_centres(manifest)[0], np.arange(256) * step + step // 2)


def test_the_axis_of_scaled_bands_is_physical(tmp_path):
    folder = datasets.write(tmp_path / "data", np.zeros((2, 8, 8, 2), np.uint8))
    scaling = Scaling("bands", (-1.0, 100.0), (1.0, 3000.0)).as_dict()
    manifest = dataclasses.replace(manifests.load(str(folder)), scaling=scaling)
    centres = inspection.bin_centres(manifest)
    np.testing.assert_allclose(centres[0], np.linspace(-1, 1, 256), atol=1e-6)
    np.testing.assert_allclose(centres[1], np.linspace(100, 3000, 256), rtol=1e-6)


def test_random_tiles_are_distinct_images_of_the_split_and_depend_on_the_seed(tmp_path):
    images = datasets.landscape(24, 8)
    folder = str(datasets.write(tmp_path / "data", images, shards=3))
    manifest = manifests.load(folder)
    first, again, other = (inspection.random_tiles(folder, manifest, "train", 3, 10, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    known = {image.tobytes() for image in images}
    assert len({image.tobytes() for image in first} & known) == 10
    assert len(inspection.random_tiles(folder, manifest, "train", 3, 99, 0)) == 24


def test_the_strip_shows_one_image_at_all_levels_each_pixel_as_a_square(tmp_path):
    images = datasets.landscape(12, 32)
    folder = str(datasets.write(tmp_path / "data", images))
    inspection_page._strip(folder, manifests.load(folder), tmp_path)
    strip = np.asarray(Image.open(tmp_path / "mipmaps.png"))
    assert strip.shape == (130, 4 * 130, 3)
    liveliest = images[[int(np.argmax(images.std(axis=(1, 2, 3))))]]
    for number, level in enumerate((2, 3, 4, 5)):
        shown = strip[1:129, number * 130 + 1 : number * 130 + 129]
        square = np.ones((2 ** (7 - level), 2 ** (7 - level), 1))
        np.testing.assert_array_equal(shown, np.kron(means(liveliest, level)[0], square))


def test_the_sheet_shows_tiles_in_display_bands(tmp_path):
    images = np.random.default_rng(1).integers(0, 65536, (3, 64, 64, 5), np.uint16)
    folder = str(datasets.write(tmp_path / "data", images))
    manifest = dataclasses.replace(manifests.load(folder), display_bands=(4, 2, 0))
    inspection_page._sheet(folder, manifest, "train", tmp_path, seed=0)
    sheet = np.asarray(Image.open(tmp_path / "tiles_train.png"))
    assert sheet.shape == (66, 3 * 66, 3)
    shown = {sheet[1:65, 66 * i + 1 : 66 * i + 65].tobytes() for i in range(3)}
    assert shown == {(image[..., [4, 2, 0]] // 256).astype(np.uint8).tobytes() for image in images}


@pytest.mark.parametrize("side, channels, dtype", [(8, 1, "uint8"), (16, 4, "uint8"), (128, 13, "uint16")])
def test_every_picture_of_the_page_is_there_and_decodes(tmp_path, side, channels, dtype):
    images = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, (9, side, side, channels), dtype)
    folder = datasets.write(tmp_path / "data", images, labels=[0, 1, 2] * 3)
    manifest = dataclasses.replace(manifests.load(str(folder)), name="<i>tiles</i>", labels=LABELS)
    labels = inspection.label_counts(str(folder), manifest)
    page = inspection_page.write(str(folder), manifest, labels, tmp_path)
    text = page.read_text()
    shown = re.findall(r'<img[^>]* src="([^"]+)"[^>]* alt="[^"]+"', text)
    assert len(shown) == text.count("<img") == 4
    for name in shown:
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert min(picture.size) >= 64
    assert "<i>" not in text
    assert all(f"<th>  {html.escape(label)}</th><td>train 3</td>" in text for label in LABELS)


def test_tiles_with_places_are_drawn_on_a_map(tmp_path):
    tiles = [(x, y) for x in (2200, 2201) for y in (1343, 1344, 1345)]
    for (x, y), image in zip(tiles, datasets.landscape(6, 16), strict=True):
        (tmp_path / f"in/12/{x}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"in/12/{x}/{y}.png")
    output = tmp_path / "out"
    convert(Job(str(tmp_path / "in"), str(output), resolution=16, grid_pattern="{z}/{x}/{y}.png", workers=1))
    manifest = manifests.load(str(output))
    (found,) = inspection.footprints(str(output), manifest, "train").values()
    half = np.pi * 6378137  # the web's map is a square of this half side, in metres; 2^12 tiles from the upper left
    size = 2 * half / 4096
    expected = [(x * size - half, half - (y + 1) * size, (x + 1) * size - half, half - y * size) for x, y in tiles]
    np.testing.assert_allclose(sorted(map(tuple, found)), sorted(expected), atol=1e-3)
    page = inspection_page.write(str(output), manifest, {}, tmp_path)
    assert 'src="footprints.png"' in page.read_text()
    assert "coloured by split; 6 of 6 tiles have a place" in page.read_text()
    with Image.open(tmp_path / "footprints.png") as picture:
        assert np.asarray(picture).std() > 1


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_map_of_scenes_with_and_without_a_place_shows_those_with_one(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")
    (tmp_path / "in").mkdir()
    options = {"driver": "GTiff", "width": 32, "height": 32, "count": 3, "dtype": "uint8", "photometric": "rgb"}
    known = {"crs": "EPSG:32618", "transform": rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)}
    tiles = datasets.landscape(2, 32).transpose(0, 3, 1, 2)
    for name, pixels, place in (("a_nowhere", tiles[0], {}), ("b_somewhere", tiles[1], known)):
        with rasterio.open(tmp_path / f"in/{name}.tif", "w", **options, **place) as file:
            file.write(pixels)
    output = tmp_path / "out"
    convert(Job(str(tmp_path / "in"), str(output), resolution=8, workers=1))
    manifest = manifests.load(str(output))
    (found,) = inspection.footprints(str(output), manifest, "train").values()
    assert found.shape == (16, 4)
    page = inspection_page.write(str(output), manifest, {}, tmp_path)
    assert "16 of 32 tiles have a place" in page.read_text()


def test_the_map_is_in_degrees_of_longitude_and_latitude_where_rasterio_is_there():
    pytest.importorskip("rasterio", reason="rasterio is not installed; without it maps are in the scene's own units")
    # Half the way round the equator is 180 degrees; 85.0511 degrees north is where the web's map ends.
    corners, degrees = inspection_page._corners("EPSG:3857", np.array([[0.0, 0.0, 20037508.34, 20037508.34]]))
    assert degrees
    np.testing.assert_allclose(corners[0], [(0, 0), (180, 0), (180, 85.0511), (0, 85.0511)], atol=1e-4)


def test_coordinates_nobody_knows_are_drawn_as_they_are():
    corners, degrees = inspection_page._corners("unknown coordinates", np.array([[1.0, 2.0, 3.0, 4.0]]))
    assert not degrees
    assert corners.tolist() == [[[1, 2], [3, 2], [3, 4], [1, 4]]]
