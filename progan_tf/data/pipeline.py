"""From a dataset directory to batches of images: any level, endless, in an order that can be taken up anywhere.

The order is a pure function of (seed, epoch): every epoch visits the shards in a new order and passes the records
through a shuffle buffer. It is the same at every level, and image number n of it is the same however often reading
was interrupted.

Several workers that read one dataset have a share of its records each, all but equal and fixed: of the records in the
order of their shards, worker w of W has those from w/W to (w + 1)/W. So a worker opens the shards of its share alone,
has an epoch of its own, which is as endless as that of a whole dataset, and never waits for another.
"""

import dataclasses
import logging
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from progan_tf.data import manifest as manifests
from progan_tf.data import reading
from progan_tf.data.manifest import Manifest
from progan_tf.data.reading import BadRecord, RecordError, Run
from progan_tf.errors import InputError

_PARSERS = min(8, os.cpu_count() or 1)  # batches parsed at a time


@dataclasses.dataclass(frozen=True)
class Dataset:
    """An opened dataset directory, one split of it."""

    directory: str
    manifest: Manifest
    split: str

    @property
    def images(self) -> int:
        return self.manifest.images(self.split)

    def shape(self, level: int) -> tuple[int, int, int]:
        """[H, W, C] of the images of a level."""
        return 2**level, 2**level, self.manifest.channels

    def paths(self, level: int) -> list[str]:
        return [tf.io.gfile.join(self.directory, shard.file) for shard in self.manifest.shards(self.split, level)]

    def identity(self) -> dict[str, Any]:
        """What tells this dataset from another, and what a trained model must know of it; plain JSON."""
        manifest = self.manifest
        return {
            "name": manifest.name,
            "split": self.split,
            "images": self.images,
            "resolution": manifest.resolution,
            "channels": manifest.channels,
            "dtype": manifest.dtype,
            "bands": list(manifest.bands),
            "display_bands": list(manifest.display_bands),
            "labels": list(manifest.labels),
            "scaling": manifest.scaling,
        }

    def label_table(self) -> np.ndarray:
        """Labels of all images, float32 [images, labels], in the order of the records; no columns where unlabelled.

        Raises:
            InputError: labels that lie beside the records are damaged, or not one row an image.
        """
        if self.manifest.label_file:
            path = tf.io.gfile.join(self.directory, self.manifest.label_file)
            rows = manifests.read_label_file(path)
            if len(rows) != self.images:
                raise InputError(
                    f"{path} has {len(rows):,} rows for {self.images:,} images; copy it again, or take it away to go "
                    "without labels"
                )
            return rows
        if not self.manifest.labels:
            return np.zeros((self.images, 0), np.float32)
        smallest = reading.serialized_records(self.paths(self.manifest.levels[0])).batch(1024).map(reading.parse_labels)
        return np.eye(len(self.manifest.labels), dtype=np.float32)[np.concatenate(list(smallest.as_numpy_iterator()))]


def open_dataset(directory: str, split: str = "train") -> Dataset:
    """Opens a dataset directory of ours or of the official tools.

    Raises:
        InputError: there is no dataset, no such split, a shard is missing or not of the manifest's size.
    """
    manifest = manifests.load(directory)
    for level in manifest.levels:
        for shard in manifest.shards(split, level):
            path = tf.io.gfile.join(directory, shard.file)
            size = tf.io.gfile.stat(path).length if tf.io.gfile.exists(path) else None
            if size != shard.bytes:
                found = "is missing" if size is None else f"has {size:,} bytes where {shard.bytes:,} were written"
                raise InputError(f"shard {path} {found}; convert the images again")
    return Dataset(directory, manifest, split)


