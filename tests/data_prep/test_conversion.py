"""Whole conversions from Python: what is written, and that it depends on nothing but input and flags."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data_prep.conversion import convert
from data_prep.job import Job
from data_prep.mipmaps import mipmaps
from data_prep.plan import automatic_shards
from progan_tf.data import manifest, reading, records
from progan_tf.errors import InputError


def make_images(root: Path, count: int, side: int = 8, channels: int = 3, suffix: str = "png") -> None:
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    for i in range(count):
        array = rng.integers(0, 256, (side, side, channels), np.uint8)
        Image.fromarray(array.squeeze()).save(root / f"{i:03d}.{suffix}")


def job(tmp_path: Path, **options) -> Job:
    options = {"resolution": 8, "workers": 1, "output": str(tmp_path / "out")} | options
    return Job(input=str(tmp_path / "in"), **options)


def read(output: Path, level: int) -> list[tuple[np.ndarray, str, int | None]]:
    """Image, key and label of every record of a level, shard by shard."""
    files = [str(output / shard.file) for shard in manifest.load(str(output)).shards("train", level)]
    return [records.deserialize(raw)[:3] for raw in tf.data.TFRecordDataset(files).as_numpy_iterator()]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_image_is_written_at_every_level(tmp_path):
    make_images(tmp_path / "in", 10, side=32)
    convert(job(tmp_path, resolution=32, shards=3))
    keys = [key for _, key, _ in read(tmp_path / "out", 5)]
    assert sorted(keys) == [f"{i:03d}.png" for i in range(10)]
    assert keys != sorted(keys)
    for down, level in enumerate((5, 4, 3, 2)):
        for image, key, label in read(tmp_path / "out", level):
            original = np.asarray(Image.open(tmp_path / "in" / key))
            np.testing.assert_array_equal(image, list(mipmaps(original))[down])
            assert label is None
        assert [key for _, key, _ in read(tmp_path / "out", level)] == keys


def test_manifest_tells_what_is_there(tmp_path):
    make_images(tmp_path / "in", 5)
    (tmp_path / "in/readme.txt").write_text("hello")
    report = convert(job(tmp_path, shards=2, name="plain"))
    dataset = manifest.load(str(tmp_path / "out"))
    assert dataset == report.manifest
    assert (dataset.resolution, dataset.channels, dataset.dtype, dataset.levels) == (8, 3, "uint8", (2, 3))
    assert [shard.file for shard in dataset.shards("train", 3)] == [
        "train/plain-r03-00000-of-00002.tfrecords",
        "train/plain-r03-00001-of-00002.tfrecords",
    ]
    assert dataset.images("train") == 5
    for shard in dataset.splits["train"]:
        written = (tmp_path / "out" / shard.file).read_bytes()
        assert (shard.bytes, shard.sha256) == (len(written), hashlib.sha256(written).hexdigest())
        assert shard.images == reading.count(str(tmp_path / "out" / shard.file))
    assert dataset.source["files"] == dataset.source["tiles"] == 5
    assert report.ignored == 1
    fields = json.loads((tmp_path / "out/dataset.json").read_text())
    assert fields["source"].pop("input") == str(tmp_path / "in")  # as it was given
    assert str(tmp_path) not in json.dumps(fields)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dataset.json", "train"]


def test_one_shard_has_the_official_name(tmp_path):
    make_images(tmp_path / "in", 3)
    convert(job(tmp_path))
    assert sorted(path.name for path in (tmp_path / "out/train").iterdir()) == ["in-r02.tfrecords", "in-r03.tfrecords"]


@pytest.mark.parametrize("shards", [1, 4])
def test_the_number_of_workers_changes_no_byte(tmp_path, shards):
    make_images(tmp_path / "in", 20)
    (tmp_path / "in/bad.png").write_bytes((tmp_path / "in/000.png").read_bytes()[:-40])
    for workers in (1, 2):
        output = str(tmp_path / f"out{workers}")
        convert(job(tmp_path, shards=shards, workers=workers, output=output, name="x", max_bad_fraction=0.1))
    assert contents(tmp_path / "out1") == contents(tmp_path / "out2")


def test_the_seed_decides_the_order_and_nothing_else(tmp_path):
    make_images(tmp_path / "in", 12)
    for seed in (0, 1):
        convert(job(tmp_path, seed=seed, output=str(tmp_path / f"out{seed}")))
    keys = [[key for _, key, _ in read(tmp_path / f"out{seed}", 3)] for seed in (0, 1)]
    assert keys[0] != keys[1]
    assert sorted(keys[0]) == sorted(keys[1])


def test_max_tiles_takes_the_first_of_the_shuffled(tmp_path):
    make_images(tmp_path / "in", 6, side=16)
    for limit in (0, 7):
        convert(job(tmp_path, max_tiles=limit, output=str(tmp_path / f"out{limit}")))
    everything, part = ([key for _, key, _ in read(tmp_path / f"out{limit}", 3)] for limit in (0, 7))
    assert len(set(everything)) == 24
    assert part == everything[:7]
    source = manifest.load(str(tmp_path / "out7")).source
    assert (source["tiles"], source["dropped"]) == (24, {"beyond max_tiles": 17})
    assert dict(jsonl(tmp_path / "out7/dropped.jsonl")) == dict.fromkeys(everything[7:], "beyond max_tiles")


def test_grey_folders_stay_grey_and_mixed_ones_become_colour(tmp_path):
    make_images(tmp_path / "in", 3, channels=1)
    convert(job(tmp_path))
    assert manifest.load(str(tmp_path / "out")).channels == 1
    Image.fromarray(np.zeros((8, 8, 4), np.uint8)).save(tmp_path / "in/colour.png")
    report = convert(job(tmp_path, output=str(tmp_path / "mixed")))
    assert report.manifest.channels == 3
    assert report.manifest.source["alpha_dropped"] == 1


def test_folders_become_labels_and_an_official_label_file(tmp_path):
    for name, count in (("sea", 3), ("city", 4)):
        make_images(tmp_path / "in" / name, count)
    convert(job(tmp_path, labels="folders"))
    dataset = manifest.load(str(tmp_path / "out"))
    assert dataset.labels == ("city", "sea")
    labels = [label for _, _, label in read(tmp_path / "out", 3)]
    assert labels == [dataset.labels.index(key.split("/")[0]) for _, key, _ in read(tmp_path / "out", 3)]
    one_hot = manifest.read_label_file(str(tmp_path / "out/train/in-rxx.labels"))
    assert one_hot.dtype == np.float32
    np.testing.assert_array_equal(one_hot, np.eye(2)[labels])
    convert(job(tmp_path, labels="folders", shards=2, output=str(tmp_path / "two")))
    assert not list((tmp_path / "two/train").glob("*.labels"))


def test_files_bad_only_when_decoded_leave_no_holes(tmp_path):
    make_images(tmp_path / "in", 9, side=64)
    path = tmp_path / "in/004.png"
    path.write_bytes(path.read_bytes()[:-500])
    report = convert(job(tmp_path, resolution=64, shards=4, max_bad_fraction=0.2))
    assert report.manifest.images("train") == 8
    assert [shard.images for shard in report.manifest.shards("train", 6)] == [2, 2, 2, 2]
    assert report.manifest.source["rejected"] == 1
    (line,) = (tmp_path / "out/rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["file"] == "004.png"
    assert "004.png" not in [key for _, key, _ in read(tmp_path / "out", 6)]


@pytest.mark.parametrize("content", [b"", None], ids=["bad header", "bad pixels"])
def test_too_many_bad_files_stop_it(tmp_path, content):
    make_images(tmp_path / "in", 8, side=64)
    for name in ("001.png", "002.png"):
        path = tmp_path / "in" / name
        path.write_bytes(path.read_bytes()[:-500] if content is None else content)
    for _ in range(2):  # the second time all shards are there already, and still they are too bad
        with pytest.raises(InputError, match=r"2 of 8 files cannot be used, more than max_bad_fraction=0.05 allows"):
            convert(job(tmp_path, resolution=64))
    assert json.loads((tmp_path / "out/rejected.jsonl").read_text().splitlines()[0])["file"] == "001.png"
    assert not (tmp_path / "out/dataset.json").exists()
    assert convert(job(tmp_path, resolution=64, max_bad_fraction=0.25)).manifest.images("train") == 6


def test_nothing_usable_is_an_input_error(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="holds no file that a folder source reads"):
        convert(job(tmp_path))
    make_images(tmp_path / "in", 2, side=4)
    with pytest.raises(InputError, match="holds no image that can be used"):
        convert(job(tmp_path, max_bad_fraction=1))
    assert "too small" in (tmp_path / "out/rejected.jsonl").read_text()


def test_a_finished_dataset_is_left_as_it_is(tmp_path):
    make_images(tmp_path / "in", 4)
    convert(job(tmp_path))
    before = contents(tmp_path / "out")
    assert convert(job(tmp_path)).was_complete
    for other in ({"seed": 1}, {"fit": "crop"}, {"shards": 2}, {"name": "other"}):
        with pytest.raises(InputError, match="holds another dataset"):
            convert(job(tmp_path, **other))
    assert contents(tmp_path / "out") == before
    (tmp_path / "out/train/in-r02.tfrecords").unlink()
    with pytest.raises(InputError, match="missing or damaged"):
        convert(job(tmp_path))


def test_foreign_files_in_the_output_are_left_alone(tmp_path):
    make_images(tmp_path / "in", 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.doc").write_text("years of work")
    with pytest.raises(InputError, match=r"not empty \(it holds thesis.doc\)"):
        convert(job(tmp_path))
    assert contents(tmp_path / "out") == {"thesis.doc": b"years of work"}
    with pytest.raises(InputError, match="is a file"):
        convert(job(tmp_path, output=str(tmp_path / "out/thesis.doc")))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"resolution": 100}, "resolution 100 is no power of two from 8 to 1024"),
        ({"resolution": 4}, "resolution 4 is no power of two"),
        ({"resolution": 2048}, "resolution 2048 is no power of two"),
        ({"fit": "stretch"}, "fit 'stretch' is unknown; choose tile, crop, resize"),
        ({"labels": "names"}, "labels 'names' is unknown"),
        ({"max_bad_fraction": 1.5}, "max_bad_fraction 1.5 is no fraction"),
        ({"workers": -1}, "workers -1 is negative"),
        ({"name": "a/b"}, "name 'a/b' becomes part of file names"),
    ],
)
def test_jobs_are_checked(tmp_path, wrong, message):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=message):
        job(tmp_path, **wrong)


def test_more_shards_than_images_is_an_input_error(tmp_path):
    make_images(tmp_path / "in", 2)
    with pytest.raises(InputError, match="shards 3 are more than the 2 images"):
        convert(job(tmp_path, shards=3))


def test_names_come_from_the_folder(tmp_path):
    (tmp_path / "Straße 7 (west)").mkdir()
    assert Job(str(tmp_path / "Straße 7 (west)"), "out").dataset_name == "Stra_e_7_west"


@pytest.mark.parametrize(
    "tiles, side, shards", [(1, 256, 1), (256, 64, 1), (257, 64, 2), (1000, 64, 4), (10**5, 8, 16), (10**5, 256, 256)]
)
def test_automatic_shards(tiles, side, shards):
    assert automatic_shards(tiles, 3 * side**2) == shards


def test_the_official_pngs_give_the_official_pixels(golden, tmp_path):
    official = golden / "official_tfrecords"
    convert(Job(str(official / "png"), str(tmp_path / "out"), resolution=64, workers=1))
    for level in range(2, 7):
        path = str(official / f"eurosat16/eurosat16-r{level:02d}.tfrecords")
        expected = [records.deserialize(raw)[0] for raw in tf.data.TFRecordDataset(path).as_numpy_iterator()]
        found = {key: image for image, key, _ in read(tmp_path / "out", level)}
        assert sorted(found) == [f"{i:02d}.png" for i in range(16)]
        for i, image in enumerate(expected):
            np.testing.assert_array_equal(found[f"{i:02d}.png"], image)


def test_real_tiles(tiles64, tmp_path):
    for path in sorted(tiles64.glob("*.jpg"))[::25]:
        place = tmp_path / "in" / path.name.split("_")[1]
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).symlink_to(path.resolve())
    report = convert(job(tmp_path, resolution=64, labels="folders", workers=2))
    assert report.manifest.images("train") == 200
    assert len(report.manifest.labels) == 10
    for image, key, label in read(tmp_path / "out", 6):
        np.testing.assert_array_equal(image, np.asarray(Image.open(tmp_path / "in" / key)))
        assert report.manifest.labels[label] == key.split("/")[0]
    good, bad = reading.scan(str(tmp_path / "out/train/in-r06.tfrecords"), (64, 64, 3), "uint8")
    assert ([run.count for run in good], bad) == ([200], [])


def jsonl(path: Path) -> list[tuple]:
    return [tuple(json.loads(line).values()) for line in path.read_text().splitlines()]


def test_what_is_left_out_on_purpose_is_counted_apart_and_never_as_bad_input(tmp_path):
    make_images(tmp_path / "in", 6, side=16)
    picture = Image.open(tmp_path / "in/000.png")
    picture.save(tmp_path / "in/copy.png")
    Image.fromarray(np.asarray(picture) ^ 1).save(tmp_path / "in/nearly.png")
    Image.fromarray(np.full((16, 16, 3), 77, np.uint8)).save(tmp_path / "in/flat.png")
    report = convert(job(tmp_path, resolution=16, min_std=5.0, near_duplicates="drop", max_bad_fraction=0.0, shards=2))
    source = report.manifest.source
    assert (source["files"], source["rejected"], source["tiles"]) == (9, 0, 9)
    assert source["dropped"] == {"duplicate": 1, "flat": 1, "near duplicate": 1}
    assert report.manifest.images("train") == 6
    assert not (tmp_path / "out/rejected.jsonl").exists()
    assert jsonl(tmp_path / "out/dropped.jsonl") == [
        ("copy.png", "duplicate of 000.png"),
        ("flat.png", "flat"),
        ("nearly.png", "near duplicate of 000.png"),
    ]


def test_the_first_of_copies_stays_whatever_the_shuffle(tmp_path):
    make_images(tmp_path / "in", 4)
    for name in ("a", "z"):
        (tmp_path / f"in/{name}.png").write_bytes((tmp_path / "in/002.png").read_bytes())
    for seed in range(3):
        convert(job(tmp_path, seed=seed, output=str(tmp_path / f"out{seed}")))
        assert sorted(key for _, key, _ in read(tmp_path / f"out{seed}", 3)) == [f"{i:03d}.png" for i in range(4)]


def test_names_of_a_grid_become_places_and_neighbours_of_records(tmp_path):
    make_images(tmp_path / "all", 9)
    (tmp_path / "in").mkdir()
    for i, path in enumerate(sorted((tmp_path / "all").iterdir())):
        path.rename(tmp_path / f"in/a_r{i // 3}_c{i % 3}.png")
    (tmp_path / "in/a_r0_c0.png").unlink()
    convert(job(tmp_path, grid_pattern="{scene}_r{row}_c{column}.png"))
    raw = tf.data.TFRecordDataset(str(tmp_path / "out/train/in-r03.tfrecords")).as_numpy_iterator()
    places = {record.key: record.place for record in map(records.deserialize, raw)}
    middle = places["a_r1_c1.png"]
    assert (middle.scene, middle.row, middle.column, middle.bounds, middle.crs) == ("a", 1, 1, None, None)
    others = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert middle.neighbours == ("", *(f"a_r{row}_c{column}.png" for row, column in others))
    assert places["a_r0_c2.png"].neighbours == ("", "", "", "a_r0_c1.png", "", "a_r1_c1.png", "a_r1_c2.png", "")


def test_values_are_scaled_by_the_percentiles_of_the_whole_dataset(tmp_path):
    make_images(tmp_path / "in", 4, side=16)
    report = convert(job(tmp_path, scaling="joint", percentiles=(10.0, 90.0), dtype="uint16"))
    everything = np.stack([np.asarray(Image.open(tmp_path / f"in/{i:03d}.png")) for i in range(4)])
    low, high = np.percentile(everything, [10, 90])
    assert report.manifest.scaling == {"mode": "joint", "low": [low] * 3, "high": [high] * 3}
    raw = tf.data.TFRecordDataset(str(tmp_path / "out/train/in-r03.tfrecords")).as_numpy_iterator()
    for record in (records.deserialize(serialized, "uint16") for serialized in raw):
        name, _, place = record.key.partition("#")
        row, column = map(int, place.split("_"))
        tile = everything[int(name[:3]), row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].astype(np.float64)
        exact = np.clip((tile - low) / (high - low), 0, 1) * 65535
        assert np.abs(record.image - exact).max() < 0.51


def test_files_that_prove_bad_while_ranges_are_measured_are_rejected(tmp_path):
    make_images(tmp_path / "in", 8, side=64)
    path = tmp_path / "in/004.png"
    path.write_bytes(path.read_bytes()[:-500])
    report = convert(job(tmp_path, resolution=64, scaling="bands", max_bad_fraction=0.2))
    assert (report.manifest.images("train"), report.manifest.source["rejected"]) == (7, 1)
    assert [file for file, _ in jsonl(tmp_path / "out/rejected.jsonl")] == ["004.png"]


def test_overlapping_tiles_know_the_ones_that_touch_them(tmp_path):
    make_images(tmp_path / "in", 1, side=24)
    convert(job(tmp_path, stride=4, max_tiles=0))
    raw = tf.data.TFRecordDataset(str(tmp_path / "out/train/in-r03.tfrecords")).as_numpy_iterator()
    places = {record.key: record.place for record in map(records.deserialize, raw)}
    assert len(places) == 25
    assert places["000.png#2_2"].neighbours == tuple(
        f"000.png#{row}_{column}" for row in (0, 2, 4) for column in (0, 2, 4) if (row, column) != (2, 2)
    )
    assert places["000.png#1_0"].neighbours == ("", "", "", "", "000.png#1_2", "", "000.png#3_0", "000.png#3_2")


def test_jobs_are_values(tmp_path):
    (tmp_path / "in").mkdir()
    assert dataclasses.replace(job(tmp_path), seed=3) == job(tmp_path, seed=3)
