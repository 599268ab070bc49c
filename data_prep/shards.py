"""Writes one shard, all levels of it, from tiles laid aside: a unit of parallelism and of resuming."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data_prep import cutting, files
from data_prep.files import checksum
from data_prep.mipmaps import mipmaps
from data_prep.plan import PlannedTile, Shard
from data_prep.work_folder import work_path
from progan_tf.data import manifest, records, tfrecord
from progan_tf.data.place import Place


@dataclasses.dataclass(frozen=True)
class Written:
    """The files of shard `index` of a split, one a level."""

    split: str
    index: int
    files: tuple[manifest.Shard, ...]

    @property
    def images(self) -> int:
        return self.files[0].images


@dataclasses.dataclass(frozen=True)
class Layout:
    """What all shards of a dataset have in common."""

    output: str
    name: str
    resolution: int
    channels: int
    dtype: str
    encoding: str

    @property
    def levels(self) -> range:
        return range(2, self.resolution.bit_length())


class Entry(NamedTuple):
    """An image [R, R, C] and what its record says of it."""

    pixels: np.ndarray
    key: str
    label: int | None
    place: Place | None = None


def write(shard: Shard, layout: Layout) -> Written:
    """Writes the files of `shard`, whole or not at all, and the note that it is done."""
    entries = (
        Entry(_image(planned, layout), planned.tile.key, planned.label, _place(planned)) for planned in shard.tiles
    )
    return write_entries(entries, layout, shard.split, shard.index, shard.count)


def write_entries(entries: Iterable[Entry], layout: Layout, split: str, index: int, count: int) -> Written:
    """Writes the files of shard `index` of `count`, whole or not at all, and the note that it is done."""
    output = layout.output
    partial = {level: work_path(output, f"{split}-{level}-{index}.{os.getpid()}") for level in layout.levels}
    number = 0
    with contextlib.ExitStack() as stack:
        levels = [stack.enter_context(files.open_file(partial[level], "wb")) for level in reversed(layout.levels)]
        for entry in entries:
            for file, lower in zip(levels, mipmaps(entry.pixels), strict=True):
                record = records.serialize(lower, entry.key, entry.label, entry.place, layout.encoding)
                tfrecord.write(file, record)
            number += 1
    listed = []
    for level in layout.levels:
        final = f"{split}/{_file_name(layout.name, level, index, count)}"
        size, digest = files.size(partial[level]), checksum(partial[level])
        listed.append(manifest.Shard(final, level, number, size, digest))
        files.move(partial[level], files.join(output, final))
    written = Written(split, index, tuple(listed))
    files.replace(_note(output, split, index), json.dumps(dataclasses.asdict(written)))
    return written


def finished(output: str, split: str, index: int) -> Written | None:
    """What an earlier run wrote of a shard, if it finished it and its files are still there in full."""
    note = _note(output, split, index)
    if not files.exists(note):
        return None
    fields = json.loads(files.read_text(note))
    listed = tuple(manifest.Shard(**file) for file in fields["files"])
    whole = all(files.is_file_of(files.join(output, file.file), file.bytes) for file in listed)
    return Written(split, index, listed) if whole else None


def _note(output: str, split: str, index: int) -> str:
    return work_path(output, f"shard-{split}-{index:05d}.json")


def _file_name(name: str, level: int, index: int, count: int) -> str:
    part = f"-{index:05d}-of-{count:05d}" if count > 1 else ""
    return f"{name}-r{level:02d}{part}.tfrecords"


def _image(planned: PlannedTile, layout: Layout) -> np.ndarray:
    shape = (layout.channels, layout.resolution, layout.resolution)
    size = int(np.prod(shape)) * np.dtype(layout.dtype).itemsize
    with files.open_file(cutting.raw_path(layout.output, planned.tile.part), "rb") as spool:
        spool.seek(planned.tile.slot * size)
        return np.frombuffer(spool.read(size), layout.dtype).reshape(shape).transpose(1, 2, 0)


def _place(planned: PlannedTile) -> Place:
    tile = planned.tile
    return Place(tile.scene, tile.row, tile.column, tile.bounds, tile.crs, planned.neighbours)
