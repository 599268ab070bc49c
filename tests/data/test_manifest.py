"""The manifest: saved, loaded, inferred, and errors that name the remedy."""

import dataclasses
import io
import json

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.data import manifest, pipeline, records
from progan_tf.errors import InputError
from tests import datasets

EXAMPLE = manifest.Manifest(
    name="coast",
    resolution=8,
    channels=3,
    dtype="uint8",
    bands=("red", "green", "blue"),
    display_bands=(0, 1, 2),
    splits={
        "train": (
            manifest.Shard("train/coast-r02.tfrecords", level=2, images=7, bytes=70, sha256="ab"),
            manifest.Shard("train/coast-r03.tfrecords", level=3, images=7, bytes=90),
        )
    },
    labels=("land", "sea"),
    source={"kind": "folder"},
)


def test_saved_and_loaded_again_is_the_same(tmp_path):
    datasets.save_manifest(EXAMPLE, tmp_path)
    assert manifest.load(str(tmp_path)) == EXAMPLE
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]


def test_the_file_is_readable_on_its_own(tmp_path):
    datasets.save_manifest(EXAMPLE, tmp_path)
    fields = json.loads((tmp_path / "dataset.json").read_text())
    assert (fields["levels"], fields["images"]) == ([2, 3], {"train": 7})


def test_shards_are_found_by_split_and_level():
    assert [shard.file for shard in EXAMPLE.shards("train", 3)] == ["train/coast-r03.tfrecords"]
    with pytest.raises(InputError, match="no split 'test'; it has train"):
        EXAMPLE.shards("test", 3)
    with pytest.raises(InputError, match="no images of 16 x 16; its levels go from 4 to 8"):
        EXAMPLE.shards("train", 4)


def test_a_manifest_that_cannot_be_read_is_an_input_error(tmp_path):
    (tmp_path / "dataset.json").mkdir()
    with pytest.raises(InputError, match=r"cannot be read \(.*dataset\.json.*\); make its files readable"):
        manifest.load(str(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": "x"}', '{"splits": 3}', "null"])
def test_a_damaged_manifest_is_an_input_error(tmp_path, content):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=r"dataset\.json is not a dataset manifest"):
        manifest.load(str(tmp_path))


def test_what_is_no_dataset_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        manifest.load(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="it holds neither"):
        manifest.load(str(tmp_path))


def test_official_folders_need_no_manifest(golden):
    dataset = manifest.load(str(golden / "official_tfrecords/eurosat16"))
    assert (dataset.name, dataset.resolution, dataset.channels, dataset.levels) == ("eurosat16", 64, 3, (2, 3, 4, 5, 6))
    assert dataset.images("train") == 16
    assert dataset.bands == ("red", "green", "blue")


def test_official_labels_are_found(tmp_path):
    for level in (2, 3):
        with tf.io.TFRecordWriter(str(tmp_path / f"it-r{level:02d}.tfrecords")) as writer:
            for _ in range(3):
                writer.write(records.serialize(np.zeros((2**level, 2**level, 1), np.uint8)))
    with (tmp_path / "it-rxx.labels").open("wb") as file:
        np.save(file, np.eye(5, dtype=np.float32)[[4, 0, 2]])
    dataset = manifest.load(str(tmp_path))
    assert dataset.label_file == "it-rxx.labels"
    assert len(dataset.labels) == 5
    np.testing.assert_array_equal(manifest.read_label_file(str(tmp_path / "it-rxx.labels")).argmax(1), [4, 0, 2])


def saved(rows: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, rows, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        b"PK\x03\x04 and no more",
        saved(np.eye(3))[:-1],
        saved(np.eye(3))[:40],
        saved(np.arange(3)),
        saved(np.array([["sea"]])),
        saved(np.array([[None]])),
        saved(np.eye(3)).replace(b"(3, 3)", b"(3, x)"),
        saved(np.eye(3)).replace(b"(3, 3), }" + 12 * b" ", b"(3000000000000, 3), }"),
    ],
)
def test_a_damaged_label_file_is_an_input_error_with_the_remedy(tmp_path, content):
    (tmp_path / "it-rxx.labels").write_bytes(content)
    with pytest.raises(
        InputError, match=r"it-rxx\.labels cannot be read as labels \(.*; copy it again, or take it away"
    ):
        manifest.read_label_file(str(tmp_path / "it-rxx.labels"))


def test_labels_of_other_images_are_an_input_error_where_they_are_wanted(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "it-r02.tfrecords")) as writer:
        writer.write(records.serialize(np.zeros((4, 4, 1), np.uint8)))
    (tmp_path / "it-rxx.labels").write_bytes(saved(np.eye(3)))
    dataset = pipeline.open_dataset(str(tmp_path))
    with pytest.raises(InputError, match=r"it-rxx\.labels has 3 rows for 1 images; copy it again"):
        dataset.label_table()


def test_a_manifest_of_before_there_were_encodings_is_of_raw_pixels(tmp_path):
    datasets.save_manifest(dataclasses.replace(EXAMPLE, encoding="png"), tmp_path)
    assert manifest.load(str(tmp_path)).encoding == "png"
    fields = json.loads((tmp_path / "dataset.json").read_text())
    del fields["encoding"]
    (tmp_path / "dataset.json").write_text(json.dumps(fields))
    assert manifest.load(str(tmp_path)).encoding == "raw"
