"""Windows put together from neighbouring tiles of a dataset, as the source of another one.

A window begins at every tile that has all its neighbours to the right and below, so windows overlap by all but a tile,
and their joins lie where files of the input met. It stays in the split of its tiles.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from data_prep import files
from data_prep.job import Job
from data_prep.sources.source import Form, Listing, Survey, Tile, UnusableFile
from data_prep.sources.tfrecords import Records
from progan_tf.data import records, tfrecord
from progan_tf.data.records import Record
from progan_tf.errors import InputError

_PART_WINDOWS = 256

Spot = tuple[str, str, int, int]  # split, scene, row, column
Where = tuple[str, int]  # a file, and the byte its record begins at


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A shard of `split`: its file with images as large as asked for, and that with the smallest, one for one.

    Both tell where the tiles lie; the smallest are read in no time. `sha256` is of the first.
    """

    file: str
    smallest: str
    split: str
    sha256: str | None


@dataclasses.dataclass(frozen=True)
class Stitched:
    """Windows `across` x `across` tiles wide of the records of `tiles`, which touch `reach` rows or columns on.

    The key of a window is `KEY/NxN`, from that of its tile at the top left, which gives it row and column too. A file's
    windows are those that begin in it.
    """

    tiles: Records
    sheets: tuple[Sheet, ...]
    across: int
    reach: int
    kind = "tfrecords"

    @classmethod
    def of(cls, job: Job) -> "Stitched":
        """Raises InputError where the dataset is none, or has no tiles of that size which touch."""
        side = job.resolution // job.stitch
        tiles = Records.of(dataclasses.replace(job, resolution=side, stitch=1, stride=job.step))
        if side % job.step:
            raise InputError(
                f"input {job.input} has tiles of {side} pixels {job.step} apart, which never touch without overlap; "
                f"convert its images again with a --stride that divides {side}"
            )
        from progan_tf.data import manifest

        dataset = manifest.load(job.input)
        level = side.bit_length() - 1
        sheets = (
            Sheet(shard.file, smallest.file, split, shard.sha256)
            for split in dataset.splits
            for shard, smallest in zip(
                dataset.shards(split, level), dataset.shards(split, dataset.levels[0]), strict=True
            )
        )
        return cls(tiles, tuple(sheets), job.stitch, side // job.step)

    def listing(self) -> Listing:
        return self.tiles.listing()

    def survey(self, file: str) -> Survey:
        """As any source. Raises InputError where a file of the dataset is missing or cut short."""
        windows = len(self._windows(file))
        parts = math.ceil(windows / _PART_WINDOWS) or 1
        return dataclasses.replace(self.tiles.survey(file), parts=parts, tiles=windows)

    def agree(self, surveys: Sequence[Survey]) -> Form:
        windows = {survey.file: survey.tiles for survey in surveys}
        if not any(windows.get(sheet.file) for sheet in self.sheets if sheet.split == "train"):
            raise InputError(
                f"input {self.tiles.directory} has no {self.across} x {self.across} tiles side by side to train on; "
                "convert whole scenes to tiles, or set --grid_pattern where file names tell rows and columns"
            )
        return self.tiles.agree(surveys)

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
        split = self._sheet(file).split
        for wheres in self._windows(file)[part * _PART_WINDOWS : (part + 1) * _PART_WINDOWS]:
            yield _window([self._record(where) for where in wheres], self.across, split)

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        return self.tiles.sample(file, every, form)

    def _sheet(self, file: str) -> Sheet:
        return next(sheet for sheet in self.sheets if sheet.file == file)

    def _windows(self, file: str) -> list[list[Where]]:
        """Where the tiles of each window that begins in a file are, row by row."""
        index = _index(self.tiles.directory, self.sheets)
        steps = [step * self.reach for step in range(self.across)]
        found = (
            [index.get((split, scene, row + down, column + right)) for down, right in itertools.product(steps, steps)]
            for (split, scene, row, column), _ in _spots(self.tiles.directory, self._sheet(file))
        )
        return [wheres for wheres in found if None not in wheres]

    def _record(self, where: Where) -> Record:
        file, start = where
        side, channels = self.tiles.resolution, len(self.tiles.form.bands)
        try:
            with files.open_file(files.join(self.tiles.directory, file), "rb") as stream:
                record = records.deserialize(tfrecord.read(stream, start), self.tiles.form.dtype, self.tiles.encoding)
            if record.image.shape != (side, side, channels):
                raise ValueError(f"shape {list(record.image.shape)} where {[side, side, channels]} is expected")
        except (ValueError, OSError) as error:
            raise UnusableFile(f"a tile in {file} is damaged ({error})") from error
        return record


def _window(tiles: Sequence[Record], across: int, split: str) -> Tile:
    """One image of `across` x `across` tiles of a scene, row by row."""
    images = [tile.image for tile in tiles]
    rows = [np.concatenate(images[first : first + across], axis=1) for first in range(0, len(images), across)]
    first, bounds = tiles[0].place, [tile.place.bounds for tile in tiles]
    known = None not in bounds and {tile.place.crs for tile in tiles} == {first.crs}
    key = tiles[0].key or f"{first.scene}#{first.row}_{first.column}"
    return Tile(
        f"{key}/{across}x{across}",
        np.concatenate(rows),
        first.scene,
        first.row,
        first.column,
        bounds=_around(bounds) if known else None,
        crs=first.crs if known else None,
        split=split,
    )


def _around(bounds: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    lefts, bottoms, rights, tops = zip(*bounds, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


@functools.lru_cache(maxsize=1)
def _index(directory: str, sheets: tuple[Sheet, ...]) -> dict[Spot, Where]:
    """Where the records of all files are, by what they show. Read once in a process."""
    return {spot: where for sheet in sheets for spot, where in _spots(directory, sheet)}


@functools.lru_cache(maxsize=1)
def _spots(directory: str, sheet: Sheet) -> list[tuple[Spot, Where]]:
    """What each record of a file shows, and where it is, but for records that do not know their place.

    Raises:
        InputError: the file, or that with the smallest images, is missing or damaged.
    """
    found = []
    paths = [files.join(directory, file) for file in (sheet.file, sheet.smallest)]
    try:
        with files.open_file(paths[0], "rb") as large, files.open_file(paths[1], "rb") as small:
            frames = (tfrecord.frames(*file) for file in zip((large, small), map(files.size, paths), strict=True))
            for (start, end), (at, _) in zip(*frames, strict=True):
                if end is None:
                    raise ValueError(f"{sheet.file} ends in the record at byte {start:,}")
                place = records.place_of(tfrecord.read(small, at))
                if place:
                    found.append(((sheet.split, place.scene, place.row, place.column), (sheet.file, start)))
    except (ValueError, OSError) as error:
        raise InputError(
            f"input {directory} is damaged ({sheet.file} or {sheet.smallest}: {error}); "
            "data_prep.inspect --repair mends it"
        ) from error
    return found
