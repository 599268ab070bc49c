"""A set of images that was opened but not read, and how it becomes an array: one raw file, mapped into memory."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from data_prep.progress import Progress, Silent
from progan_tf.data.scaling import Scaling
from progan_tf.metrics.images import Images


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """Image number `slot` of a set: pixels [H, W, C], where it comes from, and its class."""

    slot: int
    pixels: np.ndarray
    key: str
    label: int | None = None


@dataclasses.dataclass(frozen=True)
class Opened:
    """What is known of a set before its images are read, and the images, which can be read once.

    `items` come in any order, `count` at most; slots may have gaps. `verb` says what takes the time.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: str
    bands: tuple[str, ...]
    display_bands: tuple[int, ...]
    count: int
    items: Iterator[Item]
    label_names: tuple[str, ...] = ()
    scaling: Scaling | None = None
    verb: str = "read"


def lay_down(opened: Opened, folder: Path, progress: type[Progress] = Silent) -> Images:
    """Reads a set into one raw file, in the order of its slots, and maps it.

    The file lies in `folder` without a name: it needs no removal, and is gone with the array or the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = int(np.prod(opened.shape)) * np.dtype(opened.dtype).itemsize
    keys, labels = {}, {}
    with tempfile.TemporaryFile(dir=folder) as file:
        with progress(opened.verb, opened.count, "images") as shown:
            for item in opened.items:
                file.seek(item.slot * size)
                file.write(np.ascontiguousarray(item.pixels))
                keys[item.slot], labels[item.slot] = item.key, item.label
                shown.advance()
        slots = sorted(keys)
        _close_gaps(file, slots, size)
        shape = (len(slots), *opened.shape)
        pixels = np.memmap(file, opened.dtype, "r", shape=shape) if slots else np.empty(shape, opened.dtype)
    labelled = bool(opened.label_names) and None not in labels.values()
    return Images(
        name=opened.name,
        pixels=pixels,
        keys=tuple(keys[slot] for slot in slots),
        bands=opened.bands,
        display_bands=opened.display_bands,
        labels=np.array([labels[slot] for slot in slots]) if labelled else None,
        label_names=opened.label_names if labelled else (),
        scaling=opened.scaling,
    )


def _close_gaps(file: IO[bytes], slots: list[int], size: int) -> None:
    for place, slot in enumerate(slots):
        if place != slot:
            file.seek(slot * size)
            pixels = file.read(size)
            file.seek(place * size)
            file.write(pixels)
    file.truncate(len(slots) * size)
    file.flush()
