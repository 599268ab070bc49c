"""Reading: every image once an epoch, in an order taken up anywhere, with its label, and damage that is named."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from progan_tf.data import manifest as manifests
from progan_tf.data import pipeline, reading, records
from progan_tf.data.bands import band_names, display_bands
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import InputError
from tests import datasets

IMAGES, SHARDS, CLASSES, LEVELS = 23, 4, 3, (2, 3)
PER_SHARD = [6, 6, 6, 5]
SHARD_OF = np.repeat(range(SHARDS), PER_SHARD)


def numbered(number: int, level: int, channels: int = 1, dtype: str = "uint8") -> np.ndarray:
    """An image that tells its number at any size."""
    return np.full((2**level, 2**level, channels), number, dtype)


def write_shard(path: Path, images: list[np.ndarray], labels: list[int] | None = None, encoding: str = "raw") -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, image in enumerate(images):
            writer.write(records.serialize(image, label=labels[number] if labels else None, encoding=encoding))


def write(
    folder: Path,
    channels: int = 1,
    dtype: str = "uint8",
    factor: int = 1,
    labelled: bool = True,
    encoding: str = "raw",
) -> Path:
    """A dataset of images 0, 1, ... (times `factor`) in four shards a level; an image's class is its number mod 3."""
    (folder / "train").mkdir(parents=True)
    shards = []
    for level in LEVELS:
        for shard in range(SHARDS):
            numbers = np.flatnonzero(shard == SHARD_OF)
            path = folder / "train" / f"numbers-r{level:02}-{shard:05}-of-{SHARDS:05}.tfrecords"
            labels = [int(n) % CLASSES for n in numbers] if labelled else None
            write_shard(path, [numbered(n * factor, level, channels, dtype) for n in numbers], labels, encoding)
            shards.append(Shard(f"train/{path.name}", level, len(numbers), path.stat().st_size))
    manifest = Manifest(
        name="numbers",
        resolution=8,
        channels=channels,
        dtype=dtype,
        bands=band_names(channels),
        display_bands=display_bands(band_names(channels)),
        splits={"train": tuple(shards)},
        labels=("a", "b", "c") if labelled else (),
        encoding=encoding,
    )
    datasets.save_manifest(manifest, folder)
    return folder


def update_sizes(folder: Path) -> None:
    """Makes the manifest fit files that were written anew."""
    manifest = manifests.load(str(folder))
    for shards in manifest.splits.values():
        for shard in shards:
            object.__setattr__(shard, "bytes", (folder / shard.file).stat().st_size)
    datasets.save_manifest(manifest, folder)


def shard_path(dataset: Dataset, level: int, shard: int) -> Path:
    return Path(dataset.paths(level)[shard])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    """Never written to."""
    return pipeline.open_dataset(str(write(tmp_path_factory.mktemp("data") / "numbers")))


@pytest.fixture
def own_dataset(tmp_path) -> Dataset:
    """For a test to damage."""
    return pipeline.open_dataset(str(write(tmp_path / "numbers")))


def pairs(dataset: Dataset, count: int, level: int = 2, batch_size: int = 1, **options) -> Iterator[tuple[int, list]]:
    """(number, label) of the first `count` images read."""
    read = pipeline.read(dataset, level, batch_size, **options)
    for _ in range(math.ceil(count / batch_size)):
        images, labels = next(read)
        assert images.shape == (batch_size, *dataset.shape(level))
        for image, label in zip(images, labels, strict=True):
            assert np.all(image == image[0, 0, 0])
            yield int(image[0, 0, 0]), label.tolist()


def order(dataset: Dataset, count: int = IMAGES, **options) -> list[int]:
    return [number for number, _ in pairs(dataset, count, **options)][:count]


@pytest.fixture(scope="module")
def three_epochs(dataset) -> list[int]:
    return order(dataset, 3 * IMAGES)


# The official files.


@pytest.mark.parametrize("level", range(2, 7))
def test_official_files_are_read_as_the_means_of_their_images(golden, level):
    folder = golden / "official_tfrecords"
    dataset = pipeline.open_dataset(str(folder / "eurosat16"))
    assert (dataset.images, dataset.shape(level)) == (16, (2**level, 2**level, 3))
    side, block = 2**level, 2 ** (6 - level)
    paths = sorted((folder / "png").glob("*.png"))
    originals = np.stack([np.asarray(Image.open(path)) for path in paths]).astype(np.float64)
    means = originals.reshape(16, side, block, side, block, 3).mean(axis=(2, 4))
    images, labels = next(pipeline.read(dataset, level, 16, shuffle_mb=0))
    assert (images.dtype, labels.shape) == (np.uint8, (16, 0))
    np.testing.assert_array_equal(images, np.rint(means))  # both round half to even