def batches(
    dataset: Dataset,
    level: int,
    batch_size: int,
    *,
    seed: int = 0,
    start: int = 0,
    shuffle_mb: int = 1024,
    label_table: np.ndarray | None = None,
    on_error: str = "raise",
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
    """Endless batches (images [N, H, W, C] as on disk, labels float32 [N, L]) from image number `start` on.

    Args:
        start: of the images of this worker.
        shuffle_mb: size of the shuffle buffer, counted in images of the highest level whatever the level.
        label_table: `dataset.label_table()` where labels are wanted; they have no columns without it.
        on_error: "raise": reading a damaged record raises an error of TensorFlow's, which `explain` turns into one
            that names file and record. "skip": all files of the level are checked first, and damaged records are left
            out and logged; `damage` lists them.
        worker: which of the `workers` that read the dataset reads here; each has its share of the records.

    Raises:
        InputError: there are fewer readable images than workers, or none.
    """
    manifest = dataset.manifest
    top_bytes = int(np.prod(dataset.shape(manifest.levels[-1]))) * np.dtype(manifest.dtype).itemsize
    runs = _good_runs(dataset, level) if on_error == "skip" else _all_runs(dataset, level)
    readable = sum(run.count for _, run in runs)
    if not readable:
        raise InputError(f"dataset {manifest.name} has no readable image of {2**level} x {2**level}")
    if readable < workers:
        raise InputError(
            f"{workers} workers cannot share the {readable} readable images of {2**level} x {2**level} of dataset "
            f"{manifest.name}; start fewer"
        )
    runs = _share(runs, worker, workers)
    images = sum(run.count for _, run in runs)
    buffer = max(1, min(images, shuffle_mb * 2**20 // top_bytes))
    first_epoch, skipped = divmod(start, images)
    columns = (
        tf.constant([run.file for _, run in runs]),
        tf.constant([run.offset for _, run in runs], tf.int64),
        tf.constant([run.skipped for _, run in runs], tf.int64),
        tf.constant([run.count for _, run in runs], tf.int64),
        tf.constant([row for row, _ in runs], tf.int64),
    )

    purpose = f"{seed}/order/{worker}" if worker else f"{seed}/order"

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(zlib.crc32(purpose.encode()), tf.int64), number])
        order = tf.argsort(tf.random.stateless_uniform([len(runs)], key))
        shards = tf.data.Dataset.from_tensor_slices(tuple(tf.gather(column, order) for column in columns))
        shuffle_seed = tf.random.stateless_uniform([], key, minval=None, maxval=None, dtype=tf.int64)
        tf.random.set_seed(87654321)  # of this function's graph alone, or shuffle would mix in the program's
        shuffled = shards.flat_map(reading.read_run).shuffle(buffer, seed=shuffle_seed)
        return shuffled.skip(tf.where(number == first_epoch, tf.constant(skipped, tf.int64), 0))

    def parse(serialized: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = reading.parse_batch(serialized, dataset.shape(level), manifest.dtype, manifest.encoding)
        if label_table is None:
            return pixels, tf.zeros([batch_size, 0])
        return pixels, tf.gather(tf.constant(label_table), rows)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(epoch)
    parsed = epochs.batch(batch_size, drop_remainder=True).map(parse, num_parallel_calls=_PARSERS)
    return reading.untuned(parsed.prefetch(2))


def read(dataset: Dataset, level: int, batch_size: int, **options) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`batches` as NumPy arrays. Raises RecordError naming file and record where one is damaged."""
    try:
        yield from batches(dataset, level, batch_size, **options).as_numpy_iterator()
    except tf.errors.OpError as error:
        raise explain(dataset, level, error) from error


def damage(dataset: Dataset, level: int) -> list[BadRecord]:
    """Every damaged record of a level; reads all its files."""
    return [bad for path in dataset.paths(level) for bad in _scan(dataset, level, path)[1]]


def explain(dataset: Dataset, level: int, error: Exception) -> Exception:
    """What an error while reading a level was: an InputError naming what is gone or damaged, else the error itself."""
    for path in dataset.paths(level):
        if not tf.io.gfile.exists(path):
            return InputError(f"{path} is gone; put it back or convert again, and run the same command again")
    for bad in damage(dataset, level):
        return RecordError(
            f"{bad.file}: record {bad.index} is damaged ({bad.reason}); convert again, or leave such records "
            "out (in training: --set=training.on_error=skip)"
        )
    return error


def _all_runs(dataset: Dataset, level: int) -> list[tuple[int, Run]]:
    """Every file as one run, with the row of its first record among all records of the level."""
    runs, row = [], 0
    for path, shard in zip(dataset.paths(level), dataset.manifest.shards(dataset.split, level), strict=True):
        runs.append((row, Run(path, offset=0, first=0, count=shard.images)))
        row += shard.images
    return runs


def _share(runs: list[tuple[int, Run]], worker: int, workers: int) -> list[tuple[int, Run]]:
    """The part of the runs that a worker reads: its records, in order, from `worker` / `workers` of them on."""
    total = sum(run.count for _, run in runs)
    start, stop = (total * bound // workers for bound in (worker, worker + 1))
    share, before = [], 0
    for row, run in runs:
        skipped, end = max(0, start - before), min(run.count, stop - before)
        if skipped < end:
            part = dataclasses.replace(
                run, first=run.first + skipped, count=end - skipped, skipped=run.skipped + skipped
            )
            share.append((row + skipped, part))
        before += run.count
    return share


def _good_runs(dataset: Dataset, level: int) -> list[tuple[int, Run]]:
    """The readable runs of every file; what is left out is logged, one by one and in all."""
    runs, left_out = [], 0
    for row, whole in _all_runs(dataset, level):
        good, bad = _scan(dataset, level, whole.file)
        runs += [(row + run.first, run) for run in good]
        for record in bad:
            logging.warning("left out record %d of %s: %s", record.index, record.file, record.reason)
        left_out += len(bad)
    if left_out:
        logging.warning("left out %d damaged records of %d x %d in all", left_out, 2**level, 2**level)
    return runs


def _scan(dataset: Dataset, level: int, path: str) -> tuple[list[Run], list[BadRecord]]:
    return reading.scan(path, dataset.shape(level), dataset.manifest.dtype, dataset.manifest.encoding)
