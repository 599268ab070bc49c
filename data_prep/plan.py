"""Which tile goes into which shard: a pure function of the tiles that were cut and the flags."""

import collections
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np

from data_prep import duplicates, splits
from data_prep.cutting import Cut, CutTile
from data_prep.job import SPLITS, Job
from data_prep.sources.source import Listing
from progan_tf.data.place import NEIGHBOURS
from progan_tf.errors import InputError

SHARD_BYTES = 128 << 20  # of the highest level: what readers like
_SMALL_SHARD_TILES, _SMALL_SHARDS = 256, 16


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedTile:
    """One image of the dataset: `label` is the class index, `neighbours` the keys around it, row by row, or ""."""

    tile: CutTile
    label: int | None
    neighbours: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Shard:
    """The tiles of shard `index` of `count` of a split, in the order of its records."""

    split: str
    index: int
    count: int
    tiles: tuple[PlannedTile, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """All tiles that are kept, each split in its final order and cut into parts equal to within one tile.

    `dropped` tells by key why tiles were left out on purpose; `found` counts all tiles before that.
    `split_remedy` is what to do where a split that was asked for has no tile.
    """

    splits: dict[str, tuple[CutTile, ...]]
    shard_counts: dict[str, int]
    labels: tuple[str, ...]
    dropped: dict[str, str]
    found: int
    reach: int | None
    split_remedy: str = ""

    def shards(self) -> list[tuple[str, int]]:
        """(split, index) of every shard."""
        return [(split, index) for split, count in self.shard_counts.items() for index in range(count)]

    def tiles(self, split: str, index: int) -> tuple[CutTile, ...]:
        """The tiles of one shard, in order."""
        tiles, count = self.splits[split], self.shard_counts[split]
        begin, end = (i * len(tiles) // count for i in (index, index + 1))
        return tiles[begin:end]


def make(job: Job, cuts: Sequence[Cut], bad: dict[str, str], tile_bytes: int) -> Plan:
    """Leaves out copies and tiles on the border of splits, shuffles by the seed, takes `max_tiles`, cuts into shards.

    Raises:
        InputError: no tile at all, none to train on, or fewer tiles than shards asked for.
    """
    tiles = [tile for cut in sorted(cuts, key=lambda cut: cut.part) for tile in cut.tiles if tile.file not in bad]
    dropped = {key: reason for cut in cuts for key, reason in cut.dropped.items()}
    found = len(tiles) + len(dropped)
    kept = _without(tiles, duplicates.exact([tile.digest for tile in tiles]), "duplicate", dropped)
    if job.near_duplicates == "drop":
        kept = _without(kept, duplicates.near([tile.looks for tile in kept]), "near duplicate", dropped)
    if not kept:
        raise InputError(
            f"input {job.input} leaves no image: {found} tiles found, dropped {counts(dropped) or 'none'}, "
            f"{len(bad)} files rejected; rejected.jsonl and dropped.jsonl give the reasons"
        )
    places = splits.assign(kept, job.splits, job.split_cell_km, job.seed)
    dropped |= {tile.key: "split border" for tile, split in zip(kept, places, strict=True) if split is None}
    order = np.random.default_rng(job.seed).permutation(len(kept))
    order = [number for number in order if places[number]]
    if job.max_tiles:
        dropped |= {kept[number].key: "beyond max_tiles" for number in order[job.max_tiles :]}
        order = order[: job.max_tiles]
    names = [name for name, _ in job.splits] or [name for name in dict.fromkeys((*SPLITS, *places)) if name in places]
    in_split = {name: tuple(kept[n] for n in order if places[n] == name) for name in names}
    in_split = {name: chosen for name, chosen in in_split.items() if chosen}
    if "train" not in in_split:
        raise InputError(f"max_tiles {job.max_tiles} leaves training empty; take more")
    if job.shards > len(in_split["train"]):
        raise InputError(f"shards {job.shards} are more than the {len(in_split['train'])} images; choose fewer, or 0")
    shard_counts = {
        name: min(job.shards, len(chosen)) or automatic_shards(len(chosen), tile_bytes)
        for name, chosen in in_split.items()
    }
    labels = tuple(sorted({tile.label for tile in kept if tile.label is not None})) if job.labels != "none" else ()
    reach = job.resolution // job.step if job.resolution % job.step == 0 else None
    remedy = ""
    if any(share and name not in in_split for name, share in job.splits):
        drawn = {name for name in places if name} == set(in_split)
        remedy = (
            splits.remedy(kept, job.splits, job.split_cell_km, job.seed)
            if drawn
            else f"take more than --max_tiles={job.max_tiles}"
        )
    return Plan(in_split, shard_counts, labels, dropped, found, reach, remedy)


def shards(plan: Plan, wanted: Sequence[tuple[str, int]]) -> Iterator[Shard]:
    """Yields the `wanted` shards of a plan, one after the other."""
    indices: dict[str, dict[tuple[str, int, int], str]] = {}
    for split, index in wanted:
        if split not in indices:
            indices = {split: {(tile.scene, tile.row, tile.column): tile.key for tile in plan.splits[split]}}
        planned = (
            PlannedTile(
                tile,
                plan.labels.index(tile.label) if plan.labels else None,
                neighbours(tile, indices[split], plan.reach),
            )
            for tile in plan.tiles(split, index)
        )
        yield Shard(split, index, plan.shard_counts[split], tuple(planned))


def neighbours(tile: CutTile, index: dict[tuple[str, int, int], str], reach: int | None) -> tuple[str, ...]:
    """Keys of the eight tiles around one, "" where there is none; tiles `reach` rows or columns on touch it."""
    if reach is None:
        return ("",) * len(NEIGHBOURS)
    return tuple(index.get((tile.scene, tile.row + r * reach, tile.column + c * reach), "") for r, c in NEIGHBOURS)


def counts(dropped: dict[str, str]) -> dict[str, int]:
    """How many tiles were dropped for which kind of reason."""
    return dict(sorted(collections.Counter(reason.partition(" of ")[0] for reason in dropped.values()).items()))


def automatic_shards(tiles: int, tile_bytes: int) -> int:
    """A power of two: shards of at most SHARD_BYTES, or, for small data, of up to 256 tiles while 16 shards suffice."""
    for_size = _power_of_two(-(-tiles * tile_bytes // SHARD_BYTES))
    for_spread = min(_SMALL_SHARDS, _power_of_two(-(-tiles // _SMALL_SHARD_TILES)))
    return max(for_size, for_spread)


def fingerprint(job: Job, listing: Listing) -> str:
    """Digest of all that decides the dataset's bytes: flags, names and sizes of the input files, and what is beside."""
    digest = hashlib.sha256(json.dumps(job.recipe(), sort_keys=True).encode())
    for file in (*listing.files, *listing.beside):
        digest.update(json.dumps(file).encode())
    return digest.hexdigest()


def _without(tiles: list[CutTile], copies: dict[int, int], what: str, dropped: dict[str, str]) -> list[CutTile]:
    """The tiles that are no copies; the others are listed in `dropped`."""
    for number, original in copies.items():
        dropped[tiles[number].key] = f"{what} of {tiles[original].key}"
    return [tile for number, tile in enumerate(tiles) if number not in copies]


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