# Order.


@pytest.mark.parametrize("shuffle_mb", [0, 1])
def test_every_epoch_shows_every_image_once(dataset, shuffle_mb):
    numbers = order(dataset, 3 * IMAGES, shuffle_mb=shuffle_mb)
    for epoch in range(3):
        assert sorted(numbers[epoch * IMAGES : (epoch + 1) * IMAGES]) == list(range(IMAGES))


def test_every_epoch_has_an_order_of_its_own(three_epochs):
    epochs = [tuple(three_epochs[epoch * IMAGES : (epoch + 1) * IMAGES]) for epoch in range(3)]
    assert len({*epochs, tuple(range(IMAGES))}) == 4


def test_the_order_is_that_of_the_seed(dataset, three_epochs):
    assert order(dataset, seed=0) == three_epochs[:IMAGES]
    assert order(dataset, seed=1) == order(dataset, seed=1) != three_epochs[:IMAGES]


def test_the_order_does_not_depend_on_the_global_seed(dataset, three_epochs):
    try:
        for seed in (1, 2):
            tf.random.set_seed(seed)
            assert order(dataset) == three_epochs[:IMAGES]
    finally:
        tf.random.set_seed(None)


@pytest.mark.parametrize("batch_size", [1, 5, 23, 30])
def test_the_order_does_not_depend_on_the_batch_size(dataset, three_epochs, batch_size):
    assert order(dataset, 2 * IMAGES, batch_size=batch_size) == three_epochs[: 2 * IMAGES]


@pytest.mark.parametrize("shuffle_mb", [0, 1])
def test_the_order_is_the_same_at_every_level(dataset, shuffle_mb):
    orders = [order(dataset, 2 * IMAGES, level=level, shuffle_mb=shuffle_mb) for level in LEVELS]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("start", [0, 1, 5, 6, 7, 22, 23, 24, 29, 45, 46, 47])
def test_reading_from_an_image_goes_on_as_reading_from_the_first_does(dataset, three_epochs, start):
    assert order(dataset, 3 * IMAGES - start, start=start, batch_size=4) == three_epochs[start:]


def test_reading_can_start_billions_of_images_in(dataset):
    start = 10**9 * IMAGES
    assert sorted(order(dataset, start=start)) == list(range(IMAGES))
    assert order(dataset, 5, start=start + 3) == order(dataset, 8, start=start)[3:]


def test_without_a_buffer_whole_shards_come_in_shuffled_order(dataset):
    numbers = order(dataset, 3 * IMAGES, shuffle_mb=0)
    orders_of_shards = set()
    for epoch in range(3):
        in_epoch = numbers[epoch * IMAGES : (epoch + 1) * IMAGES]
        shards = list(dict.fromkeys(int(SHARD_OF[number]) for number in in_epoch))
        assert in_epoch == [number for shard in shards for number in range(IMAGES) if SHARD_OF[number] == shard]
        orders_of_shards.add(tuple(shards))
    assert len(orders_of_shards) > 1


def test_with_a_buffer_images_of_all_shards_mix(three_epochs):
    shards = SHARD_OF[three_epochs[:IMAGES]]
    assert np.count_nonzero(np.diff(shards)) > 2 * SHARDS


def test_batches_are_full_and_cross_the_ends_of_epochs(dataset, three_epochs):
    read = pipeline.read(dataset, 2, 10)
    batches = [next(read)[0][:, 0, 0, 0].tolist() for _ in range(6)]
    assert [len(batch) for batch in batches] == [10] * 6
    assert [number for batch in batches for number in batch] == three_epochs[:60]


def test_a_batch_may_be_larger_than_the_dataset(dataset, three_epochs):
    images, _ = next(pipeline.read(dataset, 2, 60))
    assert images[:, 0, 0, 0].tolist() == three_epochs[:60]


# Labels.


def test_labels_of_the_records_go_with_their_images(dataset):
    for number, label in pairs(dataset, 2 * IMAGES, level=3, batch_size=5, label_table=dataset.label_table()):
        assert label == [float(number % CLASSES == i) for i in range(CLASSES)]


def test_the_label_table_has_the_order_of_the_records(dataset):
    table = dataset.label_table()
    assert (table.dtype, table.shape) == (np.float32, (IMAGES, CLASSES))
    np.testing.assert_array_equal(table.argmax(axis=1), np.arange(IMAGES) % CLASSES)


def test_labels_have_no_columns_unless_asked_for(dataset):
    _, labels = next(pipeline.read(dataset, 2, 5))
    assert (labels.shape, labels.dtype) == ((5, 0), np.float32)


