"""Scenes brought to another pixel size, against their own values and GDAL's."""

import numpy as np
import pytest

from data_prep.sources import grids, raster
from data_prep.sources.grids import Grid
from progan_tf.errors import InputError
from tests.data_prep.rasters import PLACE, assembled, classes, masked, noise, source, spotted, tiles, validity, write

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.crs import CRS  # noqa: E402
from rasterio.enums import ColorInterp, Resampling  # noqa: E402
from rasterio.transform import Affine, from_origin  # noqa: E402
from rasterio.warp import reproject, transform  # noqa: E402


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
