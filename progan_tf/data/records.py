"""TFRecords of the official ProGAN schema: one image a record, `shape` int64 [C, H, W] and `data` bytes, CHW.

Ours may carry more: `key` (where the image came from), `label` (class index) and where it lies: `scene`, `row`,
`column`, `crs`, `bounds` (left, bottom, right, top as four float64) and `neighbours` (eight keys, row by row, empty
where there is none). Official readers ignore what they do not know. Raw bytes are little-endian. With `encoding` "png"
`data` is a PNG instead, of at most four bands: smaller, slower to read, and for readers of ours alone.
"""

import dataclasses
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from progan_tf.data.place import NEIGHBOURS, Place
from progan_tf.errors import InputError

# A TFRecord frames its payload with a length (8 bytes), the length's CRC (4) and the payload's CRC (4).
_HEADER_BYTES, _FRAME_BYTES = 12, 16


class RecordError(InputError):
    """A record that cannot be used; the message names file, record and reason."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Consecutive good records of one file: `count` of them from byte `offset` on, the first being number `first`."""

    file: str
    offset: int
    first: int
    count: int


@dataclasses.dataclass(frozen=True)
class BadRecord:
    """Record number `index` (from 0) of `file`, and what is wrong with it."""

    file: str
    index: int
    reason: str


class Record(NamedTuple):
    """What a record holds; `image` is [H, W, C]."""

    image: np.ndarray
    key: str | None = None
    label: int | None = None
    place: Place | None = None


def serialize(
    image: np.ndarray,
    key: str | None = None,
    label: int | None = None,
    place: Place | None = None,
    encoding: str = "raw",
) -> bytes:
    """One image [H, W, C], uint8 or uint16, as a record. With the image alone, byte for byte the official tool's."""
    height, width, channels = image.shape
    features = {"shape": _int64(channels, height, width)}
    if encoding == "png":
        features["data"] = _bytes(tf.io.encode_png(image).numpy())
    else:
        features["data"] = _bytes(np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes())
    if key is not None:
        features["key"] = _bytes(key.encode())
    if label is not None:
        features["label"] = _int64(label)
    if place is not None:
        features |= _place_features(place)
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _place_features(place: Place) -> dict[str, tf.train.Feature]:
    features = {"scene": _bytes(place.scene.encode()), "row": _int64(place.row), "column": _int64(place.column)}
    if place.bounds is not None:
        features["bounds"] = _bytes(np.array(place.bounds, "<f8").tobytes())
    if place.crs is not None:
        features["crs"] = _bytes(place.crs.encode())
    if any(place.neighbours):
        features["neighbours"] = _bytes(*(key.encode() for key in place.neighbours))
    return features


