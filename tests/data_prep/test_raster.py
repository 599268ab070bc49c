"""The raster source: each tile and each empty pixel against what rasterio and NumPy say by themselves."""

import itertools
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import plan
from data_prep.conversion import convert
from data_prep.job import Job
from data_prep.sources import grids, open_source, raster
from data_prep.sources.grids import Grid
from data_prep.sources.raster import Rasters
from data_prep.sources.source import Survey, Tile, UnusableFile
from progan_tf.errors import InputError
from tests.damage import damaged

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.crs import CRS  # noqa: E402
from rasterio.enums import ColorInterp, Resampling  # noqa: E402
from rasterio.transform import Affine, from_origin  # noqa: E402
from rasterio.warp import reproject, transform, transform_bounds  # noqa: E402
from rasterio.windows import Window  # noqa: E402
from rasterio.windows import bounds as window_bounds  # noqa: E402

PLACE = from_origin(500_000, 4_000_000, 10, 10)
LAYOUTS = {
    "striped": {},
    "tiled": {"tiled": True, "blockxsize": 32, "blockysize": 16, "compress": "deflate"},
    "by band": {"interleave": "band", "compress": "lzw"},
}


def noise(dtype: str, bands: int = 3, height: int = 50, width: int = 70) -> np.ndarray:
    rng = np.random.default_rng(bands * height * width)
    if dtype == "float32":
        return rng.normal(0, 100, (bands, height, width)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (bands, height, width), dtype, endpoint=True)


def write(path: Path, pixels: np.ndarray, *, names=(), colours=(), mask=None, **options) -> Path:
    """Saves pixels [C, H, W] as a GeoTIFF at PLACE, or as the options say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = pixels.shape
    size = {"width": width, "height": height, "count": bands, "dtype": pixels.dtype}
    place = {"crs": "EPSG:32618", "transform": PLACE, "photometric": "minisblack"} | options
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
        if colours:
            file.colorinterp = colours
        file.write(pixels)
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
        if mask is not None:
            file.write_mask(mask)
    return path


def source(folder: Path, **options) -> Rasters:
    return Rasters.of(Job(str(folder), "out", **({"resolution": 16} | options)))


def tiles(rasters: Rasters, file: str) -> list[Tile]:
    survey = rasters.survey(file)
    assert survey.rejected is None
    form = rasters.agree([survey])
    found = [tile for part in range(survey.parts) for tile in rasters.read(file, part, form)]
    assert len(found) == survey.tiles
    return found


def assembled(rasters: Rasters, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [C, H, W] and validity of all tiles side by side."""
    found = tiles(rasters, file)
    side = rasters.resolution
    rows, columns = (1 + max(getattr(tile, name) for tile in found) for name in ("row", "column"))
    pixels = np.zeros((found[0].pixels.shape[-1], rows * side, columns * side), found[0].pixels.dtype)
    valid = np.zeros(pixels.shape[1:], bool)
    for tile in found:
        here = np.s_[tile.row * side : (tile.row + 1) * side, tile.column * side : (tile.column + 1) * side]
        pixels[:, *here] = tile.pixels.transpose(2, 0, 1)
        valid[here] = True if tile.valid is None else tile.valid
    return pixels, valid


def validity(rasters: Rasters, file: str) -> np.ndarray:
    return assembled(rasters, file)[1]


# Tiles


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tiles_are_the_pixels_of_their_windows(tmp_path, layout, dtype):
    path = write(tmp_path / "a/x.tif", noise(dtype), **LAYOUTS[layout])
    found = tiles(source(tmp_path), "a/x.tif")
    assert [(tile.row, tile.column) for tile in found] == list(itertools.product(range(3), range(4)))
    with rasterio.open(path) as file:
        for tile in found:
            window = Window(tile.column * 16, tile.row * 16, 16, 16)
            assert tile.pixels.dtype == dtype
            np.testing.assert_array_equal(tile.pixels, file.read(window=window).transpose(1, 2, 0))
            assert tile.bounds == pytest.approx(window_bounds(window, file.transform))
            assert (tile.crs, tile.scene, tile.label) == ("EPSG:32618", "a/x.tif", None)
            assert tile.key == f"a/x.tif#{tile.row}_{tile.column}"
            assert tile.valid is None


