"""Reading by several workers: each its share, together every image once an epoch."""

import itertools

import numpy as np
import pytest

from progan_tf.data import pipeline
from progan_tf.errors import InputError
from tests.data.numbered import (
    CLASSES,
    IMAGES,
    SHARD_OF,
    flip_a_bit,
    numbered,
    order,
    pairs,
    shard_path,
    write_shard,
)


@pytest.mark.parametrize("workers", [2, 3, 4, 5, 23])
@pytest.mark.parametrize("shuffle_mb", [0, 1])
def test_workers_show_every_image_once_in_an_epoch_of_all(dataset, workers, shuffle_mb):
    sizes = [IMAGES * (worker + 1) // workers - IMAGES * worker // workers for worker in range(workers)]
    assert max(sizes) - min(sizes) <= 1
    shares = [
        order(dataset, size, worker=worker, workers=workers, shuffle_mb=shuffle_mb) for worker, size in enumerate(sizes)
    ]
    assert sorted(itertools.chain(*shares)) == list(range(IMAGES))


def test_a_worker_opens_the_shards_of_its_share_alone(own_dataset):
    before = [order(own_dataset, 30, worker=worker, workers=2) for worker in range(2)]
    assert {SHARD_OF[number] for number in before[0]} == {0, 1}  # 11 of 23 images, the first 6 and 5 of the next 6
    assert {SHARD_OF[number] for number in before[1]} == {1, 2, 3}
    for shard in (2, 3):
        shard_path(own_dataset, 2, shard).unlink()
    assert order(own_dataset, 30, worker=0, workers=2) == before[0]


def test_workers_may_be_more_than_shards_and_never_run_dry(dataset):
    for worker in range(6):
        numbers = order(dataset, 40, worker=worker, workers=6)
        assert len(set(numbers)) in (3, 4) and len(numbers) == 40


@pytest.mark.parametrize("start", [0, 1, 5, 11, 12, 13, 29])
def test_a_worker_takes_up_its_order_anywhere(dataset, start):
    whole = order(dataset, 50, worker=1, workers=2)
    assert order(dataset, 50 - start, worker=1, workers=2, start=start) == whole[start:]


def test_the_order_of_a_worker_is_its_own(tmp_path):
    """Of two workers with images that look alike, each has an order of its own."""
    (tmp_path / "twins").mkdir()
    path = tmp_path / "twins" / "twins-r02.tfrecords"
    write_shard(path, [numbered(n % 10, 2) for n in range(20)])
    twins = pipeline.open_dataset(str(tmp_path / "twins"))
    assert order(twins, 10, worker=0, workers=2) != order(twins, 10, worker=1, workers=2)


def test_labels_go_with_the_images_of_every_worker(dataset):
    for worker in range(3):
        for number, label in pairs(dataset, 20, worker=worker, workers=3, label_table=dataset.label_table()):
            assert label == np.eye(CLASSES)[number % CLASSES].tolist()


def test_workers_share_what_a_damaged_record_leaves(own_dataset):
    index, _ = flip_a_bit(own_dataset)
    left_out = int(np.flatnonzero(SHARD_OF == 1)[index])
    shares = [order(own_dataset, 11, worker=worker, workers=2, on_error="skip") for worker in range(2)]
    assert sorted(itertools.chain(*shares)) == [number for number in range(IMAGES) if number != left_out]


def test_fewer_images_than_workers_are_an_input_error(dataset):
    with pytest.raises(InputError, match="24 workers cannot share the 23 readable images"):
        pipeline.batches(dataset, 2, 1, worker=0, workers=24)
