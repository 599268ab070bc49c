"""Cuts one part of the input into tiles: decoded once, scaled, judged one by one, and laid aside for the shards.

A part's tiles lie behind each other in one raw file of the work folder, channels first as records have them, its list
beside it; the list appears last.
"""

import dataclasses
import hashlib
import json
import operator
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep import files, look
from data_prep.sources.source import Form, Rejected, Source, Survey, Tile, UnusableFile
from data_prep.work_folder import work_path
from progan_tf.data.scaling import Scaling

_PART_BYTES, _PART_TILES = 64 << 20, 256


@dataclasses.dataclass(frozen=True)
class Part:
    """A piece of work: numbered parts of files, in order."""

    index: int
    pieces: tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class Rules:
    """What makes pixels of `dtype` of the input's values, and what leaves a single tile out (see data_prep.job)."""

    dtype: str
    scaling: Scaling | None
    min_valid_fraction: float
    min_std: float
    hash_looks: bool


@dataclasses.dataclass(frozen=True, slots=True)
class CutTile:
    """A tile laid aside: number `slot` of part `part`, from `file`. `digest` tells its pixels, `looks` their look."""

    part: int
    slot: int
    file: str
    key: str
    scene: str
    row: int
    column: int
    label: str | None
    bounds: tuple[float, float, float, float] | None
    crs: str | None
    digest: str
    looks: str | None
    split: str | None = None


@dataclasses.dataclass(frozen=True)
class Cut:
    """What became of a part: its tiles, what was `dropped` by policy, and bad files or images; each with its reason."""

    part: int
    tiles: tuple[CutTile, ...]
    dropped: dict[str, str]
    rejected: dict[str, str]


def parts(surveys: Sequence[Survey], tile_bytes: int) -> list[Part]:
    """All parts of all usable files, small ones joined; the same whoever works on them."""
    most = max(1, min(_PART_TILES, _PART_BYTES // tile_bytes))
    joined: list[list[tuple[str, int]]] = []
    room = 0
    for survey in surveys:
        tiles = -(-survey.tiles // survey.parts)
        for piece in range(survey.parts):
            if room < tiles or not joined:
                joined.append([])
                room = most
            joined[-1].append((survey.file, piece))
            room -= tiles
    return [Part(index, tuple(pieces)) for index, pieces in enumerate(joined)]


def cut(part: Part, source: Source, form: Form, rules: Rules, output: str) -> Cut:
    """Reads a part and lays its tiles aside. A file that proves bad leaves none."""
    raw = raw_path(output, part.index)
    tiles, dropped, rejected = [], {}, {}
    with files.open_file(f"{raw}.{os.getpid()}", "wb") as spool:
        for file, piece in part.pieces:
            unfit, alone = {}, {}
            try:
                for tile in source.read(file, piece, form):
                    if isinstance(tile, Rejected):
                        alone[tile.key] = tile.reason
                        continue
                    planes = _planes(tile, rules)
                    reason = _unfit(tile, planes, rules)
                    if reason:
                        unfit[tile.key] = reason
                        continue
                    spool.write(planes.tobytes())
                    tiles.append(_row(part.index, len(tiles), file, tile, planes, rules))
                dropped |= unfit
                rejected |= alone
            except UnusableFile as error:
                rejected[file] = str(error)
    files.move(f"{raw}.{os.getpid()}", raw)
    done = Cut(part.index, tuple(tile for tile in tiles if tile.file not in rejected), dropped, rejected)
    files.replace(_list_path(output, part.index), json.dumps(_as_json(done)))
    return done


def finished(output: str, index: int) -> Cut | None:
    """What an earlier run cut of part `index`, if it finished it."""
    path = _list_path(output, index)
    return _from_json(json.loads(files.read_text(path))) if files.exists(path) else None


def raw_path(output: str, part: int) -> str:
    return work_path(output, f"part-{part:06d}.raw")


def _list_path(output: str, part: int) -> str:
    return work_path(output, f"part-{part:06d}.json")


def _planes(tile: Tile, rules: Rules) -> np.ndarray:
    """Pixels on disk [C, R, R]: scaled, 0 where there is no data."""
    scaled = rules.scaling.to_pixels(tile.pixels, rules.dtype) if rules.scaling else tile.pixels
    planes = np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=rules.dtype)
    if tile.valid is not None and not tile.valid.all():
        planes = np.where(tile.valid, planes, planes.dtype.type(0))
    return planes


def _unfit(tile: Tile, planes: np.ndarray, rules: Rules) -> str | None:
    if tile.valid is not None and not tile.valid.mean() >= rules.min_valid_fraction:
        return "nodata"
    if rules.min_std:
        known = planes[:, tile.valid] if tile.valid is not None else planes.reshape(len(planes), -1)
        if (
            not known.size
            or known.std(axis=1, dtype=np.float32).mean() < rules.min_std * np.iinfo(rules.dtype).max / 255
        ):
            return "flat"
    return None


def _row(part: int, slot: int, file: str, tile: Tile, planes: np.ndarray, rules: Rules) -> CutTile:
    digest = hashlib.sha256(planes).hexdigest()[:32]
    looks = look.describe(planes.transpose(1, 2, 0)) if rules.hash_looks else None
    place = (tile.key, tile.scene, tile.row, tile.column, tile.label, tile.bounds, tile.crs)
    return CutTile(part, slot, file, *place, digest, looks, tile.split)


def _as_json(done: Cut) -> dict[str, Any]:
    values = operator.attrgetter(*CutTile.__match_args__)  # dataclasses.astuple would copy all of them deeply
    rows = list(map(values, done.tiles))
    return {"part": done.part, "tiles": rows, "dropped": done.dropped, "rejected": done.rejected}


def _from_json(fields: dict[str, Any]) -> Cut:
    return Cut(fields["part"], tuple(map(_tile, fields["tiles"])), fields["dropped"], fields["rejected"])


def _tile(row: list) -> CutTile:
    tile = dict(zip(CutTile.__match_args__, row, strict=True))
    for name in ("file", "scene", "label", "crs", "split"):  # the same for many tiles: one string of each
        tile[name] = tile[name] and sys.intern(tile[name])
    return CutTile(**tile | {"bounds": tile["bounds"] and tuple(tile["bounds"])})
