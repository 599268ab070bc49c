"""Which pixels of a scene hold data: tags, flags, alpha and masks, against what rasterio and NumPy say."""

import itertools

import numpy as np
import pytest

from data_prep import plan
from data_prep.job import Job
from data_prep.sources.source import UnusableFile
from progan_tf.errors import InputError
from tests.data_prep.rasters import LAYOUTS, PLACE, assembled, classes, masked, noise, source, spotted, validity, write

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.enums import ColorInterp, Resampling  # noqa: E402
from rasterio.transform import Affine, from_origin  # noqa: E402
from rasterio.warp import transform, transform_bounds  # noqa: E402

# The scene's own


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


# Masks of their own


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