def test_an_unlabelled_dataset_has_a_table_without_columns(tmp_path):
    dataset = pipeline.open_dataset(str(write(tmp_path / "numbers", labelled=False)))
    assert dataset.label_table().shape == (IMAGES, 0)
    _, labels = next(pipeline.read(dataset, 2, 5, label_table=dataset.label_table()))
    assert labels.shape == (5, 0)


def test_labels_of_an_official_file_go_with_their_images(tmp_path):
    table = np.random.default_rng(0).normal(size=(IMAGES, 4)).astype(np.float32)
    for level in LEVELS:
        write_shard(tmp_path / f"old-r{level:02}.tfrecords", [numbered(n, level) for n in range(IMAGES)])
    with (tmp_path / "old-rxx.labels").open("wb") as file:
        np.save(file, table)
    dataset = pipeline.open_dataset(str(tmp_path))
    np.testing.assert_array_equal(dataset.label_table(), table)
    for number, label in pairs(dataset, 2 * IMAGES, batch_size=5, label_table=dataset.label_table()):
        assert label == table[number].tolist()


# Bands and depth.


@pytest.mark.parametrize("channels", [3, 4, 13])
def test_any_number_of_bands(tmp_path, channels):
    dataset = pipeline.open_dataset(str(write(tmp_path / "numbers", channels=channels)))
    images, _ = next(pipeline.read(dataset, 3, 4))
    assert (images.shape, images.dtype) == ((4, 8, 8, channels), np.uint8)


def test_sixteen_bits_are_kept(tmp_path):
    dataset = pipeline.open_dataset(str(write(tmp_path / "numbers", channels=4, dtype="uint16", factor=2850)))
    assert dataset.identity()["dtype"] == "uint16"
    images, _ = next(pipeline.read(dataset, 3, IMAGES))
    assert images.dtype == np.uint16
    assert sorted(images[:, 0, 0, 0].tolist()) == [2850 * number for number in range(IMAGES)]


@pytest.mark.parametrize("channels, dtype, factor", [(1, "uint8", 1), (3, "uint8", 1), (4, "uint16", 2850)])
def test_records_of_pngs_are_read_as_raw_ones_are(tmp_path, channels, dtype, factor):
    options = {"channels": channels, "dtype": dtype, "factor": factor}
    read = {}
    for encoding in ("raw", "png"):
        dataset = pipeline.open_dataset(str(write(tmp_path / encoding, encoding=encoding, **options)))
        read[encoding] = next(pipeline.read(dataset, 3, IMAGES, label_table=dataset.label_table()))
    for raw, png in zip(read["raw"], read["png"], strict=True):
        assert raw.dtype == png.dtype
        np.testing.assert_array_equal(raw, png)


def test_a_damaged_png_stops_reading_with_its_file_and_number(tmp_path):
    dataset = pipeline.open_dataset(str(write(tmp_path / "numbers", encoding="png")))
    path = shard_path(dataset, 3, 0)
    serialized = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    begin = serialized[2].index(b"IDAT")
    broken = serialized[2][: begin + 4] + bytes(6) + serialized[2][begin + 10 :]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in [*serialized[:2], broken, *serialized[3:]]:
            writer.write(record)
    with pytest.raises(reading.RecordError, match=f"{path.name}: record 2 is damaged .no PNG that can be decoded"):
        order(dataset, 2 * IMAGES, level=3)
    numbers = order(dataset, IMAGES - 1, level=3, on_error="skip")
    assert sorted(numbers) == [number for number in range(IMAGES) if number != 2]


def test_bands_and_pixels_keep_their_places(tmp_path):
    original = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    write_shard(tmp_path / "one-r02.tfrecords", [original])
    dataset = pipeline.open_dataset(str(tmp_path))
    np.testing.assert_array_equal(next(pipeline.read(dataset, 2, 1))[0][0], original)


def test_the_identity_of_a_dataset_is_plain_json(dataset):
    assert dataset.identity() == {
        "name": "numbers",
        "split": "train",
        "images": IMAGES,
        "resolution": 8,
        "channels": 1,
        "dtype": "uint8",
        "bands": ["grey"],
        "display_bands": [0],
        "labels": ["a", "b", "c"],
        "scaling": None,
    }


# Damage: what is read, and what is left out.


def flip_a_bit(dataset: Dataset) -> tuple[int, str]:
    path = shard_path(dataset, 2, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 6 * 3 - 20] ^= 1  # in the third of six records of one length
    path.write_bytes(content)
    return 2, "corrupted record"


def change_a_shape(dataset: Dataset) -> tuple[int, str]:
    numbers = np.flatnonzero(SHARD_OF == 1)
    write_shard(
        shard_path(dataset, 2, 1),
        [numbered(n, 3 if place == 4 else 2) for place, n in enumerate(numbers)],
        [int(n) % CLASSES for n in numbers],
    )
    update_sizes(Path(dataset.directory))
    return 4, r"shape \[8, 8, 1\] where \[4, 4, 1\] is expected"


