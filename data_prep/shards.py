"""Writes one shard, all levels of it: the unit of work, of parallelism and of resuming."""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from data_prep.files import replace
from data_prep.mipmaps import mipmaps
from data_prep.plan import SHARD_BYTES, Shard, Tile
from data_prep.sources.source import Source, UnusableFile
from data_prep.work_folder import work_path
from progan_tf.data import manifest, records

SPLIT = "train"


@dataclasses.dataclass(frozen=True)
class Written:
    """What became of shard `index`: its files, one a level, and the input files `rejected` while reading it."""

    index: int
    files: tuple[manifest.Shard, ...]
    rejected: dict[str, str]

    @property
    def images(self) -> int:
        return self.files[0].images


def write(shard: Shard, source: Source, output: str, name: str, resolution: int, channels: int) -> Written:
    """Writes the files of `shard` under `output`, whole or not at all, and the note that it is done.

    An input file that proves bad leaves its tiles out; nothing else moves.
    """
    levels = range(2, resolution.bit_length())
    finals = {level: f"{SPLIT}/{_file_name(name, level, shard)}" for level in levels}
    partial = {level: work_path(output, f"{level}-{shard.index}.{os.getpid()}") for level in levels}
    images, rejected = 0, {}
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(tf.io.TFRecordWriter(str(partial[level]))) for level in reversed(levels)]
        for label, key, image in _read(shard.tiles, source, resolution, channels, rejected):
            images += 1
            for writer, lower in zip(writers, mipmaps(image), strict=True):
                writer.write(records.serialize(lower, key=key, label=label))
    files = []
    for level in levels:
        with partial[level].open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files.append(manifest.Shard(finals[level], level, images, partial[level].stat().st_size, digest))
        partial[level].replace(Path(output, finals[level]))
    written = Written(shard.index, tuple(files), rejected)
    replace(_note(output, shard.index), json.dumps(dataclasses.asdict(written)))
    return written


def finished(output: str, index: int) -> Written | None:
    """What an earlier run wrote of shard `index`, if it finished it and its files are still there in full."""
    note = _note(output, index)
    if not note.exists():
        return None
    fields = json.loads(note.read_text())
    files = tuple(manifest.Shard(**file) for file in fields["files"])
    whole = all(Path(output, f.file).is_file() and Path(output, f.file).stat().st_size == f.bytes for f in files)
    return Written(index, files, fields["rejected"]) if whole else None


def _note(output: str, index: int) -> Path:
    return work_path(output, f"shard-{index:05d}.json")


def _file_name(name: str, level: int, shard: Shard) -> str:
    part = f"-{shard.index:05d}-of-{shard.count:05d}" if shard.count > 1 else ""
    return f"{name}-r{level:02d}{part}.tfrecords"


def _read(
    tiles: tuple[Tile, ...], source: Source, resolution: int, channels: int, rejected: dict[str, str]
) -> Iterator[tuple[int | None, str, np.ndarray]]:
    """Label, key and pixels of each tile, in order; bad files go into `rejected`.

    A block of tiles is read at once and file by file, so that a file is decoded once a block, not once a tile.
    """
    block = max(1, SHARD_BYTES // (channels * resolution**2))
    for begin in range(0, len(tiles), block):
        windows: dict[str, list[int]] = {}
        for tile in tiles[begin : begin + block]:
            windows.setdefault(tile.file, []).append(tile.window)
        images = {}
        for file in windows:
            try:
                read = source.read(file, windows[file], channels)
                images |= {(file, window): image for window, image in zip(windows[file], read, strict=True)}
            except UnusableFile as error:
                rejected[file] = str(error)
        for tile in tiles[begin : begin + block]:
            if (tile.file, tile.window) in images:
                yield tile.label, *images[tile.file, tile.window]
