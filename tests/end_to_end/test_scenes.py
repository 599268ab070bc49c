"""Real satellite scenes to datasets, by the command as its users give it; pixels against a bare read of the files."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.data import manifest, records
from progan_tf.data.manifest import Manifest
from progan_tf.data.records import Record

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.windows import Window  # noqa: E402

PROJECT = Path(__file__).parents[2]
PATIENCE = 600  # seconds until a test gives up on a process, far more than it ever takes


def convert(scene: Path, output: Path, *flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "data_prep.convert", f"--input={scene}", f"--output={output}", *flags]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE, check=False)


def converted(scene: Path, output: Path, *flags: str) -> tuple[Manifest, dict[str, list[Record]]]:
    """The manifest and, by split, the records of the highest level."""
    done = convert(scene, output, *flags)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    dataset = manifest.load(str(output))
    found = {}
    for split in dataset.splits:
        shards = [str(output / shard.file) for shard in dataset.shards(split, dataset.levels[-1])]
        raw = tf.data.TFRecordDataset(shards).as_numpy_iterator()
        found[split] = [records.deserialize(record, dataset.dtype) for record in raw]
    return dataset, found


def bare(folder: Path, record: Record, bands: list[int] | None = None) -> np.ndarray:
    """Pixels [R, R, C] of the file at the record's place."""
    side = record.image.shape[0]
    window = Window(record.place.column * side, record.place.row * side, side, side)
    with rasterio.open(folder / record.place.scene) as file:
        return file.read(bands, window=window).transpose(1, 2, 0)


def gap(first: Record, second: Record) -> float:
    """How far two tiles of one coordinate system lie apart, in tiles: the larger of the distances in x and y."""
    a, b = first.place.bounds, second.place.bounds
    apart = max(a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])
    return apart / min(a[2] - a[0], b[2] - b[0])


def check_splits(found: dict[str, list[Record]], bands: int, crs: str) -> None:
    """No ground of a test tile, nor a tile's width around it, is in training."""
    assert set(found) == {"train", "test"}
    assert {record.place.crs for record in found["train"] + found["test"]} == {crs}
    assert {record.image.shape[-1] for record in found["train"]} == {bands}
    assert len({record.place.scene for records_ in found.values() for record in records_}) == 2
    gaps = [gap(first, second) for first, second in itertools.product(found["train"], found["test"])]
    assert min(gaps) >= 0.999
    assert min(gaps) < 6  # not for want of neighbours


LANDSAT = "landsat8_iguazu_20200518_bgr_uint16.tif"


