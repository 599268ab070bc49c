"""Whole files of records, by TensorFlow: batches in a graph, and where in a file which records are good."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from progan_tf.data import records, tfrecord
from progan_tf.data.example import Example
from progan_tf.errors import InputError


class RecordError(InputError):
    """A record that cannot be used; the message names file, record and reason."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Consecutive good records of one file: `count` of them, the first being number `first`.

    Reading starts at byte `offset` and passes over `skipped` records to get to it.
    """

    file: str
    offset: int
    first: int
    count: int
    skipped: int = 0


@dataclasses.dataclass(frozen=True)
class BadRecord:
    """Record number `index` (from 0) of `file`, and what is wrong with it."""

    file: str
    index: int
    reason: str


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same, tuned by nothing as it goes: whoever lets go of a tuned one may wait a minute for the tuner to wake up.

    It sleeps for up to that long, and TensorFlow 2.21 now and then fails to wake it.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def serialized_records(paths: str | list[str]) -> tf.data.Dataset:
    """The serialized records of files, one after the other."""
    return untuned(tf.data.TFRecordDataset(paths))


def parse_batch(serialized: tf.Tensor, shape: tuple[int, int, int], dtype: str, encoding: str = "raw") -> tf.Tensor:
    """Images [N, H, W, C] of `shape` of serialized records [N], in a graph.

    Raises tf.errors.InvalidArgumentError where a record has another shape or length.
    """
    height, width, channels = shape
    features = tf.io.parse_example(
        serialized, {"shape": tf.io.FixedLenFeature([3], tf.int64), "data": tf.io.FixedLenFeature([], tf.string)}
    )
    right_shape = tf.debugging.assert_equal(
        features["shape"], tf.constant([[channels, height, width]], tf.int64), message="record of another shape"
    )
    with tf.control_dependencies([right_shape]):
        if encoding == "png":
            return tf.map_fn(
                lambda data: tf.ensure_shape(tf.io.decode_png(data, channels, dtype), shape),
                features["data"],
                fn_output_signature=tf.TensorSpec(shape, dtype),
            )
        pixels = tf.io.decode_raw(features["data"], dtype)
    return _channels_last(tf.reshape(pixels, [-1, channels, height, width]))


@tf.function(jit_compile=True)
def _channels_last(planes: tf.Tensor) -> tf.Tensor:
    """[N, C, H, W] to [N, H, W, C]; what XLA makes of it takes an eighth of the time of TensorFlow's own operation."""
    return tf.transpose(planes, [0, 2, 3, 1])


def parse_labels(serialized: tf.Tensor) -> tf.Tensor:
    """Labels int64 [N] of serialized records [N], in a graph."""
    return tf.io.parse_example(serialized, {"label": tf.io.FixedLenFeature([], tf.int64)})["label"]


def read_run(
    file: tf.Tensor, offset: tf.Tensor, skipped: tf.Tensor, count: tf.Tensor, row: tf.Tensor
) -> tf.data.Dataset:
    """(serialized record, row) of `count` records (-1: all) of a file; rows count from `row`.

    The first is the one `skipped` records after that at byte `offset`.

    For `flat_map`: outside a function TensorFlow 2.21 cannot serialize a reader that starts at an offset.
    """
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file], compression_type="", buffer_size=1 << 20, byte_offsets=[offset]
    )
    serialized = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
    return tf.data.Dataset.zip(serialized.skip(skipped).take(count), tf.data.Dataset.counter(row))


def count(path: str) -> int:
    """Number of records of a file, by its frames alone. Raises RecordError where the last one is cut short."""
    number = 0
    for _, end in _frames(path):
        number += 1
        if end is None:
            raise RecordError(f"{path}: record {number - 1} is cut short; copy or convert the file again")
    return number


def shape_of_first(path: str) -> tuple[int, int, int]:
    """[H, W, C] of a file's first record. Raises RecordError where there is none or it is damaged."""
    try:
        for record in serialized_records(path).take(1).as_numpy_iterator():
            features = Example.FromString(record).features.feature
            channels, height, width = features["shape"].int64_list.value
            return height, width, channels
    except Exception as error:
        raise RecordError(f"{path}: record 0 cannot be read ({error}); copy or convert the file again") from error
    raise RecordError(f"{path}: holds no record; copy or convert the file again")


def scan(
    path: str, shape: tuple[int, int, int], dtype: str, encoding: str = "raw"
) -> tuple[list[Run], list[BadRecord]]:
    """Reads a whole file and tells its runs of good records from the bad ones.

    A record is bad where a checksum fails, the file ends in it, or its shape or length is not the one asked for.
    Past a destroyed frame header nothing can be found any more: the rest of the file is then one bad record.
    """
    good, bad = [], []
    starts = []  # of the good records of the current run: (index, offset)

    def close_run() -> None:
        if starts:
            good.append(Run(path, offset=starts[0][1], first=starts[0][0], count=len(starts)))
            starts.clear()

    for index, offset, _, reason in _checked(path, shape, dtype, encoding):
        if reason is None:
            starts.append((index, offset))
        else:
            close_run()
            bad.append(BadRecord(path, index, reason))
    close_run()
    return good, bad


def _checked(
    path: str, shape: tuple[int, int, int], dtype: str, encoding: str
) -> Iterator[tuple[int, int, bytes | None, str | None]]:
    """(index, offset, record, what is wrong or None) of every record; TensorFlow's reader judges the checksums."""
    frames = list(_frames(path))
    index = 0
    while index < len(frames):
        rest = tf.data.Dataset.from_tensors((path, np.int64(frames[index][0]), np.int64(0), np.int64(-1), np.int64(0)))
        reason = "the file ends in this record"  # where the reader takes a header cut short for the end of the file
        try:
            for record, _ in untuned(rest.flat_map(read_run)).as_numpy_iterator():
                yield index, frames[index][0], record, _fault(record, shape, dtype, encoding)
                index += 1
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
            if frames[index][1] is not None:
                reason = error.message.split("}}")[-1].split("[Op")[0].strip()
        if index < len(frames):
            yield index, frames[index][0], None, reason
            index += 1


def _fault(record: bytes, shape: tuple[int, int, int], dtype: str, encoding: str) -> str | None:
    try:
        image = records.deserialize(record, dtype, encoding).image
    except ValueError as error:
        return str(error)
    return None if image.shape == shape else f"shape {list(image.shape)} where {list(shape)} is expected"


def _frames(path: str) -> Iterator[tuple[int, int | None]]:
    with tf.io.gfile.GFile(path, "rb") as file:
        yield from tfrecord.frames(file, tf.io.gfile.stat(path).length)
