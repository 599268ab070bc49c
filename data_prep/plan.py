"""Which tile goes into which shard: a pure function of the surveyed files and the flags."""

import dataclasses
import hashlib
import json

import numpy as np

from data_prep.job import Job
from data_prep.sources.source import Listing, Survey
from progan_tf.errors import InputError

SHARD_BYTES = 128 << 20  # of the highest level: what one worker holds in memory, and what readers like
_SMALL_SHARD_TILES, _SMALL_SHARDS = 256, 16


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """One image of the dataset: a window of an input file. `label` is the class index."""

    file: str
    window: int
    label: int | None


@dataclasses.dataclass(frozen=True)
class Shard:
    """The tiles of shard `index` of `count`, in the order of its records."""

    index: int
    count: int
    tiles: tuple[Tile, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """All tiles of all usable `files` in their final `order`, cut into `shard_count` parts, equal to within one tile.

    `surveyed` counts all input files, bad ones too. Tiles are numbered file by file; those of `files[i]` are
    `first_tile[i]` up to `first_tile[i + 1]`.
    """

    surveyed: int
    files: tuple[Survey, ...]
    first_tile: np.ndarray
    order: np.ndarray
    shard_count: int
    channels: int
    labels: tuple[str, ...]

    def shard(self, index: int) -> Shard:
        begin, end = (i * len(self.order) // self.shard_count for i in (index, index + 1))
        numbers = self.order[begin:end]
        files = np.searchsorted(self.first_tile, numbers, side="right") - 1
        return Shard(index, self.shard_count, tuple(self._tile(*pair) for pair in zip(files, numbers, strict=True)))

    def _tile(self, file: int, number: int) -> Tile:
        survey = self.files[file]
        label = self.labels.index(survey.label) if self.labels else None
        return Tile(survey.file, int(number - self.first_tile[file]), label)


def make(job: Job, surveys: list[Survey]) -> Plan:
    """Shuffles all tiles by the job's seed and cuts them into shards.

    Raises:
        InputError: no tile at all, or fewer tiles than shards asked for.
    """
    files = tuple(sorted((survey for survey in surveys if survey.windows), key=lambda survey: survey.file))
    first_tile = np.cumsum([0] + [survey.windows for survey in files])
    order = np.random.default_rng(job.seed).permutation(first_tile[-1])[: job.max_tiles or None]
    if not len(order):
        raise InputError(f"input {job.input} holds no image that can be used; each has its reason in rejected.jsonl")
    channels = 3 if any(survey.colour for survey in files) else 1
    shard_count = job.shards or automatic_shards(len(order), channels * job.resolution**2)
    if shard_count > len(order):
        raise InputError(f"shards {shard_count} are more than the {len(order)} images; choose fewer, or 0")
    labels = tuple(sorted({survey.label for survey in files})) if job.labels != "none" else ()
    return Plan(len(surveys), files, first_tile, order, shard_count, channels, labels)


def automatic_shards(tiles: int, tile_bytes: int) -> int:
    """A power of two: shards of at most SHARD_BYTES, or, for small data, of up to 256 tiles while 16 shards suffice."""
    for_size = _power_of_two(-(-tiles * tile_bytes // SHARD_BYTES))
    for_spread = min(_SMALL_SHARDS, _power_of_two(-(-tiles // _SMALL_SHARD_TILES)))
    return max(for_size, for_spread)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def fingerprint(job: Job, listing: Listing) -> str:
    """Digest of all that decides the dataset's bytes: flags, and names and sizes of the input files."""
    asked = [job.resolution, job.fit, job.labels, job.dataset_name, job.shards, job.seed, job.max_tiles]
    digest = hashlib.sha256(json.dumps(asked).encode())
    for file in listing.files:
        digest.update(json.dumps(file).encode())
    return digest.hexdigest()