def test_landsat_to_8_bits(scenes, tmp_path):
    dataset, found = converted(scenes / LANDSAT, tmp_path / "out", "--nodata=0", "--bands=3,2,1", "--workers=1")
    assert (dataset.dtype, dataset.channels, dataset.bands) == ("uint8", 3, ("band 3", "band 2", "band 1"))
    with rasterio.open(scenes / LANDSAT) as file:
        pixels = file.read([3, 2, 1])
    low, high = np.percentile(pixels[:, (pixels != 0).any(axis=0)], (2, 98), axis=1)
    np.testing.assert_allclose(dataset.scaling["low"], low, rtol=0.01)  # of every pixel; ours come from some
    np.testing.assert_allclose(dataset.scaling["high"], high, rtol=0.01)
    low, high = (np.array(dataset.scaling[name])[None, None] for name in ("low", "high"))
    empty = 0
    for row, column in itertools.product(range(1860 // 256), range(2041 // 256)):
        empty += (pixels[:, row * 256 :, column * 256 :][:, :256, :256] == 0).all(axis=0).any()
    assert (len(found["train"]), dataset.source["dropped"]) == (49 - empty, {"nodata": empty})
    for record in found["train"]:
        expected = np.clip((bare(scenes, record, [3, 2, 1]) - low) * (255 / (high - low)), 0, 255)
        assert np.abs(record.image - expected).max() <= 0.51
    dropped = [json.loads(line)["key"] for line in (tmp_path / "out/dropped.jsonl").read_text().splitlines()]
    assert f"{LANDSAT}#0_0" in dropped


def test_scenes_without_coordinates(scenes, tmp_path):
    name = "dubai_tile6_stitched_nocrs_uint8.tif"
    dataset, found = converted(scenes / name, tmp_path / "out", "--workers=1")
    assert (len(found["train"]), dataset.bands, dataset.scaling) == (90, ("red", "green", "blue"), None)
    for record in found["train"]:
        np.testing.assert_array_equal(record.image, bare(scenes, record))
        assert (record.place.bounds, record.place.crs) == (None, None)


def test_what_does_not_go_together_is_one_line(scenes, tmp_path):
    for flags, message in (
        ((f"--input={scenes}/*.tif",), "is uint8 and landsat8"),
        (("--bands=nir",), f"{LANDSAT} has no band nir; it has band 1, band 2, band 3 (or 1 to 3)"),
        (
            (f"--mask={scenes}/naip_nd_20140720_rgbn_uint8.tif", "--mask_exclude=3"),
            f"lies elsewhere than scene {LANDSAT}",
        ),
        (("--mask={scene}_clouds.tif", "--mask_exclude=3"), "No such file"),
    ):
        done = convert(scenes / LANDSAT, tmp_path / "out", "--workers=2", *flags)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("convert: ")]
        assert message in line
        assert "Traceback" not in done.stderr


def test_empty_splits_are_told_with_a_remedy_that_fills_them(scenes, tmp_path):
    flags = ("--resolution=64", "--splits=train:80,validation:10,test:10", "--workers=1")
    done = convert(scenes / "naip_*.tif", tmp_path / "out", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    shares = "train 308 (100%, asked for 80%), validation 0 (0%, asked for 10%), test 0 (0%, asked for 10%)"
    assert lines[1] == f"splits   {shares}"
    remedy = re.fullmatch(r"empty    validation, test got no image; repeat with (--split_cell_km=\S+) .*", lines[2])[1]
    again = convert(scenes / "naip_*.tif", tmp_path / "again", *flags, remedy)
    assert again.returncode == 0
    assert set(manifest.load(str(tmp_path / "again")).splits) == {"train", "validation", "test"}
    assert "\nempty " not in again.stdout
    few = convert(scenes / "naip_*.tif", tmp_path / "few", *flags, remedy, "--max_tiles=1")
    assert "empty    validation, test got no image; take more than --max_tiles=1\n" in few.stdout


def test_landsat_in_16_bits_is_the_file_to_the_byte(scenes, tmp_path):
    flags = ("--nodata=0", "--bands=3,2,1", "--dtype=uint16", "--scaling=none", "--min_valid_fraction=0.5")
    dataset, found = converted(scenes / LANDSAT, tmp_path / "out", *flags)
    assert (dataset.dtype, dataset.scaling) == ("uint16", None)
    assert len(found["train"]) > 38
    for record in found["train"]:
        np.testing.assert_array_equal(record.image, bare(scenes, record, [3, 2, 1]))


def test_overlapping_mosaics_share_no_ground_between_splits(scenes, tmp_path):
    flags = ("--resolution=64", "--splits=train:50,test:50", "--split_cell_km=60", "--dtype=uint16", "--scaling=none")
    dataset, found = converted(scenes / "riotiler_*.tif", tmp_path / "out", *flags)
    check_splits(found, 3, "EPSG:32618")
    assert dataset.source["dropped"]["split border"] > 0
    assert dataset.source["overlapping_scenes"] == [[f"riotiler_mosaic_cog{n}_rgb_uint16.tif" for n in (1, 2)]]
    for record in found["train"] + found["test"]:
        pixels = bare(scenes, record)
        np.testing.assert_array_equal(record.image, pixels)
        assert pixels.any(axis=-1).all()


def test_two_years_of_one_place_share_no_ground_between_splits(scenes, tmp_path):
    flags = ("--resolution=64", "--splits=train:50,test:50", "--split_cell_km=1.2", "--seed=1")
    dataset, found = converted(scenes / "naip_*.tif", tmp_path / "out", *flags)
    check_splits(found, 4, "EPSG:26914")
    assert len(dataset.source["overlapping_scenes"]) == 1
    for record in found["train"] + found["test"]:
        np.testing.assert_array_equal(record.image, bare(scenes, record))


def test_nodata_tags_are_heeded(scenes, tmp_path):
    name = "rasterio_RGB.byte_landsat7_bahamas_uint8.tif"
    dataset, found = converted(scenes / name, tmp_path / "out", "--resolution=128")
    with rasterio.open(scenes / name) as file:
        valid = file.dataset_mask() > 0
    whole = sum(
        valid[row * 128 :, column * 128 :][:128, :128].all() for row, column in itertools.product(range(5), range(6))
    )
    assert (len(found["train"]), dataset.source["dropped"]) == (whole, {"nodata": 30 - whole})
    for record in found["train"]:
        np.testing.assert_array_equal(record.image, bare(scenes, record))


def test_naip_can_be_resampled_to_the_size_of_sentinel_2(scenes, tmp_path):
    name = "naip_nd_20140720_rgbn_uint8.tif"
    _, found = converted(scenes / name, tmp_path / "out", "--resolution=64", "--resolution_m=10")
    assert len(found["train"]) == 7 * 5
    for record in found["train"]:
        left, bottom, right, top = record.place.bounds
        assert (right - left, top - bottom) == (640, 640)
        with rasterio.open(scenes / name) as file:
            fine = file.read(window=file.window(left, bottom, right, top)).transpose(1, 2, 0)
        means = fine.reshape(64, 2, 64, 2, 4).mean(axis=(1, 3))
        assert np.abs(record.image - means).mean() < 6  # bilinear reaches a little further than the mean
        assert np.corrcoef(record.image.ravel(), means.ravel())[0, 1] > 0.97
