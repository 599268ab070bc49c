"""Reading what is damaged or missing: named, or left out and logged."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.data import pipeline, reading
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import InputError
from tests.data.numbered import (
    CLASSES,
    IMAGES,
    LEVELS,
    SHARD_OF,
    flip_a_bit,
    numbered,
    order,
    pairs,
    shard_path,
    update_sizes,
    write_shard,
)

# Damage: what is read, and what is left out.


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
