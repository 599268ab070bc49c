"""Windows of neighbouring tiles: the very pixels of the scene that the tiles were cut from, in the splits they had."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.conversion import convert
from data_prep.inspection import Damage
from data_prep.job import Job
from data_prep.repair import job_of, repair
from progan_tf.data import manifest as manifests
from progan_tf.data.records import Record
from progan_tf.errors import InputError
from tests import datasets


def scene(height: int, width: int, bands: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """Noise [H, W, C]: pixels that lie anywhere else than they should are noticed."""
    top = np.iinfo(dtype).max
    return np.random.default_rng([seed, height, width]).integers(0, top, (height, width, bands), dtype, endpoint=True)


def save_files(folder: Path, pixels: np.ndarray, side: int, name: str = "s", start: tuple[int, int] = (0, 0)) -> None:
    """Saves a scene as PNG files of `side` pixels, with row and column from `start` in their names."""
    folder.mkdir(exist_ok=True)
    for row in range(len(pixels) // side):
        for column in range(pixels.shape[1] // side):
            square = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
            Image.fromarray(square).save(folder / f"{name}_r{row + start[0]}_c{column + start[1]}.png")


def tiles(images: Path, output: Path, **recipe) -> Path:
    """A dataset of tiles of 8 pixels, of files whose names tell row and column."""
    recipe = {"resolution": 8, "grid_pattern": "{scene}_r{row}_c{column}.png", "workers": 1, "shards": 3} | recipe
    convert(Job(str(images), str(output), **recipe))
    return output


def stitched(dataset: Path, output: Path, **recipe) -> dict[str, list[Record]]:
    """The windows of a dataset, by split."""
    recipe = {"resolution": 16, "stitch": 2, "workers": 1} | recipe
    convert(Job(str(dataset), str(output), **recipe))
    return datasets.read(output)


def corner(record: Record, step: int) -> tuple[int, int]:
    return record.place.row * step, record.place.column * step


# The pixels


@pytest.mark.parametrize("across", [2, 4])
@pytest.mark.parametrize("file_side", [8, 24])  # a tile a file; nine tiles a file, so that windows lie in and across
def test_windows_are_the_very_pixels_of_the_scene_cut_into_files(tmp_path, across, file_side):
    pixels = scene(72, 96)
    save_files(tmp_path / "images", pixels, file_side)
    dataset = tiles(tmp_path / "images", tmp_path / "tiles")
    side = 8 * across
    found = stitched(dataset, tmp_path / "out", resolution=side, stitch=across)["train"]
    at = {corner(record, 8): record for record in found}
    assert set(at) == {(y, x) for y in range(0, 72 - side + 1, 8) for x in range(0, 96 - side + 1, 8)}
    assert len(at) == len(found)
    for (y, x), record in at.items():
        np.testing.assert_array_equal(record.image, pixels[y : y + side, x : x + side])
        assert record.key.endswith(f"/{across}x{across}")


def test_smaller_levels_are_means_of_the_window(tmp_path):
    pixels = scene(24, 24)
    save_files(tmp_path / "images", pixels, 8)
    stitched(tiles(tmp_path / "images", tmp_path / "tiles"), tmp_path / "out")
    manifest = manifests.load(str(tmp_path / "out"))
    assert manifest.levels == (2, 3, 4)
    for level in manifest.levels:
        for record in datasets.read(tmp_path / "out", level)["train"]:
            y, x = corner(record, 8)
            side = 2**level
            blocks = pixels[y : y + 16, x : x + 16].reshape(side, 16 // side, side, 16 // side, 3)
            np.testing.assert_array_equal(record.image, np.rint(blocks.mean(axis=(1, 3))))


@pytest.mark.parametrize("encoding, bands", [("raw", 5), ("png", 4)])
def test_sixteen_bits_and_more_bands_with_their_place_on_the_ground(tmp_path, encoding, bands):
    rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")
    from rasterio.windows import Window, bounds

    pixels, place = scene(40, 56, bands, "uint16"), rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)
    how = {"driver": "GTiff", "height": 40, "width": 56, "count": bands, "dtype": "uint16"}
    with rasterio.open(tmp_path / "scene.tif", "w", crs="EPSG:32618", transform=place, **how) as file:
        file.write(pixels.transpose(2, 0, 1))
    recipe = {"dtype": "uint16", "encoding": encoding, "workers": 1}
    ranged = {"value_range": (0.0, 65535.0)}  # physical values, that a model must know
    convert(Job(str(tmp_path / "scene.tif"), str(tmp_path / "tiles"), resolution=8, **recipe, **ranged))
    found = stitched(tmp_path / "tiles", tmp_path / "out", **recipe)["train"]
    assert len(found) == 4 * 6
    for record in found:
        y, x = corner(record, 8)
        np.testing.assert_array_equal(record.image, pixels[y : y + 16, x : x + 16])
        assert record.image.dtype == np.uint16
        assert record.place.bounds == bounds(Window(x, y, 16, 16), place)
        assert record.place.crs == "EPSG:32618"
    before, after = (manifests.load(str(tmp_path / name)) for name in ("tiles", "out"))
    assert (after.bands, after.display_bands, after.scaling) == (before.bands, before.display_bands, before.scaling)
    assert after.scaling["high"] == [65535.0] * bands
    assert after.source["crs"] == ["EPSG:32618"]


def test_web_map_tiles_have_the_bounds_of_their_square(tmp_path):
    zoom, x0, y0 = 6, 20, 30
    for x in range(3):
        for y in range(3):
            path = tmp_path / f"map/{zoom}/{x0 + x}/{y0 + y}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene(8, 8, seed=3 * y + x)).save(path)
    dataset = tiles(tmp_path / "map", tmp_path / "tiles", grid_pattern="{z}/{x}/{y}.png")
    found = stitched(dataset, tmp_path / "out")["train"]
    assert len(found) == 4
    size = 2 * 20037508.342789244 / 2**zoom
    for record in found:
        left, top = record.place.column * size - 32 * size, 32 * size - record.place.row * size
        np.testing.assert_allclose(record.place.bounds, (left, top - 2 * size, left + 2 * size, top), atol=1e-6)


@pytest.mark.parametrize("stride, resolution, across", [(4, 16, 2), (2, 32, 4)])
def test_tiles_that_overlap_give_windows_as_near_to_each_other(tmp_path, stride, resolution, across):
    pixels = scene(40, 48)
    Image.fromarray(pixels).save(tmp_path / "scene.png")
    convert(Job(str(tmp_path / "scene.png"), str(tmp_path / "tiles"), resolution=8, stride=stride, workers=1))
    how = {"resolution": resolution, "stitch": across}
    with pytest.raises(InputError, match=f"has tiles {stride} pixels apart at this resolution; set --stride={stride}"):
        stitched(tmp_path / "tiles", tmp_path / "out", **how)
    found = stitched(tmp_path / "tiles", tmp_path / "out", stride=stride, **how)["train"]
    expected = [(y, x) for y in range(0, 41 - resolution, stride) for x in range(0, 49 - resolution, stride)]
    assert sorted(corner(record, stride) for record in found) == expected
    for record in found:
        y, x = corner(record, stride)
        np.testing.assert_array_equal(record.image, pixels[y : y + resolution, x : x + resolution])


# Which windows there are


def test_a_window_is_there_where_all_its_tiles_are(tmp_path):
    save_files(tmp_path / "images", scene(40, 48), 8)
    gone = [(0, 0), (2, 3), (4, 5)]
    for row, column in gone:
        (tmp_path / f"images/s_r{row}_c{column}.png").unlink()
    found = stitched(tiles(tmp_path / "images", tmp_path / "tiles"), tmp_path / "out")["train"]
    squares = {
        (row, column): {(row + r, column + c) for r in (0, 1) for c in (0, 1)}
        for row in range(4)
        for column in range(5)
    }
    expected = {corner for corner, square in squares.items() if not square & set(gone)}
    assert {(record.place.row, record.place.column) for record in found} == expected
    assert len(expected) == 20 - 1 - 4 - 1


def test_tiles_of_two_scenes_are_no_neighbours(tmp_path):
    both = scene(16, 32)
    save_files(tmp_path / "images", both[:, :16], 8, "a")
    save_files(tmp_path / "images", both[:, 16:], 8, "b", start=(0, 2))  # where the scene would go on
    found = stitched(tiles(tmp_path / "images", tmp_path / "tiles"), tmp_path / "out")["train"]
    assert sorted((record.place.scene, record.place.column) for record in found) == [("a", 0), ("b", 2)]


def test_neighbours_of_a_window_are_those_that_touch_it(tmp_path):
    save_files(tmp_path / "images", scene(48, 48), 8)
    found = stitched(tiles(tmp_path / "images", tmp_path / "tiles"), tmp_path / "out")["train"]
    keys = {(record.place.row, record.place.column): record.key for record in found}
    for record in found:
        steps = [(r, c) for r in (-2, 0, 2) for c in (-2, 0, 2) if (r, c) != (0, 0)]
        around = tuple(keys.get((record.place.row + r, record.place.column + c), "") for r, c in steps)
        assert record.place.neighbours == around
    assert any(all(record.place.neighbours) for record in found)


def test_windows_stay_in_their_split_and_never_mix_two(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

    pixels, place = scene(128, 128), rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)
    how = {"driver": "GTiff", "height": 128, "width": 128, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "scene.tif", "w", crs="EPSG:32618", transform=place, **how) as file:
        file.write(pixels.transpose(2, 0, 1))
    splits = (("train", 60.0), ("test", 40.0))
    recipe = {"splits": splits, "split_cell_km": 0.32, "workers": 1, "resolution": 8}
    convert(Job(str(tmp_path / "scene.tif"), str(tmp_path / "tiles"), **recipe))
    before = datasets.read(tmp_path / "tiles")
    spots = {split: {(r.place.row, r.place.column) for r in found} for split, found in before.items()}
    found = stitched(tmp_path / "tiles", tmp_path / "out")
    assert set(found) == {"train", "test"}
    for split, windows in found.items():
        expected = {
            (row, column)
            for row, column in spots[split]
            if {(row + 1, column), (row, column + 1), (row + 1, column + 1)} <= spots[split]
        }
        assert {(record.place.row, record.place.column) for record in windows} == expected
    seen = {split: np.zeros((128, 128), bool) for split in found}
    for split, windows in found.items():
        for y, x in (corner(record, 8) for record in windows):
            seen[split][y : y + 16, x : x + 16] = True
    assert not (seen["train"] & seen["test"]).any()
    assert list(manifests.load(str(tmp_path / "out")).splits) == ["train", "test"]


def test_copies_and_flat_windows_are_dropped_as_in_any_conversion(tmp_path):
    pixels = scene(16, 48)
    pixels[:, 16:32] = pixels[:, :16]
    pixels[:, 32:] = 90 + pixels[:, 32:] // 128  # not flat enough to be copies of each other
    save_files(tmp_path / "images", pixels, 16)
    dataset = tmp_path / "images"
    recipe = {"grid_pattern": "{scene}_r{row}_c{column}.png", "resolution": 16, "workers": 1}
    convert(Job(str(dataset), str(tmp_path / "whole"), min_std=4.0, **recipe))
    assert manifests.load(str(tmp_path / "whole")).source["dropped"] == {"duplicate": 1, "flat": 1}
    found = stitched(tiles(dataset, tmp_path / "tiles"), tmp_path / "out", min_std=4.0)["train"]
    source = manifests.load(str(tmp_path / "out")).source
    # Tiles 8 pixels wide: those of the copy are gone before, so only windows on the first image, and on the flat one.
    assert [(record.place.row, record.place.column) for record in found] == [(0, 0)]
    assert source["dropped"] == {"flat": 1}


# Again


def test_a_stitched_dataset_is_a_dataset_like_others(tmp_path):
    pixels = scene(48, 48)
    save_files(tmp_path / "images", pixels, 8)
    dataset = tiles(tmp_path / "images", tmp_path / "tiles")
    stitched(dataset, tmp_path / "two")
    at_once = stitched(dataset, tmp_path / "four", resolution=32, stitch=4)["train"]
    by_steps = stitched(tmp_path / "two", tmp_path / "two by two", resolution=32, stride=8)["train"]
    images = [{(r.place.row, r.place.column): r.image.tobytes() for r in found} for found in (at_once, by_steps)]
    assert images[0] == images[1]
    with pytest.raises(InputError, match="has tiles 8 pixels apart at this resolution; set --stride=8"):
        convert(Job(str(tmp_path / "two"), str(tmp_path / "copy"), resolution=16, workers=1))
    copy = convert(Job(str(tmp_path / "two"), str(tmp_path / "copy"), resolution=16, stride=8, workers=1)).manifest
    assert copy.images("train") == 25


def test_every_engine_and_number_of_workers_writes_the_same_bytes(tmp_path):
    save_files(tmp_path / "images", scene(48, 48), 8)
    dataset = tiles(tmp_path / "images", tmp_path / "tiles")
    sums = []
    for workers in (1, 2):
        convert(Job(str(dataset), str(tmp_path / f"{workers}"), resolution=16, stitch=2, workers=workers, shards=2))
        manifest = manifests.load(str(tmp_path / f"{workers}"))
        sums.append([shard.sha256 for shard in manifest.splits["train"]])
    assert sums[0] == sums[1]


def test_damaged_shards_of_windows_are_made_again(tmp_path):
    save_files(tmp_path / "images", scene(48, 48), 8)
    stitched(tiles(tmp_path / "images", tmp_path / "tiles"), tmp_path / "out", shards=2)
    manifest = manifests.load(str(tmp_path / "out"))
    assert job_of(str(tmp_path / "out"), manifest).stitch == 2
    path = tmp_path / "out" / manifest.shards("train", 4)[1].file
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    repair(str(tmp_path / "out"), manifest, [Damage(manifest.shards("train", 4)[1].file, "cut short")], workers=1)
    assert path.read_bytes() == whole


# What is refused


def test_tiles_without_neighbours_are_refused_with_the_remedy(tmp_path):
    save_files(tmp_path / "images", scene(32, 32), 8)
    lone = tiles(tmp_path / "images", tmp_path / "lone", grid_pattern="")
    remedy = "has no 2 x 2 tiles side by side to train on; convert whole scenes to tiles, or set --grid_pattern where"
    with pytest.raises(InputError, match=remedy):
        stitched(lone, tmp_path / "out")
    with pytest.raises(InputError, match=remedy):
        stitched(datasets.write(tmp_path / "placeless", datasets.landscape(4, 8)), tmp_path / "out")
    assert not (tmp_path / "out/dataset.json").exists()
    row = tmp_path / "row"
    save_files(row, scene(8, 64), 8)
    with pytest.raises(InputError, match=remedy):
        stitched(tiles(row, tmp_path / "row of tiles"), tmp_path / "out")


def test_nothing_to_train_on_is_refused(tmp_path):
    pixels = scene(32, 32)
    save_files(tmp_path / "images", pixels, 8)
    dataset = tiles(tmp_path / "images", tmp_path / "tiles")
    with pytest.raises(InputError, match=r"leaves no image: 9 tiles found, dropped \{'flat': 9\}"):
        stitched(dataset, tmp_path / "out", min_std=255.0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stitch": 0}, "stitch 0 is no power of two that leaves tiles of 8 pixels or more of resolution 16; 2 is"),
        ({"stitch": -2}, "stitch -2 is no power of two"),
        ({"stitch": 3}, "stitch 3 is no power of two"),
        ({"stitch": 4}, "stitch 4 is no power of two that leaves tiles of 8 pixels or more of resolution 16"),
        ({"labels": "source"}, "an image has several tiles, so it has no label; leave labels out"),
        (
            {"splits": (("train", 1.0),)},
            "images stay in the splits their tiles have; leave splits out, or set them",
        ),
    ],
)
def test_jobs_that_make_no_sense(options, message):
    with pytest.raises(InputError, match=message):
        Job("in", "out", **{"resolution": 16, "stitch": 2} | options)


def test_images_must_be_tiles_first(tmp_path):
    save_files(tmp_path / "images", scene(16, 16), 8)
    with pytest.raises(InputError, match="this is folder input; convert it to tiles of 8 pixels first, and that"):
        stitched(tmp_path / "images", tmp_path / "out")


@pytest.mark.parametrize(
    "stride, resolution, message",
    [
        (5, 16, "has tiles of 8 pixels 5 apart, which never touch without overlap; .* --stride that divides 8"),
        (16, 16, "has tiles of 8 pixels 16 apart, which never touch"),
        (8, 64, r"has no images of 32 pixels, only 4, 8; set --resolution"),
    ],
)
def test_tiles_that_cannot_touch_are_refused(tmp_path, stride, resolution, message):
    Image.fromarray(scene(40, 40)).save(tmp_path / "scene.png")
    convert(Job(str(tmp_path / "scene.png"), str(tmp_path / "tiles"), resolution=8, stride=stride, workers=1))
    with pytest.raises(InputError, match=message):
        stitched(tmp_path / "tiles", tmp_path / "out", resolution=resolution, stride=stride)


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("harm", ["gone", "cut", "header"])
def test_a_dataset_whose_places_cannot_be_read_is_refused_whole(tmp_path, level, harm):
    save_files(tmp_path / "images", scene(48, 48), 8)
    dataset = tiles(tmp_path / "images", tmp_path / "tiles")
    path = dataset / manifests.load(str(dataset)).shards("train", level)[1].file
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if harm == "cut" else b"\x01" + content[1:])
    with pytest.raises(InputError, match=f"is damaged .*{path.name}.*; data_prep.inspect --repair mends it"):
        stitched(dataset, tmp_path / "out")
    path.write_bytes(content)  # and nothing of it is remembered
    assert len(stitched(dataset, tmp_path / "out")["train"]) == 25


def test_pixels_that_are_damaged_are_never_taken(tmp_path):
    save_files(tmp_path / "images", scene(48, 48), 8)
    dataset = tiles(tmp_path / "images", tmp_path / "tiles")
    path = dataset / manifests.load(str(dataset)).shards("train", 3)[0].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"files cannot be used.*a tile in train/.* is damaged \(the checksum"):
        stitched(dataset, tmp_path / "out")
    for line in (tmp_path / "out/rejected.jsonl").read_text().splitlines():
        assert re.search(rf"{path.name} is damaged", json.loads(line)["reason"])
