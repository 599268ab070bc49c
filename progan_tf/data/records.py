"""TFRecords of the official ProGAN schema: one image a record, `shape` int64 [C, H, W] and `data` bytes, CHW.

Ours may carry more: `key` (where the image came from), `label` (class index) and where it lies: `scene`, `row`,
`column`, `crs`, `bounds` (left, bottom, right, top as four float64) and `neighbours` (eight keys, row by row, empty
where there is none). Official readers ignore what they do not know. Raw bytes are little-endian. With `encoding` "png"
`data` is a PNG instead, of at most four bands: smaller, slower to read, and for readers of ours alone.

One record at a time, written without TensorFlow; `progan_tf.data.reading` reads whole files.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from progan_tf import imaging
from progan_tf.data.example import Example
from progan_tf.data.place import NEIGHBOURS, Place


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
    example = Example()
    features = example.features.feature
    features["shape"].int64_list.value[:] = (channels, height, width)
    if encoding == "png":
        features["data"].bytes_list.value[:] = [imaging.to_png(image)]
    else:
        features["data"].bytes_list.value[:] = [np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes()]
    if key is not None:
        features["key"].bytes_list.value[:] = [key.encode()]
    if label is not None:
        features["label"].int64_list.value[:] = [label]
    if place is not None:
        _set_place(features, place)
    return example.SerializeToString(deterministic=True)


def _set_place(features: Any, place: Place) -> None:
    features["scene"].bytes_list.value[:] = [place.scene.encode()]
    features["row"].int64_list.value[:] = [place.row]
    features["column"].int64_list.value[:] = [place.column]
    if place.bounds is not None:
        features["bounds"].bytes_list.value[:] = [np.array(place.bounds, "<f8").tobytes()]
    if place.crs is not None:
        features["crs"].bytes_list.value[:] = [place.crs.encode()]
    if any(place.neighbours):
        features["neighbours"].bytes_list.value[:] = [key.encode() for key in place.neighbours]


def deserialize(record: bytes, dtype: str = "uint8", encoding: str = "raw") -> Record:
    """What a record holds. Raises ValueError where it is not what it should be."""
    features = _features(record)
    if "shape" not in features or "data" not in features:
        raise ValueError(f"features {sorted(features)} instead of shape and data")
    shape = tuple(features["shape"].int64_list.value)
    if len(shape) != 3 or len(features["data"].bytes_list.value) != 1:
        raise ValueError(f"shape {shape} with {len(features['data'].bytes_list.value)} images")
    data = features["data"].bytes_list.value[0]
    image = _decoded(data, shape, dtype) if encoding == "png" else _raw(data, shape, dtype)
    with _explained():
        key = features["key"].bytes_list.value[0].decode() if "key" in features else None
        label = features["label"].int64_list.value[0] if "label" in features else None
        return Record(image, key, label, _place(features))


def place_of(record: bytes) -> Place | None:
    """Where a record's image lies, its pixels left alone; None where it does not say. Raises ValueError as above."""
    features = _features(record)
    with _explained():
        return _place(features)


def _features(record: bytes) -> Any:
    try:
        return Example.FromString(record).features.feature
    except Exception as error:  # protobuf's DecodeError has no public name
        raise ValueError(f"not a tf.train.Example ({error})") from error


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"a feature that is not what it should be ({error})") from error


def _raw(data: bytes, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise ValueError(f"{len(data)} bytes of {dtype} where shape {list(shape)} needs {expected}")
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(shape).transpose(1, 2, 0)


def _decoded(data: bytes, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    import tensorflow as tf

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
