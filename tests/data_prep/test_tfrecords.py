"""TFRecords as a source: records as they are, with keys, labels, places and splits, of one level."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data_prep import sources
from data_prep.conversion import convert
from data_prep.job import Job
from data_prep.sources.source import UnusableFile
from data_prep.sources.tfrecords import Records
from progan_tf.data import manifest, records
from progan_tf.data.bands import band_names, display_bands
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.data.place import Place
from progan_tf.errors import InputError
from tests import datasets

IMAGES, CLASSES = 14, ("river", "forest", "sea")


def image(number: int, level: int, bands: int, dtype: str) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng([number, level]).integers(0, top, (2**level, 2**level, bands), dtype, endpoint=True)


def place(number: int) -> Place:
    left = 600000.0 + 160 * (number % 4)
    return Place(f"scene {number // 8}", number // 4, number % 4, (left, 0.0, left + 160, 160.0), "EPSG:32633")


def write(folder: Path, bands: int = 3, dtype: str = "uint8", encoding: str = "raw", labelled: bool = True) -> Path:
    """Fourteen placed images: eight and four to train on in two shards a level, two to test."""
    splits = {"train": [range(8), range(8, 12)], "test": [range(12, 14)]}
    listed = {}
    for split, shards in splits.items():
        (folder / split).mkdir(parents=True)
        listed[split] = []
        for level in (2, 3, 4):
            for index, numbers in enumerate(shards):
                path = folder / split / f"it-r{level:02}-{index:05}-of-{len(shards):05}.tfrecords"
                with tf.io.TFRecordWriter(str(path)) as writer:
                    for n in numbers:
                        label = n % 3 if labelled else None
                        pixels = image(n, level, bands, dtype)
                        writer.write(records.serialize(pixels, f"tile {n}", label, place(n), encoding))
                listed[split].append(Shard(f"{split}/{path.name}", level, len(numbers), path.stat().st_size))
    dataset = Manifest(
        name="it",
        resolution=16,
        channels=bands,
        dtype=dtype,
        bands=band_names(bands),
        display_bands=display_bands(band_names(bands)),
        splits={split: tuple(shards) for split, shards in listed.items()},
        labels=CLASSES if labelled else (),
        encoding=encoding,
    )
    datasets.save_manifest(dataset, folder)
    return folder


def official(folder: Path, rows: np.ndarray | None = None) -> Path:
    """Six images as the official tools write them, with rows of labels beside."""
    folder.mkdir()
    for level in (2, 3, 4):
        with tf.io.TFRecordWriter(str(folder / f"old-r{level:02}.tfrecords")) as writer:
            for number in range(6):
                writer.write(records.serialize(image(number, level, 1, "uint8")))
    if rows is not None:
        with (folder / "old-rxx.labels").open("wb") as file:
            np.save(file, rows.astype(np.float32))
    return folder


def source(folder: Path, **options) -> Records:
    return sources.open_source(job(folder, **options))


def job(folder: Path, output: Path | str = "unused", **options) -> Job:
    return Job(str(folder), str(output), **({"resolution": 16, "workers": 1} | options))


def tiles(found: Records) -> list:
    surveys = [found.survey(name) for name, _ in found.listing().files]
    form = found.agree(surveys)
    return [tile for survey in surveys for part in range(survey.parts) for tile in found.read(survey.file, part, form)]


# What is read


@pytest.mark.parametrize("bands, dtype, encoding", [(3, "uint8", "raw"), (7, "uint16", "raw"), (4, "uint16", "png")])
@pytest.mark.parametrize("level", [3, 4])
def test_records_of_all_splits_are_taken_as_they_are(tmp_path, bands, dtype, encoding, level):
    found = source(write(tmp_path / "in", bands, dtype, encoding), resolution=2**level, labels="source")
    assert isinstance(found, Records)
    read = {tile.key: tile for tile in tiles(found)}
    assert len(read) == IMAGES
    for number in range(IMAGES):
        tile, expected = read[f"tile {number}"], place(number)
        np.testing.assert_array_equal(tile.pixels, image(number, level, bands, dtype))
        assert tile.pixels.dtype == dtype
        assert tile.label == CLASSES[number % 3]
        assert (tile.scene, tile.row, tile.column) == (expected.scene, expected.row, expected.column)
        assert (tile.bounds, tile.crs) == (expected.bounds, expected.crs)


def test_only_the_files_of_the_level_are_listed_with_their_sizes(tmp_path):
    folder = write(tmp_path / "in")
    listing = source(folder, resolution=8).listing()
    assert [name for name, _ in listing.files] == [
        "train/it-r03-00000-of-00002.tfrecords",
        "train/it-r03-00001-of-00002.tfrecords",
        "test/it-r03-00000-of-00001.tfrecords",
    ]
    assert all((folder / name).stat().st_size == size for name, size in listing.files)


def test_bands_keep_their_names(tmp_path):
    found = source(write(tmp_path / "in", 4, "uint16"))
    form = found.agree([found.survey(name) for name, _ in found.listing().files])
    assert (form.bands, form.display_bands, form.dtype) == (band_names(4), (0, 1, 2), "uint16")


def test_parts_of_a_file_are_its_records_in_order(tmp_path, monkeypatch):
    found = source(write(tmp_path / "in"))
    whole = tiles(found)
    monkeypatch.setattr("data_prep.sources.tfrecords._PART_RECORDS", 3)
    surveys = [found.survey(name) for name, _ in found.listing().files]
    assert [(survey.parts, survey.tiles) for survey in surveys] == [(3, 8), (2, 4), (1, 2)]
    assert [tile.key for tile in tiles(found)] == [tile.key for tile in whole]


def test_records_without_key_or_place_are_scenes_named_by_file_and_number(tmp_path):
    found = tiles(source(official(tmp_path / "in")))
    assert [tile.key for tile in found] == [f"old-r04.tfrecords#{number}" for number in range(6)]
    assert [tile.scene for tile in found] == [tile.key for tile in found]
    for number, tile in enumerate(found):
        np.testing.assert_array_equal(tile.pixels, image(number, 4, 1, "uint8"))


def test_labels_beside_the_records_go_with_them(tmp_path):
    classes = [4, 0, 2, 2, 1, 4]
    folder = official(tmp_path / "in", np.eye(5)[classes])
    assert [tile.label for tile in tiles(source(folder, labels="source"))] == [f"label {n}" for n in classes]
    assert {tile.label for tile in tiles(source(folder))} == {None}


def test_samples_are_pixels_of_all_records_or_a_share_of_each(tmp_path):
    found = source(write(tmp_path / "in"))
    name = "train/it-r04-00000-of-00002.tfrecords"
    everything = found.sample(name, 1, found.form)
    expected = np.concatenate([image(n, 4, 3, "uint8").reshape(-1, 3) for n in range(8)])
    np.testing.assert_array_equal(everything, expected)
    few = found.sample(name, 8, found.form)
    assert len(few) == 25  # of the first of eight images every third pixel in both directions
    assert {tuple(row) for row in few} <= {tuple(row) for row in expected}


# Whole conversions


def test_a_dataset_converted_again_has_the_same_images_labels_and_places(tmp_path):
    images = datasets.landscape(6, 16)
    first = datasets.write(tmp_path / "in", images, [0, 1, 2, 0, 1, 2])
    report = convert(job(first, tmp_path / "out", labels="source", shards=2))
    dataset = report.manifest
    assert (dataset.images("train"), dataset.labels) == (6, ("class 0", "class 1", "class 2"))
    for level in dataset.levels:
        paths = [str(tmp_path / "out" / shard.file) for shard in dataset.shards("train", level)]
        found = {}
        for raw in tf.data.TFRecordDataset(paths).as_numpy_iterator():
            record = records.deserialize(raw)
            found[record.key] = record
        before = [str(first / shard.file) for shard in manifest.load(str(first)).shards("train", level)]
        for raw in tf.data.TFRecordDataset(before).as_numpy_iterator():
            record = records.deserialize(raw)
            np.testing.assert_array_equal(found[record.key].image, record.image)
            assert found[record.key].label == record.label


@pytest.mark.parametrize("level", [3, 4])
def test_images_stay_in_the_split_they_are_in(tmp_path, level):
    folder = write(tmp_path / "in")
    convert(job(folder, tmp_path / "out", resolution=2**level))
    before, after = (
        {split: sorted(record.key for record in found) for split, found in datasets.read(tmp_path / name).items()}
        for name in ("in", "out")
    )
    assert after == before
    assert before["test"] == ["tile 12", "tile 13"]


def test_what_has_splits_is_not_split_again(tmp_path):
    folder, splits = write(tmp_path / "in"), (("train", 50.0), ("test", 50.0))
    with pytest.raises(
        InputError, match=r"has splits already \(train, test\), which its images stay in; leave --splits"
    ):
        source(folder, splits=splits)
    official(tmp_path / "flat")
    found = convert(job(tmp_path / "flat", tmp_path / "out", splits=splits)).manifest
    assert (found.images("train") + found.images("test"), set(found.splits)) == (6, {"train", "test"})


def test_places_become_neighbours_in_the_new_dataset(tmp_path):
    convert(job(write(tmp_path / "in"), tmp_path / "out"))
    dataset = manifest.load(str(tmp_path / "out"))
    path = str(tmp_path / "out" / dataset.shards("train", 4)[0].file)
    read = [records.deserialize(raw) for raw in tf.data.TFRecordDataset(path).as_numpy_iterator()]
    found = {record.key: record.place for record in read}
    assert found["tile 5"].neighbours == ("tile 0", "tile 1", "tile 2", "tile 4", "tile 6", "", "", "")
    assert (found["tile 9"].bounds, found["tile 9"].crs) == (place(9).bounds, "EPSG:32633")
    assert dataset.source["crs"] == ["EPSG:32633"]


def test_sixteen_bits_become_eight_by_measured_ranges(tmp_path):
    report = convert(job(write(tmp_path / "in", 7, "uint16"), tmp_path / "out", percentiles=(0, 100)))
    low, high = report.manifest.scaling["low"], report.manifest.scaling["high"]
    values = np.concatenate([image(n, 4, 7, "uint16").reshape(-1, 7) for n in range(IMAGES)])
    assert low == values.min(axis=0).tolist()
    assert high == values.max(axis=0).tolist()


def test_a_scaling_is_kept_and_joined_to_a_new_one(tmp_path):
    folder = write(tmp_path / "in", 1, "uint16")
    fields = json.loads((folder / "dataset.json").read_text())
    fields["scaling"] = {"mode": "range", "low": [-1.0], "high": [65534.0]}
    (folder / "dataset.json").write_text(json.dumps(fields))
    kept = convert(job(folder, tmp_path / "kept", dtype="uint16")).manifest
    assert kept.scaling == fields["scaling"]
    joined = convert(job(folder, tmp_path / "joined", value_range=(1.0, 256.0))).manifest
    assert joined.scaling == {"mode": "range", "low": [0.0], "high": [255.0]}


# What is refused


@pytest.mark.parametrize(
    "options, message",
    [
        ({"resolution": 32}, r"has no images of 32 pixels, only 4, 8, 16; set --resolution"),
        ({"stride": 8}, "has tiles 16 pixels apart at this resolution; set --stride=16"),
        ({"labels": "folders"}, "labels folders is not for tfrecords input"),
        ({"fit": "crop"}, "fit crop is not for tfrecords input; leave it out, images are taken whole"),
        (
            {"min_valid_fraction": 0.5},
            "min_valid_fraction is for raster or tfds input, this is tfrecords",
        ),
        ({"grid_pattern": "{row}_{column}"}, "grid_pattern is for folder or raster input"),
        ({"labels": "source"}, "has no labels; set --labels=none"),
    ],
)
def test_what_the_dataset_has_not_is_an_input_error(tmp_path, options, message):
    folder = write(tmp_path / "in", labelled=False)
    with pytest.raises(InputError, match=message):
        source(folder, **options)


@pytest.mark.parametrize("stride, resolution, expected", [(8, 16, 8), (8, 8, 4), (4, 8, 2)])
def test_tiles_that_overlap_must_be_called_so(tmp_path, stride, resolution, expected):
    folder = write(tmp_path / "in")
    fields = manifest.load(str(folder))
    fields.source["recipe"] = {"stride": stride}
    datasets.save_manifest(fields, folder)
    with pytest.raises(
        InputError, match=f"has tiles {expected} pixels apart at this resolution; set --stride={expected}"
    ):
        source(folder, resolution=resolution)
    assert len(tiles(source(folder, resolution=resolution, stride=expected))) == IMAGES


@pytest.mark.parametrize(
    "rows, message",
    [
        (np.full((6, 2), 0.5), "old-rxx.labels is not one-hot"),
        (np.ones((6, 2)), "old-rxx.labels is not one-hot"),
        (np.eye(2)[[0, 1, 0]], "old-rxx.labels has 3 rows, one an image is needed"),
    ],
)
def test_labels_that_are_no_classes_are_an_input_error(tmp_path, rows, message):
    folder = official(tmp_path / "in", rows)
    with pytest.raises(InputError, match=message):
        source(folder, labels="source")
    assert len(tiles(source(folder))) == 6


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 8 * 2 + 100] ^= 1  # in the third of eight records of one length
    path.write_bytes(content)


def test_a_damaged_record_is_named(tmp_path):
    folder = write(tmp_path / "in")
    name = "train/it-r04-00000-of-00002.tfrecords"
    flip(folder / name)
    found = source(folder)
    with pytest.raises(UnusableFile, match=r"^record 2 is damaged \(corrupted record at \d+"):
        list(found.read(name, 0, found.form))


def test_a_damaged_file_is_rejected_and_the_others_are_used(tmp_path):
    folder = write(tmp_path / "in")
    flip(folder / "train/it-r04-00000-of-00002.tfrecords")
    with pytest.raises(InputError, match=r"1 of 3 files cannot be used.*record 2 is damaged"):
        convert(job(folder, tmp_path / "out"))
    dataset = convert(job(folder, tmp_path / "out2", max_bad_fraction=0.5)).manifest
    assert (dataset.images("train"), dataset.images("test")) == (4, 2)
    assert "record 2 is damaged" in (tmp_path / "out2/rejected.jsonl").read_text()


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (image(0, 3, 3, "uint8"), r"record 1 is damaged \(shape \[8, 8, 3\] where \[16, 16, 3\] is expected\)"),
        (image(0, 4, 1, "uint8"), r"shape \[16, 16, 1\] where"),
    ],
)
def test_records_of_another_shape_are_named(tmp_path, wrong, reason):
    folder = official(tmp_path / "in")
    with tf.io.TFRecordWriter(str(folder / "old-r04.tfrecords")) as writer:
        for pixels in (image(0, 4, 3, "uint8"), wrong):
            writer.write(records.serialize(pixels))
    found = source(folder)
    with pytest.raises(UnusableFile, match=reason):
        tiles(found)


@pytest.mark.parametrize("label", [None, 3, -1])
def test_a_label_without_a_name_is_told_with_its_record(tmp_path, label):
    folder = write(tmp_path / "in")
    path = folder / "test/it-r04-00000-of-00001.tfrecords"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, given in ((12, 0), (13, label)):
            writer.write(records.serialize(image(number, 4, 3, "uint8"), f"tile {number}", given))
    found = source(folder, labels="source")
    with pytest.raises(UnusableFile, match=f"record 1 has label {label}, which the dataset has no name for"):
        list(found.read("test/it-r04-00000-of-00001.tfrecords", 0, found.form))


def test_missing_files_and_those_of_another_size_are_rejected_unread(tmp_path):
    folder = write(tmp_path / "in")
    missing, short = (f"train/it-r04-0000{n}-of-00002.tfrecords" for n in (0, 1))
    (folder / missing).unlink()
    size = (folder / short).stat().st_size
    (folder / short).write_bytes((folder / short).read_bytes()[:-3])
    found = source(folder)
    assert found.survey(missing).rejected == "is missing, though the manifest lists it"
    assert found.survey(short).rejected == f"has {size - 3:,} bytes where {size:,} were written"


def test_a_folder_without_a_dataset_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no dataset at"):
        source(tmp_path, source="tfrecords")
    with pytest.raises(InputError, match="is not there"):
        source(tmp_path / "nowhere", source="tfrecords")
