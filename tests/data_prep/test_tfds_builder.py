"""A dataset directory read as a TensorFlow dataset: splits, slices, features and labels are those of the manifest."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from data_prep import tfds_builder
from data_prep.conversion import convert
from data_prep.job import Job
from progan_tf.data import manifest
from progan_tf.errors import InputError
from tests import datasets

SIDES = {"sea": 9, "city": 6}


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, count in SIDES.items():
        (folder / name).mkdir()
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module", params=["raw", "png"])
def dataset(request, images, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("data") / "coast"
    convert(Job(str(images), str(output), resolution=16, labels="folders", shards=4, workers=1, encoding=request.param))
    return output


def test_the_highest_level_holds_the_images_with_their_keys_and_labels(dataset, images):
    found = tfds_builder.builder(str(dataset)).as_dataset(split="train")
    seen = {example["key"].decode(): example for example in tfds.as_numpy(found)}
    assert sorted(seen) == sorted(str(path.relative_to(images)) for path in images.rglob("*.png"))
    for key, example in seen.items():
        np.testing.assert_array_equal(example["image"], np.asarray(Image.open(images / key)))
        assert ("city", "sea")[example["label"]] == key.split("/")[0]


def test_what_is_told_of_it_is_what_the_manifest_says(dataset):
    builder = tfds_builder.builder(str(dataset))
    info = builder.info
    assert builder.name == manifest.load(str(dataset)).name
    assert {name: split.num_examples for name, split in info.splits.items()} == {"train": 15}
    assert info.splits["train"].num_shards == 4
    assert info.splits["train"].num_bytes == sum(p.stat().st_size for p in (dataset / "train").glob("*-r04-*"))
    assert (info.features["image"].shape, info.features["image"].np_dtype) == ((16, 16, 3), np.uint8)
    assert info.features["label"].names == ["city", "sea"]
    assert info.supervised_keys == ("image", "label")
    assert info.features["label"].int2str(1) == "sea"


def test_slices_are_consecutive_parts_of_the_split(dataset):
    builder = tfds_builder.builder(str(dataset))

    def keys(split: str) -> list[bytes]:
        return [example["key"] for example in tfds.as_numpy(builder.as_dataset(split=split))]

    everything = keys("train")
    assert len(set(everything)) == 15
    assert keys("train[3:9]") == everything[3:9]
    assert keys("train[:40%]") + keys("train[40%:]") == everything
    assert keys("train[-2:]") == everything[-2:]
    assert builder.as_dataset(split="train[3:9]").cardinality() == 6
    with pytest.raises(ValueError, match="nope"):
        builder.as_dataset(split="nope")


def test_supervised_reading_and_batches(dataset):
    builder = tfds_builder.builder(str(dataset))
    (images, labels), *_ = builder.as_dataset(split="train", as_supervised=True, batch_size=10)
    assert (images.shape, labels.shape) == ((10, 16, 16, 3), (10,))
    (_, everything) = builder.as_dataset(split="train", as_supervised=True, batch_size=-1)
    assert np.bincount(everything.numpy()).tolist() == [SIDES["city"], SIDES["sea"]]


def test_files_are_shuffled_on_request_by_the_seed(dataset):
    builder = tfds_builder.builder(str(dataset))

    def keys(**options) -> list[bytes]:
        return [example["key"] for example in tfds.as_numpy(builder.as_dataset(split="train", **options))]

    shuffled = [
        keys(shuffle_files=True, read_config=tfds.ReadConfig(shuffle_seed=seed, try_autocache=False))
        for seed in (1, 1, 2, 3)
    ]
    assert shuffled[0] == shuffled[1]
    assert len({tuple(order) for order in [*shuffled, keys()]}) > 1
    assert all(sorted(order) == sorted(keys()) for order in shuffled)


@pytest.mark.parametrize("level", [2, 3])
def test_lower_levels_are_the_means(dataset, images, level):
    side = 2**level
    for example in tfds.as_numpy(tfds_builder.builder(str(dataset), level).as_dataset(split="train")):
        original = np.asarray(Image.open(images / example["key"].decode())).astype(float)
        means = original.reshape(side, 16 // side, side, 16 // side, 3).mean(axis=(1, 3))
        np.testing.assert_array_equal(example["image"], np.rint(means))


def test_sixteen_bits_and_many_bands(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 8, 8, 7), np.uint16)
    builder = tfds_builder.builder(str(datasets.write(tmp_path / "many", pixels)))
    found = [example["image"] for example in tfds.as_numpy(builder.as_dataset(split="train"))]
    np.testing.assert_array_equal(found, pixels)
    assert "label" not in builder.info.features
    assert builder.info.supervised_keys is None


def test_a_folder_of_the_official_tools(golden):
    builder = tfds_builder.builder(str(golden / "official_tfrecords/eurosat16"))
    assert builder.info.splits["train"].num_examples == 16
    examples = list(tfds.as_numpy(builder.as_dataset(split="train[4:6]")))
    assert [(example["image"].shape, example["key"]) for example in examples] == [((64, 64, 3), b"")] * 2


def test_what_is_not_there_is_an_input_error(dataset, tmp_path):
    with pytest.raises(InputError, match="no dataset at"):
        tfds_builder.builder(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no images of 32 x 32; its levels go from 4 to 16"):
        tfds_builder.builder(str(dataset), level=5)
    with pytest.raises(InputError, match="decoders"):
        tfds_builder.builder(str(dataset)).as_dataset(split="train", decoders={"image": tfds.decode.SkipDecoding()})