@settings(deadline=None, max_examples=25)
@given(
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    step=st.integers(3, 40),
    most=st.sampled_from([1, 1 << 11, 1 << 13, 1 << 15, 1 << 26]),
)
def test_parts_and_reads_change_nothing_in_the_tiles(tmp_path_factory, height, width, step, most):
    folder = tmp_path_factory.mktemp("x")
    pixels = noise("uint16", 2, height, width)
    write(folder / "x.tif", pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raster, "MOST_BYTES", most)
        found = tiles(source(folder, stride=step), "x.tif")
    corners = list(itertools.product(range(0, height - 15, step), range(0, width - 15, step)))
    assert [(tile.row * step, tile.column * step) for tile in found] == corners
    for tile, (y, x) in zip(found, corners, strict=True):
        np.testing.assert_array_equal(tile.pixels, pixels[:, y : y + 16, x : x + 16].transpose(1, 2, 0))


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(256, 8_000),
    width=st.integers(256, 40_000),
    step=st.sampled_from([64, 100, 256, 300, 5000]),
    pixel_bytes=st.sampled_from([1, 6, 8, 52]),
)
def test_no_more_than_64_mb_are_read_at_once_and_parts_are_that_large(height, width, step, pixel_bytes):
    tiling = raster._Tiling.of(Grid(width, height, PLACE, None), 256, step, pixel_bytes)
    tile, seen = 256 * 256 * pixel_bytes, 0
    for part in range(tiling.parts):
        inside = 0
        for rows, columns in tiling.blocks(part):
            window = tiling.window(rows, columns)
            assert step <= 256 or len(rows) == len(columns) == 1  # nothing between tiles is read
            assert window.width * window.height * pixel_bytes <= max(grids.MOST_BYTES, tile)
            assert window.col_off + window.width <= width
            assert window.row_off + window.height <= height
            inside += len(rows) * len(columns)
        assert inside * tile <= max(grids.MOST_BYTES, tiling.columns * tile)
        seen += inside
    assert seen == ((height - 256) // step + 1) * ((width - 256) // step + 1)
    assert tiling.parts <= 1 + 4 * seen * tile / grids.MOST_BYTES + (tiling.rows if tiling.part_rows == 1 else 0)


def test_turned_scenes_have_the_bounds_of_their_corners(tmp_path):
    turned = Affine(8, 6, 500_000, 6, -8, 4_000_000)
    write(tmp_path / "x.tif", noise("uint8"), transform=turned)
    tile = tiles(source(tmp_path), "x.tif")[5]
    rows, columns = 16 * (tile.row + np.array([0, 0, 1, 1])), 16 * (tile.column + np.array([0, 1, 0, 1]))
    xs, ys = rasterio.transform.xy(turned, rows, columns, offset="ul")
    assert tile.bounds == pytest.approx((min(xs), min(ys), max(xs), max(ys)))


@pytest.mark.parametrize("options", [{"crs": None}, {"transform": None}, {"crs": None, "transform": None}])
def test_scenes_of_unknown_place_have_no_bounds(tmp_path, recwarn, options):
    write(tmp_path / "x.tif", noise("uint8"), **options)
    recwarn.clear()
    assert {(tile.bounds, tile.crs) for tile in tiles(source(tmp_path), "x.tif")} == {(None, None)}
    assert len(source(tmp_path).sample("x.tif", 1, None)) == 50 * 70
    assert not recwarn.list


def test_coordinates_without_a_number_are_told_in_full(tmp_path):
    own = CRS.from_proj4("+proj=laea +lat_0=12 +lon_0=34 +datum=WGS84 +units=m")
    write(tmp_path / "x.tif", noise("uint8"), crs=own)
    assert CRS.from_wkt(tiles(source(tmp_path), "x.tif")[0].crs) == own


def test_sub_folders_are_labels(tmp_path):
    for name in ("sea/1.tif", "2.tif"):
        write(tmp_path / name, noise("uint8"))
    labelled = source(tmp_path, labels="folders")
    assert {tile.label for tile in tiles(labelled, "sea/1.tif")} == {"sea"}
    assert "no sub-folder" in labelled.survey("2.tif").rejected


def test_names_of_every_kind_are_read(tmp_path):
    names = ["a?b.tif", "a:b.tif", "a b#1.TIF", "zip+x!.tif", "%20.tif", "Straße.tiff"]
    for name in names:
        write(tmp_path / name, noise("uint8"))
    assert [name for name, _ in source(tmp_path).listing().files] == sorted(names)
    assert [source(tmp_path).survey(name).rejected for name in names] == [None] * len(names)


def test_a_name_that_is_given_is_read_whatever_its_suffix(tmp_path):
    pixels = noise("int16")
    for driver, name in (("ENVI", "a.dat"), ("ENVI", "b.radiance"), ("ENVI", "c"), ("NITF", "d.ntf")):
        size = {"width": 70, "height": 50, "count": 3, "dtype": "int16"}
        with rasterio.open(tmp_path / name, "w", driver=driver, **size) as file:
            file.write(pixels)
    assert [name for name, _ in source(tmp_path).listing().files] == ["a.dat", "d.ntf"]
    for name, names in (("b.radiance", ["b.radiance"]), ("*.radiance", ["b.radiance"]), ("c", ["c"])):
        named = source(tmp_path / name)
        assert [name for name, _ in named.listing().files] == names
        np.testing.assert_array_equal(assembled(named, names[0])[0], pixels[:, :48, :64])
    assert open_source(Job(str(tmp_path / "a.dat"), "out")).kind == "raster"


def test_pictures_are_scenes_where_there_is_nothing_else(tmp_path):
    """As the remedy says that goes with 16 bits in a PNG."""
    pixels = noise("uint16", 1, 32, 32)
    with rasterio.open(tmp_path / "a.png", "w", driver="PNG", width=32, height=32, count=1, dtype="uint16") as file:
        file.write(pixels)
    with pytest.raises(InputError, match=r"a.png: 16 bits or more a channel; --source=raster reads those"):
        convert(Job(str(tmp_path), str(tmp_path / "refused"), resolution=16, workers=1))
    given = Job(str(tmp_path), str(tmp_path / "out"), "raster", 16, dtype="uint16", scaling="none", workers=1)
    assert convert(given).manifest.images("train") == 4
    np.testing.assert_array_equal(assembled(source(tmp_path), "a.png")[0], pixels)
    write(tmp_path / "b.tif", noise("uint8"))
    assert [name for name, _ in source(tmp_path).listing().files] == ["b.tif"]  # now the other is its preview


def test_names_of_tiles_tell_their_neighbours(tmp_path):
    for row, column in itertools.product(range(2), range(3)):
        write(tmp_path / f"in/tile_{row}_{column}.tif", noise("uint16", 5, 32, 32) + np.uint16(row + column))
    gridded = source(tmp_path / "in", grid_pattern="tile_{row}_{column}.tif")
    places = {(tile.key, tile.scene, tile.row, tile.column) for tile in tiles(gridded, "tile_1_2.tif")}
    assert places == {(f"tile_1_2.tif#{r}_{c}", "scene", 2 + r, 4 + c) for r, c in itertools.product((0, 1), (0, 1))}
    assert {tile.crs for tile in tiles(gridded, "tile_1_2.tif")} == {"EPSG:32618"}  # the file knows it
    for size in ((32, 48), (40, 40)):
        write(tmp_path / "in/tile_9_9.tif", noise("uint16", 5, *size))
        assert "squares of whole tiles" in gridded.survey("tile_9_9.tif").rejected
    write(tmp_path / "in/tile_9_9.tif", noise("uint16", 5, 16, 16))
    with pytest.raises(InputError, match=r"tile_9_9.tif is smaller than tile_0_0.tif; with grid_pattern all"):
        gridded.agree([gridded.survey(name) for name, _ in gridded.listing().files])


def test_sources_travel_to_workers(tmp_path):
    options = {"mask": "m.tif", "mask_exclude": (3,), "nodata": 0.0, "bands": ("1",)}
    assert pickle.loads(pickle.dumps(source(tmp_path, **options))) == source(tmp_path, **options)


# Bands


def test_bands_are_named_by_description_colour_or_number(tmp_path):
    colours = [ColorInterp.red, ColorInterp.undefined, ColorInterp.undefined, ColorInterp.nir]
    write(tmp_path / "x.tif", noise("uint8", 4), names=["", "B03 "], colours=colours)
    assert source(tmp_path).survey("x.tif").bands == ("red", "B03", "band 3", "nir")
    write(tmp_path / "same.tif", noise("uint8", 3), names=["radiance", "radiance", "qa"])
    assert source(tmp_path).survey("same.tif").bands == ("band 1", "band 2", "qa")


@pytest.mark.parametrize(
    "asked, positions", [("3,2,1", [2, 1, 0]), ("b4", [0]), ("B02,B04", [2, 0]), (" 2 ,b4", [1, 0]), ("", [0, 1, 2])]
)
def test_bands_are_taken_by_name_or_number_in_any_order(tmp_path, asked, positions):
    pixels = noise("uint16")
    write(tmp_path / "x.tif", pixels, names=["B4", "B03", "B02"])
    wanted = source(tmp_path, bands=tuple(asked.replace("B04", "B4").split(",")) if asked else ())
    form = wanted.agree([wanted.survey("x.tif")])
    assert form.bands == tuple(["B4", "B03", "B02"][position] for position in positions)
    np.testing.assert_array_equal(assembled(wanted, "x.tif")[0], pixels[positions, :48, :64])
    np.testing.assert_array_equal(wanted.sample("x.tif", 1, form), pixels[positions].reshape(len(positions), -1).T)


def test_a_number_is_a_name_where_a_band_is_called_so(tmp_path):
    pixels = noise("uint8", 2)
    write(tmp_path / "x.tif", pixels, names=["2", "1"])
    np.testing.assert_array_equal(assembled(source(tmp_path, bands=("1",)), "x.tif")[0][0], pixels[1, :48, :64])


@pytest.mark.parametrize(
    "bands, message",
    [
        (("nir",), r"b.tif has no band nir; it has red, green, blue \(or 1 to 3\)"),
        (("4",), "b.tif has no band 4"),
        (("0",), "has no band 0"),
        (("1", "RED"), "bands 1,RED name red of b.tif twice"),
    ],
)
def test_bands_that_are_not_there_are_an_input_error(tmp_path, bands, message):
    write(tmp_path / "b.tif", noise("uint8"), photometric="rgb")
    wanted = source(tmp_path, bands=bands)
    with pytest.raises(InputError, match=message):
        wanted.agree([wanted.survey("b.tif")])


def test_red_green_and_blue_are_shown_wherever_they_are(tmp_path):
    write(tmp_path / "x.tif", noise("uint8", 4), names=["nir", "Blue", "Green", "Red"])
    plain = source(tmp_path)
    assert plain.agree([plain.survey("x.tif")]).display_bands == (3, 2, 1)


def test_files_that_differ_are_an_input_error_that_names_two(tmp_path):
    write(tmp_path / "rgb.tif", noise("uint8"), photometric="rgb")
    write(tmp_path / "more.tif", noise("uint8", 4))
    write(tmp_path / "deep.tif", noise("uint16"), photometric="rgb")
    write(tmp_path / "bgr.tif", noise("uint8"), names=["blue", "green", "red"])

    def agree(*files, **options):
        asked = source(tmp_path, **options)
        return asked.agree([asked.survey(file) for file in files])

    with pytest.raises(InputError, match=r"rgb.tif has 3 bands .* and more.tif has 4 .*--bands"):
        agree("rgb.tif", "more.tif")
    with pytest.raises(InputError, match=r"rgb.tif has 3 bands .* and bgr.tif has 3 .*--bands"):
        agree("rgb.tif", "bgr.tif")
    with pytest.raises(InputError, match=r"rgb.tif is uint8 and deep.tif is uint16"):
        agree("rgb.tif", "deep.tif", bands=("1",))
    assert agree("rgb.tif", "more.tif", bands=("1", "2")).bands == ("red", "green")
    assert agree("rgb.tif", "bgr.tif", bands=("red",)).bands == ("red",)
    np.testing.assert_array_equal(
        assembled(source(tmp_path, bands=("red",)), "bgr.tif")[0][0], noise("uint8")[2, :48, :64]
    )


def test_what_is_no_brightness_is_rejected_with_its_reason(tmp_path):
    write(tmp_path / "double.tif", np.zeros((1, 20, 20)))
    write(tmp_path / "complex.tif", np.zeros((1, 20, 20), np.complex64))
    write(tmp_path / "classes.tif", np.zeros((1, 20, 20), np.uint8), photometric="palette")
    write(tmp_path / "small.tif", np.zeros((1, 15, 200), np.uint8))
    write(tmp_path / "alpha.tif", np.zeros((1, 20, 20), np.uint8), colours=[ColorInterp.alpha])
    reasons = {name: source(tmp_path).survey(name).rejected for name, _ in source(tmp_path).listing().files}
    assert "float64 values; uint8, uint16, int16, float32 are read" in reasons["double.tif"]
    assert "complex64" in reasons["complex.tif"]
    assert "palette" in reasons["classes.tif"]
    assert reasons["small.tif"] == "too small: 200 x 15 pixels, less than 16"
    assert "no band of its own" in reasons["alpha.tif"]


def test_without_rasterio_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(InputError, match=r"needs rasterio; pip install 'progan-tf\[geo\]'"):
        source(tmp_path)


# What holds data


def spotted(dtype: str, value: float, bands: int = 3, seed: int = 0) -> np.ndarray:
    """Noise in which a third of all values is `value`, in all bands at once or in one alone."""
    rng = np.random.default_rng(seed)
    pixels = noise(dtype, bands)
    pixels[:, rng.random(pixels.shape[1:]) < 0.2] = value
    pixels[rng.random(pixels.shape) < 0.15] = value
    return pixels


@pytest.mark.parametrize("dtype, value", [("uint8", 0), ("uint16", 65535), ("int16", -9999), ("float32", -3.4e38)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_nodata_tag_makes_pixels_empty_as_gdal_has_it(tmp_path, layout, dtype, value):
    path = write(tmp_path / "x.tif", spotted(dtype, value), nodata=value, **LAYOUTS[layout])
    with rasterio.open(path) as file:
        expected = file.dataset_mask()[:48, :64] > 0
    assert 0.5 < expected.mean() < 0.9
    np.testing.assert_array_equal(validity(source(tmp_path), "x.tif"), expected)


@pytest.mark.parametrize("dtype, value", [("uint8", 7), ("uint16", 0), ("int16", -1), ("float32", 0.1)])
def test_the_nodata_flag_takes_pixels_where_all_chosen_bands_have_it(tmp_path, dtype, value):
    pixels = spotted(dtype, value)
    write(tmp_path / "x.tif", pixels)
    for bands, chosen in (((), [0, 1, 2]), (("3", "1"), [2, 0]), (("2",), [1])):
        empty = (pixels[chosen, :48, :64] == np.asarray(value, dtype)).all(axis=0)
        assert 0.1 < empty.mean() < 0.9
        flagged = source(tmp_path, nodata=float(value), bands=bands)
        np.testing.assert_array_equal(validity(flagged, "x.tif"), ~empty)


def test_flag_and_tag_hold_together(tmp_path):
    pixels = spotted("uint8", 0)
    pixels[:, 3:9, 3:9] = 255
    write(tmp_path / "x.tif", pixels, nodata=0)
    expected = (pixels != 0).any(axis=0) & (pixels != 255).any(axis=0)
    np.testing.assert_array_equal(validity(source(tmp_path, nodata=255.0), "x.tif"), expected[:48, :64])


@pytest.mark.parametrize("value", [-1.0, 300.0, 0.5, float("nan")])
def test_values_that_no_pixel_can_have_empty_none(tmp_path, value):
    write(tmp_path / "x.tif", spotted("uint8", 0))
    assert validity(source(tmp_path, nodata=value), "x.tif").all()


@pytest.mark.parametrize("tag", [None, float("nan"), -9999.0])
def test_what_is_not_finite_in_any_band_is_empty(tmp_path, tag):
    pixels = noise("float32")
    pixels[0, 5, 5:9] = np.nan
    pixels[2, 20:30, 3] = np.inf
    pixels[1, 40, 40] = -np.inf
    write(tmp_path / "x.tif", pixels, nodata=tag)
    np.testing.assert_array_equal(validity(source(tmp_path), "x.tif"), np.isfinite(pixels).all(axis=0)[:48, :64])


@pytest.mark.parametrize("dtype, bands", [("uint8", 2), ("uint8", 4), ("uint16", 4), ("uint8", 6), ("float32", 4)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_alpha_is_no_band_but_tells_what_is_empty(tmp_path, layout, dtype, bands):
    pixels = noise(dtype, bands)
    pixels[-1] = np.where(np.random.default_rng(0).random(pixels.shape[1:]) < 0.3, 0, np.abs(pixels[-1]) // 2 + 1)
    colours = [ColorInterp.undefined] * (bands - 1) + [ColorInterp.alpha]
    write(tmp_path / "x.tif", pixels, colours=colours, **LAYOUTS[layout])
    plain = source(tmp_path)
    survey = plain.survey("x.tif")
    assert (survey.bands[-1], survey.alpha) == ("alpha", False)
    assert len(plain.agree([survey]).bands) == bands - 1
    found, valid = assembled(plain, "x.tif")
    np.testing.assert_array_equal(found, pixels[:-1, :48, :64])
    np.testing.assert_array_equal(valid, pixels[-1, :48, :64] > 0)
    np.testing.assert_array_equal(validity(source(tmp_path, bands=("1",)), "x.tif"), pixels[-1, :48, :64] > 0)


def test_alpha_may_have_another_number_type(tmp_path):
    pixels, alpha = noise("uint8", 1), noise("uint16", 1) // 60_000
    write(tmp_path / "pixels/x.tif", pixels)
    write(tmp_path / "pixels/alpha.tif", alpha)
    bands = [("Byte", "Gray", "x.tif"), ("UInt16", "Alpha", "alpha.tif")]
    text = "".join(
        f'<VRTRasterBand dataType="{dtype}" band="{number}"><ColorInterp>{colour}</ColorInterp><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">pixels/{name}</SourceFilename></SimpleSource></VRTRasterBand>'
        for number, (dtype, colour, name) in enumerate(bands, 1)
    )
    (tmp_path / "x.vrt").write_text(f'<VRTDataset rasterXSize="70" rasterYSize="50">{text}</VRTDataset>')
    found, valid = assembled(source(tmp_path / "x.vrt"), "x.vrt")
    np.testing.assert_array_equal(found, pixels[:, :48, :64])
    np.testing.assert_array_equal(valid, alpha[0, :48, :64] > 0)


def test_alpha_that_is_called_otherwise_or_asked_for_is_a_band(tmp_path):
    pixels = spotted("uint8", 0, 4)
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    write(tmp_path / "plain.tif", pixels, colours=colours)
    write(tmp_path / "named.tif", pixels, colours=colours, names=["", "", "", "NIR"])
    for file, options in (("named.tif", {}), ("plain.tif", {"bands": tuple("1234")}), ("named.tif", {"bands": ("4",)})):
        found, valid = assembled(source(tmp_path, **options), file)
        np.testing.assert_array_equal(found, pixels[-len(found) :, :48, :64])
        assert valid.all()


def test_files_with_and_without_alpha_go_together(tmp_path):
    write(tmp_path / "a.tif", noise("uint8"), photometric="rgb")
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    write(tmp_path / "b.tif", noise("uint8", 4), colours=colours, names=["", "", "", "Alpha band"])
    plain = source(tmp_path)
    assert plain.survey("b.tif").bands == ("red", "green", "blue", "alpha")
    assert plain.agree([plain.survey("a.tif"), plain.survey("b.tif")]).bands == ("red", "green", "blue")


def test_mask_bands_are_heeded(tmp_path):
    mask = np.random.default_rng(0).random((50, 70)) < 0.7
    write(tmp_path / "x.tif", noise("uint16"), mask=mask)
    np.testing.assert_array_equal(validity(source(tmp_path), "x.tif"), mask[:48, :64])
    np.testing.assert_array_equal(validity(source(tmp_path, bands=("2",)), "x.tif"), mask[:48, :64])


@pytest.mark.parametrize("kind", ["tag", "flag", "alpha", "mask band", "mask raster", "nan"])
def test_samples_are_the_values_that_hold_data(tmp_path, kind):
    pixels = spotted("float32" if kind == "nan" else "uint16", np.nan if kind == "nan" else 0)
    hidden = np.random.default_rng(1).random(pixels.shape[1:]) < 0.4
    valid = ~hidden if kind in ("alpha", "mask band", "mask raster") else (pixels != 0).any(axis=0)
    options, job = {}, {}
    if kind == "tag":
        options = {"nodata": 0}
    elif kind == "flag":
        job = {"nodata": 0.0}
    elif kind == "mask band":
        options = {"mask": ~hidden}
    elif kind == "mask raster":
        job = {"mask": str(write(tmp_path / "masks/m.tif", hidden[None].astype(np.uint8))), "mask_exclude": (1,)}
    elif kind == "nan":
        valid = np.isfinite(pixels).all(axis=0)
    saved = pixels
    if kind == "alpha":
        saved = np.concatenate([pixels, 9 * ~hidden[None]]).astype(np.uint16)
        options = {"colours": [ColorInterp.undefined] * 3 + [ColorInterp.alpha]}
    write(tmp_path / "in/x.tif", saved, **options)
    sampled = source(tmp_path / "in", **job)
    form = sampled.agree([sampled.survey("x.tif")])
    np.testing.assert_array_equal(sampled.sample("x.tif", 1, form), pixels[:, valid].T)
    few = sampled.sample("x.tif", 5, form)
    assert 0 < len(few) <= 10 * 14
    assert {tuple(value) for value in few} <= {tuple(value) for value in pixels[:, valid].T}


def test_samples_of_large_files_come_from_their_overviews(tmp_path):
    path = write(tmp_path / "x.tif", noise("uint16", 1, 128, 128))
    with rasterio.open(path, "r+") as file:
        file.build_overviews([4], Resampling.average)
    with rasterio.open(path, overview_level=0) as file:
        expected = file.read(1).ravel()
    plain = source(tmp_path)
    np.testing.assert_array_equal(plain.sample("x.tif", 4, plain.agree([plain.survey("x.tif")]))[:, 0], expected)


# Masks


def masked(tmp_path: Path, path: str | Path, exclude=(3, 8, 9), **options) -> Rasters:
    return source(tmp_path / "in", mask=str(path), mask_exclude=exclude, **options)


def classes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 12, (1, height, width), np.uint8)


def test_excluded_values_are_empty_and_so_is_what_the_mask_does_not_reach(tmp_path):
    write(tmp_path / "in/x.tif", noise("uint8", 3, 64, 64))
    values = classes(20, 40)  # of half the pixel size in x and twice in y, from 100 m to the right and 50 m down
    mask = write(tmp_path / "m.tif", values, transform=from_origin(500_100, 3_999_950, 5, 20))
    expected = np.zeros((64, 64), bool)
    for row, column in itertools.product(range(64), range(64)):
        x, y = 10 * column + 5 - 100, 10 * row + 5 - 50
        inside = 0 <= x < 200 and 0 <= y < 400
        expected[row, column] = inside and values[0, int(y // 20), int(x // 5)] not in (3, 8, 9)
    assert 0.05 < expected.mean() < 0.5
    np.testing.assert_array_equal(validity(masked(tmp_path, mask), "x.tif"), expected)


@pytest.mark.parametrize("tag", [None, 0, 3])
def test_the_masks_own_nodata_tag_says_nothing(tmp_path, tag):
    write(tmp_path / "in/a/x.tif", noise("uint16", 1, 48, 64))
    write(tmp_path / "m/x_scl.tif", classes(48, 64), nodata=tag)
    valid = validity(masked(tmp_path, tmp_path / "m/{scene}_scl.tif"), "a/x.tif")
    np.testing.assert_array_equal(valid, ~np.isin(classes(48, 64)[0], (3, 8, 9)))


@pytest.mark.parametrize("crs", ["EPSG:32617", "EPSG:4326", "EPSG:3857"])
def test_masks_may_have_other_coordinates(tmp_path, crs):
    scene = write(tmp_path / "in/x.tif", noise("uint8", 1, 64, 64))
    with rasterio.open(scene) as file:
        left, bottom, right, top = transform_bounds(file.crs, crs, *file.bounds)
    place = Affine((right - left) / 30, 0, left + (right - left) / 4, 0, (bottom - top) / 30, top)
    values = classes(40, 40)
    mask = write(tmp_path / "m.tif", values, crs=crs, transform=place)
    ys, xs = np.indices((64, 64))
    xs, ys = transform("EPSG:32618", crs, *rasterio.transform.xy(PLACE, ys.ravel(), xs.ravel()))
    at = [((x - place.c) / place.a, (y - place.f) / place.e) for x, y in zip(xs, ys, strict=True)]
    expected, sure = np.zeros(64 * 64, bool), np.zeros(64 * 64, bool)
    for number, (x, y) in enumerate(at):
        inside = 0 <= x < 40 and 0 <= y < 40
        expected[number] = inside and values[0, int(y), int(x)] not in (3, 8, 9)
        sure[number] = min(abs(x - round(x)), abs(y - round(y))) > 0.125  # GDAL's tolerance, in the mask's pixels
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(validity(masked(tmp_path, mask), "x.tif").ravel()[sure], expected[sure])


def test_without_a_place_masks_are_laid_pixel_on_pixel(tmp_path):
    nowhere = {"crs": None, "transform": None}
    expected = ~np.isin(classes(48, 64)[0], (3, 8, 9))
    mask = write(tmp_path / "nowhere.tif", classes(48, 64), **nowhere)
    placed = write(tmp_path / "placed.tif", classes(48, 64), transform=from_origin(9e5, 9e6, 1, 1))
    write(tmp_path / "in/x.tif", noise("uint8", 1, 48, 64))
    write(tmp_path / "in/y.tif", noise("uint8", 1, 48, 64), **nowhere)
    for path, file in ((mask, "x.tif"), (mask, "y.tif"), (placed, "y.tif")):
        np.testing.assert_array_equal(validity(masked(tmp_path, path), file), expected)
    other = write(tmp_path / "other.tif", classes(48, 63), **nowhere)
    for file in ("x.tif", "y.tif"):
        with pytest.raises(InputError, match=rf"other.tif \(63 x 48\) or scene {file} \(64 x 48\) has no place"):
            masked(tmp_path, other).survey(file)


def test_masks_that_do_not_go_with_a_scene_are_an_input_error(tmp_path):
    scene = write(tmp_path / "in/x.tif", noise("uint8", 1, 48, 64))
    away = write(tmp_path / "away.tif", classes(48, 64), transform=from_origin(700_000, 4_000_000, 10, 10))
    (tmp_path / "words.tif").write_text("no raster")
    for path, message in (
        (away, r"away.tif lies elsewhere than scene x.tif"),
        (tmp_path / "no{scene}.tif", r"nox.tif of scene x.tif cannot be read \(.*No such file"),
        (tmp_path / "words.tif", r"words.tif of scene x.tif cannot be read \(.*not recognized"),
    ):
        with pytest.raises(InputError, match=message):
            masked(tmp_path, path).survey("x.tif")
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(write(tmp_path / "m.tif", classes(48, 64)).read_bytes()[:-1000])
    rasters = masked(tmp_path, damaged)
    form = rasters.agree([rasters.survey("x.tif")])
    with pytest.raises(InputError, match=r"damaged.tif of scene x.tif cannot be read \(.*IReadBlock"):
        list(rasters.read("x.tif", 0, form))
    scene.write_bytes(scene.read_bytes()[:-1000])  # now it is the scene's fault
    with pytest.raises(UnusableFile, match="IReadBlock"):
        list(masked(tmp_path, tmp_path / "m.tif").read("x.tif", 0, form))


def test_masks_are_told_apart_by_their_content(tmp_path):
    for name in ("x", "y"):
        write(tmp_path / f"in/{name}.tif", noise("uint8"))
        write(tmp_path / f"m/{name}.tif", classes(50, 70))
    masks = masked(tmp_path, tmp_path / "m/{scene}.tif")
    job = Job(masks.given, "out", mask=masks.mask, mask_exclude=(3,))
    before = plan.fingerprint(job, masks.listing())
    assert plan.fingerprint(job, masks.listing()) == before
    write(tmp_path / "m/y.tif", classes(50, 70)[:, ::-1])  # of the same size
    assert plan.fingerprint(job, masks.listing()) != before
    write(tmp_path / "m/y.tif", classes(50, 70))
    assert plan.fingerprint(job, masks.listing()) == before


# Other pixel sizes


def ramp(crs: str, place: Affine, height: int, width: int) -> np.ndarray:
    """Two bands that tell how many metres a pixel's centre lies east and north of a point, in EPSG:32618."""
    rows, columns = np.indices((height, width))
    east, north = transform(crs, "EPSG:32618", *rasterio.transform.xy(place, rows.ravel(), columns.ravel()))
    return np.array([np.array(east) - 500_000, np.array(north) - 4_000_000], np.float32).reshape(2, height, width)


@pytest.mark.parametrize("metres", [4.0, 10.0, 15.0, 70.0])
@pytest.mark.parametrize(
    "crs, place",
    [
        ("EPSG:32618", PLACE),
        ("EPSG:4326", from_origin(-75.02, 36.16, 1e-4, 1e-4)),
        ("EPSG:2263", from_origin(980_000, 200_000, 30, 30)),  # feet
    ],
)
def test_resampled_values_are_those_of_the_place(tmp_path, crs, place, metres):
    """A ramp stays what it is, whatever the pixels."""
    write(tmp_path / "x.tif", ramp(crs, place, 240, 240), crs=crs, transform=place)
    found = tiles(source(tmp_path, resolution_m=metres), "x.tif")
    assert {tile.crs for tile in found} == {"EPSG:32618"}
    checked = 0
    for tile in found:
        left, bottom, right, top = tile.bounds
        assert (right - left, top - bottom) == pytest.approx((16 * metres, 16 * metres))
        if tile.valid is None or tile.valid.all():
            centres = (np.arange(16) + 0.5) * metres
            inner = np.s_[1:-1, 1:-1] if min(tile.row, tile.column) == 0 else np.s_[:]
            expected = np.stack(np.meshgrid(left + centres - 5e5, top - centres - 4e6), axis=-1)
            assert np.abs(tile.pixels - expected)[inner].max() < 0.15 * max(metres, 11)
            checked += 1
    assert checked >= 0.5 * len(found)


@pytest.mark.parametrize("metres", [4.0, 10.0, 25.0, 47.0])
def test_in_the_same_coordinates_it_is_gdals_bilinear(tmp_path, metres):
    pixels = noise("uint16", 2, 400, 500)
    write(tmp_path / "x.tif", pixels)
    resampled, valid = assembled(source(tmp_path, resolution_m=metres), "x.tif")
    expected = np.zeros_like(resampled)
    here = from_origin(500_000, 4_000_000, metres, metres)
    options = {"src_crs": "EPSG:32618", "dst_crs": "EPSG:32618", "resampling": Resampling.bilinear}
    scale = {"XSCALE": 10 / metres, "YSCALE": 10 / metres}
    reproject(pixels, expected, src_transform=PLACE, dst_transform=here, **options, **scale)
    np.testing.assert_allclose(resampled, expected, atol=1)
    assert valid.all()
    if metres == 10:
        np.testing.assert_array_equal(resampled, pixels[:, :400, :496])


@pytest.mark.parametrize("metres", [5.0, 30.0])
def test_pieces_that_are_resampled_one_by_one_fit_together(tmp_path, monkeypatch, metres):
    pixels = spotted("uint16", 0, 2)
    write(tmp_path / "x.tif", np.tile(pixels, (1, 3, 3)), nodata=0)
    rasters = source(tmp_path, resolution_m=metres)
    whole = assembled(rasters, "x.tif")
    monkeypatch.setattr(grids, "MOST_BYTES", 8_000)
    monkeypatch.setattr(raster, "MOST_BYTES", 8_000)
    assert rasters.survey("x.tif").parts > 1
    pieces = assembled(rasters, "x.tif")
    np.testing.assert_array_equal(pieces[1], whole[1])
    np.testing.assert_allclose(pieces[0][:, whole[1]], whole[0][:, whole[1]], atol=1)


@pytest.mark.parametrize("kind", ["tag", "flag", "alpha", "nan"])
def test_a_resampled_pixel_is_empty_where_an_empty_one_had_a_share(tmp_path, kind):
    pixels = np.full((1, 96, 96), 100, np.float32 if kind == "nan" else np.uint16)
    empty = np.zeros((96, 96), bool)
    empty[30:33, 40:50] = True
    pixels[:, empty] = np.nan if kind == "nan" else 0
    options = {"nodata": 0} if kind == "tag" else {}
    if kind == "alpha":
        pixels = np.concatenate([pixels, 65535 * ~empty[None]]).astype(np.uint16)
        options["colours"] = [ColorInterp.gray, ColorInterp.alpha]
    write(tmp_path / "x.tif", pixels, **options)
    rasters = source(tmp_path, resolution_m=20.0, **({"nodata": 0.0} if kind == "flag" else {}))
    found, valid = assembled(rasters, "x.tif")
    assert (found[:, valid] == 100).all()  # nothing of what is empty is left in what is not
    touched = empty.reshape(48, 2, 48, 2).any(axis=(1, 3))
    assert not valid[touched].any()
    around = np.pad(touched, 1)
    near = np.any([around[i : i + 48, j : j + 48] for i in range(3) for j in range(3)], axis=0)
    assert valid[~near].all()


def test_masks_come_onto_the_new_pixels(tmp_path):
    write(tmp_path / "in/x.tif", noise("uint8", 1, 64, 64))
    mask = write(tmp_path / "m.tif", classes(16, 16), transform=from_origin(500_000, 4_000_000, 40, 40))
    fine = np.kron(classes(16, 16), np.ones((1, 4, 4), np.uint8))
    nowhere = write(tmp_path / "nowhere.tif", fine, crs=None, transform=None)
    expected = np.kron(~np.isin(classes(16, 16)[0], (3, 8, 9)), np.ones((2, 2), bool))
    for path in (mask, nowhere):
        valid = validity(masked(tmp_path, path, resolution_m=20.0), "x.tif")
        np.testing.assert_array_equal(valid, expected)


@pytest.mark.parametrize(
    "longitude, latitude, code",
    [(2.35, 48.86, 32631), (151.2, -33.87, 32756), (-179.99, 10, 32601), (179.99, 10, 32660), (15, 89, 32661)],
)
def test_places_in_degrees_get_the_utm_zone_of_their_centre(longitude, latitude, code):
    grid = Grid(100, 100, from_origin(longitude - 0.005, latitude + 0.005, 1e-4, 1e-4), CRS.from_epsg(4326))
    assert grids.in_metres(grid, 10.0).crs_name == f"EPSG:{code}"


def test_without_a_place_nothing_can_be_resampled(tmp_path):
    write(tmp_path / "x.tif", noise("uint8"), crs=None)
    with pytest.raises(InputError, match=r"x.tif has no place on the ground, so resolution_m"):
        source(tmp_path, resolution_m=5.0).survey("x.tif")


def test_scenes_too_small_after_resampling_are_rejected(tmp_path):
    write(tmp_path / "x.tif", noise("uint8"))
    assert source(tmp_path, resolution_m=50.0).survey("x.tif").rejected == (
        "too small: 14 x 10 pixels of 50 m, less than 16"
    )


# Damage


def outcome(rasters: Rasters, file: str) -> str | None:
    """Why a file cannot be used, None: it can."""
    survey = rasters.survey(file)
    if survey.rejected:
        return survey.rejected
    form = rasters.agree([survey])
    reasons = set()
    for use in (lambda: list(rasters.read(file, 0, form)), lambda: rasters.sample(file, 1, form)):
        try:
            use()
        except UnusableFile as error:
            reasons.add(str(error))
    return min(reasons, default=None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_cut_short_are_unusable_and_nothing_is_printed(tmp_path, capfd, layout):
    whole = write(tmp_path / "x.tif", noise("uint16"), **LAYOUTS[layout]).read_bytes()
    for size in (0, 1, 8, 100, len(whole) // 3, len(whole) // 2, len(whole) * 9 // 10, len(whole) - 1):
        (tmp_path / "cut.tif").write_bytes(whole[:size])
        reason = outcome(source(tmp_path), "cut.tif")
        assert reason
        assert "cut.tif" not in reason
        assert "previous exception" not in reason
    assert capfd.readouterr() == ("", "")


def check_damaged_scenes(folder: Path, seeds: range) -> tuple[int, int]:
    """Surveys, reads and samples a damaged scene a seed; returns how many were refused and how many were read."""
    kinds = [
        write(folder / f"whole/{number}.tif", noise(dtype, bands), **options).read_bytes()
        for number, (options, dtype, bands) in enumerate(
            itertools.product(LAYOUTS.values(), ("uint8", "uint16", "int16", "float32"), (1, 3, 4))
        )
    ]
    reasons = []
    for seed in seeds:
        (folder / "x.tif").write_bytes(damaged(np.random.default_rng(seed), kinds[seed % len(kinds)]))
        reasons.append(outcome(source(folder), "x.tif"))
    assert "" not in reasons
    return sum(reason is not None for reason in reasons), reasons.count(None)


def test_damaged_scenes_are_read_or_refused_with_a_reason(tmp_path):
    refused, read = check_damaged_scenes(tmp_path, range(400))
    assert refused > 100
    assert read > 60


@pytest.mark.slow
def test_many_more_damaged_scenes(tmp_path):
    refused, read = check_damaged_scenes(tmp_path, range(400, 6400))
    assert min(refused, read) > 1000


@pytest.mark.parametrize("bands", [4000, 4097, 65535])
def test_a_header_that_tells_of_thousands_of_bands_is_dealt_with_at_once(tmp_path, bands):
    path = write(tmp_path / "x.tif", noise("uint8", 1))
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little") + 2  # of the tags, 12 bytes each
    tags = [data[at : at + 2] for at in range(first, len(data) - 12, 12)]
    at = first + 12 * tags.index((277).to_bytes(2, "little")) + 8  # SamplesPerPixel
    data[at : at + 2] = bands.to_bytes(2, "little")
    path.write_bytes(data)
    begun = time.process_time()
    reason = outcome(source(tmp_path), "x.tif")
    assert time.process_time() - begun < 10
    assert reason == (f"{bands} bands; 4096 at most are read" if bands > 4096 else reason)
    assert reason


def test_a_scene_for_which_memory_does_not_suffice_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "x.tif", noise("uint8"))
    rasters = source(tmp_path)
    form = rasters.agree([rasters.survey("x.tif")])

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Rasters, "_read", fail)
    with pytest.raises(UnusableFile, match="needs more memory than there is"):
        rasters.sample("x.tif", 1, form)
    monkeypatch.setattr(grids, "open_raster", fail)
    assert rasters.survey("x.tif").rejected == "needs more memory than there is"


def test_what_is_no_raster_is_rejected(tmp_path):
    (tmp_path / "x.tif").write_text("not a raster")
    (tmp_path / "link.tif").symlink_to(tmp_path / "nothing.tif")
    (tmp_path / "folder.tif").mkdir()
    for name, reason in (("x.tif", "not recognized"), ("link.tif", "No such file"), ("folder.tif", "")):
        survey = source(tmp_path).survey(name)
        assert isinstance(survey, Survey)
        assert survey.rejected
        assert reason in survey.rejected
