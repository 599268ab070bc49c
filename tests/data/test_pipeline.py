"""Reading: every image once an epoch, in an order taken up anywhere, with its label."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from progan_tf.data import pipeline, reading
from tests.data.numbered import (
    CLASSES,
    IMAGES,
    LEVELS,
    SHARD_OF,
    SHARDS,
    numbered,
    order,
    pairs,
    shard_path,
    write,
    write_shard,
)

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