def cut_in_a_record(dataset: Dataset) -> tuple[int, str]:
    path = shard_path(dataset, 2, 1)
    path.write_bytes(path.read_bytes()[:-30])
    return 5, "the file ends in this record"


DAMAGES = [flip_a_bit, change_a_shape, cut_in_a_record]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_stops_reading_with_its_file_and_number(own_dataset, damage):
    place, reason = damage(own_dataset)
    name = shard_path(own_dataset, 2, 1).name
    with pytest.raises(reading.RecordError, match=rf"{name}: record {place} is damaged \({reason}.*convert again"):
        order(own_dataset, 2 * IMAGES)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_left_out_and_logged_on_request(own_dataset, damage, caplog):
    table = own_dataset.label_table()
    place, _ = damage(own_dataset)
    lost = int(np.flatnonzero(SHARD_OF == 1)[place])
    with caplog.at_level(logging.WARNING):
        found = dict(pairs(own_dataset, IMAGES - 1, on_error="skip", label_table=table))
    assert sorted(found) == [number for number in range(IMAGES) if number != lost]
    assert all(np.argmax(label) == number % CLASSES for number, label in found.items())
    line, total = caplog.messages
    assert total == "left out 1 damaged records of 4 x 4 in all"
    assert line.startswith(f"left out record {place} of {shard_path(own_dataset, 2, 1)}: ")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_lists_every_damaged_record(own_dataset, damage):
    assert pipeline.damage(own_dataset, 2) == []
    place, _ = damage(own_dataset)
    (bad,) = pipeline.damage(own_dataset, 2)
    assert (bad.file, bad.index) == (str(shard_path(own_dataset, 2, 1)), place)


@pytest.mark.parametrize("damage", DAMAGES)
def test_other_levels_do_not_mind(own_dataset, damage):
    damage(own_dataset)
    assert sorted(order(own_dataset, level=3)) == list(range(IMAGES))


def test_reading_without_the_damaged_record_is_taken_up_anywhere(own_dataset):
    flip_a_bit(own_dataset)
    whole = order(own_dataset, 60, on_error="skip")
    for start in (21, 30):
        assert order(own_dataset, 60 - start, on_error="skip", start=start) == whole[start:]


def test_a_level_without_one_readable_image_is_an_input_error(tmp_path):
    path = tmp_path / "one-r02.tfrecords"
    write_shard(path, [numbered(7, 2)])
    dataset = pipeline.open_dataset(str(tmp_path))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="no readable image of 4 x 4"):
        pipeline.batches(dataset, 2, 1, on_error="skip")


# What cannot be opened.


def test_a_missing_shard_is_refused_by_name(own_dataset):
    path = shard_path(own_dataset, 3, 2)
    path.unlink()
    with pytest.raises(InputError, match=f"{path.name} is missing; convert the images again"):
        pipeline.open_dataset(own_dataset.directory)


@pytest.mark.parametrize("level", LEVELS)
def test_a_shard_of_another_size_is_refused_with_both_sizes(own_dataset, level):
    path = shard_path(own_dataset, level, 0)
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match=rf"{path.name} has {whole - 3:,} bytes where {whole:,} were written"):
        pipeline.open_dataset(own_dataset.directory)


def test_a_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"no dataset at .*nowhere: there is no such folder"):
        pipeline.open_dataset(str(tmp_path / "nowhere"))


def test_a_missing_split_is_an_input_error_that_lists_those_there_are(dataset):
    with pytest.raises(InputError, match="has no split 'test'; it has train"):
        pipeline.open_dataset(dataset.directory, "test")


@pytest.mark.parametrize("level", [1, 4, 10])
def test_a_missing_level_is_an_input_error_that_tells_the_range(dataset, level):
    with pytest.raises(InputError, match=f"no images of {2**level} x {2**level}; its levels go from 4 to 8"):
        pipeline.batches(dataset, level, 4)


def test_a_shard_that_goes_while_it_is_read_is_named(own_dataset):
    read = pipeline.read(own_dataset, 3, 5, seed=0, shuffle_mb=1)
    next(read)
    gone = Path(own_dataset.paths(3)[2])
    gone.unlink()
    with pytest.raises(InputError, match=rf"{gone.name} is gone; put it back or convert again"):
        for _ in range(3 * IMAGES):
            next(read)


def test_an_error_that_is_no_damage_stays_what_it_was(dataset):
    error = tf.errors.UnavailableError(None, None, "the disk is gone")
    assert pipeline.explain(dataset, 2, error) is error