def _int64(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _bytes(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def deserialize(record: bytes, dtype: str = "uint8", encoding: str = "raw") -> Record:
    """What a record holds. Raises ValueError where it is not what it should be."""
    try:
        features = tf.train.Example.FromString(record).features.feature
    except Exception as error:  # protobuf's DecodeError has no public name
        raise ValueError(f"not a tf.train.Example ({error})") from error
    if "shape" not in features or "data" not in features:
        raise ValueError(f"features {sorted(features)} instead of shape and data")
    shape = tuple(features["shape"].int64_list.value)
    if len(shape) != 3 or len(features["data"].bytes_list.value) != 1:
        raise ValueError(f"shape {shape} with {len(features['data'].bytes_list.value)} images")
    data = features["data"].bytes_list.value[0]
    image = _decoded(data, shape, dtype) if encoding == "png" else _raw(data, shape, dtype)
    try:
        key = features["key"].bytes_list.value[0].decode() if "key" in features else None
        label = features["label"].int64_list.value[0] if "label" in features else None
        return Record(image, key, label, _place(features))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"a feature that is not what it should be ({error})") from error


def _raw(data: bytes, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise ValueError(f"{len(data)} bytes of {dtype} where shape {list(shape)} needs {expected}")
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(shape).transpose(1, 2, 0)


def _decoded(data: bytes, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    try:
        image = tf.io.decode_png(data, dtype=dtype).numpy()
    except tf.errors.OpError as error:
        raise ValueError(f"no PNG that can be decoded ({error.message})") from error
    if image.shape != (shape[1], shape[2], shape[0]):
        raise ValueError(f"a PNG of {list(image.shape)} where shape {list(shape)} is said")
    return image


def _place(features: Any) -> Place | None:
    if "scene" not in features:
        return None
    bounds = crs = None
    if "bounds" in features:
        bounds = tuple(np.frombuffer(features["bounds"].bytes_list.value[0], "<f8").tolist())
    if "crs" in features:
        crs = features["crs"].bytes_list.value[0].decode()
    keys = features["neighbours"].bytes_list.value if "neighbours" in features else [b""] * len(NEIGHBOURS)
    row, column = (features[name].int64_list.value[0] for name in ("row", "column"))
    scene = features["scene"].bytes_list.value[0].decode()
    return Place(scene, row, column, bounds, crs, tuple(key.decode() for key in keys))


def parse_batch(records: tf.Tensor, shape: tuple[int, int, int], dtype: str, encoding: str = "raw") -> tf.Tensor:
    """Images [N, H, W, C] of `shape` of serialized records [N], in a graph.

    Raises tf.errors.InvalidArgumentError where a record has another shape or length.
    """
    height, width, channels = shape
    features = tf.io.parse_example(
        records, {"shape": tf.io.FixedLenFeature([3], tf.int64), "data": tf.io.FixedLenFeature([], tf.string)}
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
    planes = tf.reshape(pixels, [-1, channels, height * width])  # of rank 3 they are turned half as fast again
    return tf.reshape(tf.transpose(planes, [0, 2, 1]), [-1, height, width, channels])


def parse_labels(records: tf.Tensor) -> tf.Tensor:
    """Labels int64 [N] of serialized records [N], in a graph."""
    return tf.io.parse_example(records, {"label": tf.io.FixedLenFeature([], tf.int64)})["label"]


def read_run(file: tf.Tensor, offset: tf.Tensor, count: tf.Tensor, row: tf.Tensor) -> tf.data.Dataset:
    """(serialized record, row) of `count` records (-1: all) of a file from byte `offset` on; rows count from `row`.

    For `flat_map`: outside a function TensorFlow 2.21 cannot serialize a reader that starts at an offset.
    """
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file], compression_type="", buffer_size=1 << 20, byte_offsets=[offset]
    )
    serialized = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
    return tf.data.Dataset.zip(serialized.take(count), tf.data.Dataset.counter(row))


def count(path: str) -> int:
    """Number of records of a file, by its frames alone. Raises RecordError where the last one is cut short."""
    records = 0
    for _, end in _frames(path):
        records += 1
        if end is None:
            raise RecordError(f"{path}: record {records - 1} is cut short; copy or convert the file again")
    return records


def shape_of_first(path: str) -> tuple[int, int, int]:
    """[H, W, C] of a file's first record. Raises RecordError where there is none or it is damaged."""
    try:
        for record in tf.data.TFRecordDataset(path).take(1).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            channels, height, width = features["shape"].int64_list.value
            return height, width, channels
    except Exception as error:
        raise RecordError(f"{path}: record 0 cannot be read ({error}); is it a ProGAN TFRecord file?") from error
    raise RecordError(f"{path}: holds no record")


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
        rest = tf.data.Dataset.from_tensors((path, np.int64(frames[index][0]), np.int64(-1), np.int64(0)))
        reason = "the file ends in this record"  # where the reader takes a header cut short for the end of the file
        try:
            for record, _ in rest.flat_map(read_run).as_numpy_iterator():
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
        image = deserialize(record, dtype, encoding).image
    except ValueError as error:
        return str(error)
    return None if image.shape == shape else f"shape {list(image.shape)} where {list(shape)} is expected"


def _frames(path: str) -> Iterator[tuple[int, int | None]]:
    """(start, end) of each record's frame in bytes, by the length fields alone; end is None where the file is short."""
    size = tf.io.gfile.stat(path).length
    with tf.io.gfile.GFile(path, "rb") as file:
        start = 0
        while start < size:
            file.seek(start)
            header = file.read(_HEADER_BYTES)
            end = (
                start + _FRAME_BYTES + struct.unpack("<Q", header[:8])[0] if len(header) == _HEADER_BYTES else size + 1
            )
            if end > size:
                yield start, None
                return
            yield start, end
            start = end
