"""Which split a tile belongs to: decided by where it lies on the ground, never by the order of files.

The world is cut into cells of some kilometres; a cell's hash decides its split. Tiles nearer to a cell of another
split than half their own side are in none, so that at least one tile lies between splits, whichever scenes overlap
there. Scenes that nobody knows the place of go into one split as a whole.
"""

import functools
import hashlib
import math
from collections.abc import Sequence

import numpy as np

from data_prep import ground
from data_prep.cutting import CutTile
from progan_tf.errors import InputError

_KM_PER_DEGREE = 111.32
_MOST_HALVINGS = 10

Shares = Sequence[tuple[str, float]]


def assign(tiles: Sequence[CutTile], shares: Shares, cell_km: float, seed: int) -> list[str | None]:
    """The split of every tile, None for those on a border or off the earth.

    Without shares a tile stays in the split it has, and is in `train` where it has none.

    Raises:
        InputError: cells smaller than two tiles, or no tile left to train on.
    """
    found = _assigned(tiles, shares, cell_km, seed)
    if tiles and "train" not in found:
        where = ", ".join([*sorted(set(filter(None, found))), "borders"])
        raise InputError(
            f"splits leave training empty: all {len(tiles)} tiles fell to {where}; "
            f"{remedy(tiles, shares, cell_km, seed)}"
        )
    return found


def remedy(tiles: Sequence[CutTile], shares: Shares, cell_km: float, seed: int) -> str:
    """What to do where a split is empty: the largest of smaller cells that fill them all, or else."""
    if not shares:
        return "they stay in the splits they had; dropped.jsonl tells what was left out of train"
    wanted = {name for name, share in shares if share}
    for halvings in range(1, _MOST_HALVINGS + 1):
        smaller = cell_km / 2**halvings
        try:
            if wanted <= set(_assigned(tiles, shares, smaller, seed)):
                return f"repeat with --split_cell_km={smaller:g} instead of {cell_km:g}, which fills every split"
        except InputError:  # less than two tiles
            break
    return (
        f"no --split_cell_km below {cell_km:g} fills every split; choose other shares, another --seed, or more scenes"
    )


def _assigned(tiles: Sequence[CutTile], shares: Shares, cell_km: float, seed: int) -> list[str | None]:
    """As `assign`, whether or not something is left to train on."""
    if not shares:
        return [tile.split or "train" for tile in tiles]
    found: list[str | None] = [None] * len(tiles)
    by_crs: dict[str, list[int]] = {}

    @functools.cache
    def split_of(place: object) -> str:
        return _split_of(str(place), shares, seed)

    for number, tile in enumerate(tiles):
        if tile.bounds is None or tile.crs is None:
            found[number] = split_of(tile.scene)
        else:
            by_crs.setdefault(tile.crs, []).append(number)
    for crs, numbers in by_crs.items():
        boxes = ground.boxes(crs, np.array([tiles[number].bounds for number in numbers]), margin=0.5)
        _check_size(boxes, cell_km)
        for number, box in zip(numbers, boxes.tolist(), strict=True):
            splits = {split_of(cell) for cell in _cells(*box, cell_km)}
            found[number] = splits.pop() if len(splits) == 1 else None
    return found


def _check_size(boxes: np.ndarray, cell_km: float) -> None:
    """A tile with its margin must be smaller than a cell, or none would lie inside one."""
    west, south, east, north = boxes[np.isfinite(boxes).all(axis=1)].T
    width = (east - west) * np.cos(np.radians(np.maximum(abs(south), abs(north))))
    largest = float(np.maximum(width, north - south).max(initial=0)) * _KM_PER_DEGREE
    if largest > cell_km:
        raise InputError(
            f"split_cell_km {cell_km:g} is less than two tiles ({largest:.3g} km with a margin); choose a larger one"
        )


def _cells(west: float, south: float, east: float, north: float, cell_km: float) -> set[tuple[int, int]]:
    """All cells that a box in degrees touches; none where it is not on the earth.

    Cells lie in bands of equal latitude, each cut into as many as fit with nowhere less than `cell_km` of width; the
    last one around a pole is whole.
    """
    if west != west:
        return set()
    found = set()
    for band in range(math.floor(south * _KM_PER_DEGREE / cell_km), math.floor(north * _KM_PER_DEGREE / cell_km) + 1):
        farthest = min(90.0, max(abs(band), abs(band + 1)) * cell_km / _KM_PER_DEGREE)
        around = max(1, math.floor(360 * _KM_PER_DEGREE * math.cos(math.radians(farthest)) / cell_km))
        first, last = (math.floor(degrees / 360 * around) for degrees in (west, east))
        found |= {(band, number % around) for number in range(first, min(last, first + around - 1) + 1)}
    return found


def _split_of(place: str, shares: Shares, seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {place}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64 * sum(share for _, share in shares)
    for name, share in shares:
        point -= share
        if point < 0:
            return name
    return shares[-1][0]
