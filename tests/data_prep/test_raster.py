"""The raster source: each tile and each empty pixel against what rasterio and NumPy say by themselves."""

import itertools
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.conversion import convert
from data_prep.job import Job
from data_prep.sources import grids, open_source, raster
from data_prep.sources.grids import Grid
from progan_tf.errors import InputError
from tests.data_prep.rasters import LAYOUTS, PLACE, assembled, noise, source, tiles, write

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.crs import CRS  # noqa: E402
from rasterio.enums import ColorInterp  # noqa: E402
from rasterio.transform import Affine  # noqa: E402
from rasterio.windows import Window  # noqa: E402
from rasterio.windows import bounds as window_bounds  # noqa: E402

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
def test_no_more_than_32_mib_are_read_at_once_and_parts_are_that_large(height, width, step, pixel_bytes):
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
