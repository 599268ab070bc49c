"""In which order the cells of a canvas are filled, through which windows, and which of them at once.

A window takes part in filling one cell. Of the places it may have, that one is taken at which most of it is known.
Two cells are filled at once where neither sees or changes what the other changes, so that the pixels are those of one
after the other.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError
from progan_tf.extension import cells as cells_of
from progan_tf.extension.cells import Cells

ORDERS = ("spiral", "raster", "wavefront")


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One cell to fill: its place among the cells, its pixels, its ring, and the first row and column of its window."""

    row: int
    column: int
    top: int
    left: int
    bottom: int
    right: int
    ring: int
    window_top: int
    window_left: int


def make(cells: Cells, window: int, order: str, blend: int, batch: int) -> list[list[Cell]]:
    """Every unfinished cell, in steps of cells that are filled at once, at most `batch`.

    Args:
        order: "raster": row by row, one at a time. "wavefront": the same pixels, as many cells at a time as do not
            depend on each other. "spiral": ring by ring from the real pixels outwards.
        blend: pixels around a cell which it may change.

    Raises:
        InputError: the order is unknown, or window and tile leave no room to blend.
    """
    if order not in ORDERS:
        raise InputError(f"order {order} is unknown; choose one of {', '.join(ORDERS)}")
    check_blend(blend, window, int(max(np.diff(cells.tops).max(), np.diff(cells.lefts).max())))
    middle = (cells.real.shape[0] // 2, cells.real.shape[1] // 2)
    rings = cells_of.rings(cells, middle if order == "spiral" else (0, 0))
    sequence = _spiral(cells, rings) if order == "spiral" else np.argwhere(rings)
    steps: dict[int, list[Cell]] = {}
    for number, (depth, cell) in enumerate(_placed(cells, sequence, rings, window, blend)):
        steps.setdefault(number if order == "raster" else depth, []).append(cell)
    return [step[first : first + batch] for _, step in sorted(steps.items()) for first in range(0, len(step), batch)]


def check_blend(blend: int, window: int, tile: int) -> None:
    """Raises InputError where a window around a cell of `tile` has no room to blend."""
    if not 0 <= 2 * blend <= window - tile:
        raise InputError(
            f"blend {blend} does not fit: a window of {window} around cells of {tile} has room for "
            f"{max(0, window - tile) // 2} pixels on every side"
        )


def _spiral(cells: Cells, rings: np.ndarray) -> np.ndarray:
    """Rows and columns of cells, [n, 2]: by ring, in each by the angle around the middle of what is known.

    There are four arms, which begin in the middle of each side and turn together.
    """
    rows, columns = np.nonzero(rings)
    weights = cells.real if cells.real.any() else rings == 1
    down, right = ((borders[:-1] + borders[1:]) / 2 for borders in (cells.tops, cells.lefts))
    middle_down = np.average(down, weights=weights.sum(axis=1))
    middle_right = np.average(right, weights=weights.sum(axis=0))
    angles = np.arctan2(down[rows] - middle_down, right[columns] - middle_right)
    turned = np.round(angles / (np.pi / 2), 6) % 1  # the same on every side
    order = np.lexsort((columns, rows, turned, rings[rows, columns]))
    return np.stack([rows[order], columns[order]], axis=1)


def _placed(
    cells: Cells, sequence: np.ndarray, rings: np.ndarray, window: int, blend: int
) -> Iterator[tuple[int, Cell]]:
    """Cells of a sequence with their windows, and after how many steps of others each can be filled."""
    down, across = (_Side.all_of(borders, window, blend) for borders in (cells.tops, cells.lefts))
    areas, known = cells.areas, cells.real.astype(np.float64)
    changed, seen = (np.zeros(known.shape, int) for _ in range(2))  # the last step to change a cell, and to see it
    for row, column in sequence.tolist():
        y, x = down[row], across[column]
        # A cell that is known in part counts as if it were so evenly.
        sights = np.rint(y.shares @ known[y.cells, x.cells] @ x.shares.T)
        place_down, place_across = divmod(int(np.argmax(sights)), sights.shape[1])
        in_sight = np.ix_(y.seen[place_down], x.seen[place_across])
        changes = (y.changed, x.changed)
        step = 1 + max(int(changed[in_sight].max()), int(seen[changes].max()))
        changed[changes] = np.maximum(changed[changes], step)
        seen[in_sight] = np.maximum(seen[in_sight], step)
        known[row, column] = areas[row, column]
        box, corner = (y.start, x.start, y.stop, x.stop), (y.places[place_down], x.places[place_across])
        yield step, Cell(row, column, *box, int(rings[row, column]), *corner)


@dataclasses.dataclass(frozen=True)
class _Side:
    """One row or column of cells, from pixel `start` to `stop`, and the places its window may have on that side.

    `places`: where the window may begin, in the middle first. `cells`: what any of them touches; `shares` [places,
    cells]: how much of each lies inside; `seen`: the cells of each place; `changed`: those that filling may change.
    """

    start: int
    stop: int
    places: list[int]
    cells: slice
    shares: np.ndarray
    seen: list[np.ndarray]
    changed: slice

    @classmethod
    def all_of(cls, borders: np.ndarray, window: int, blend: int) -> "list[_Side]":
        return [cls._of(borders, number, window, blend) for number in range(len(borders) - 1)]

    @classmethod
    def _of(cls, borders: np.ndarray, number: int, window: int, blend: int) -> "_Side":
        length, start, stop = int(borders[-1]), int(borders[number]), int(borders[number + 1])
        latest, earliest = max(0, start - blend), min(length, stop + blend) - window
        ends = ((latest + earliest) // 2, earliest, latest)
        # Beyond the canvas nothing is known; a canvas smaller than the window leaves its end empty.
        places = [min(max(0, end), max(0, length - window)) for end in ends]
        cells = _touched(borders, min(places), max(places) + window)
        first, last = borders[:-1][cells], borders[1:][cells]
        begin = np.array(places)[:, np.newaxis]
        inside = np.clip(np.minimum(last, begin + window) - np.maximum(first, begin), 0, None)
        seen = [cells.start + np.flatnonzero(pixels) for pixels in inside]
        changed = _touched(borders, start - blend, stop + blend)
        return cls(start, stop, places, cells, inside / (last - first), seen, changed)


def _touched(borders: np.ndarray, start: int, stop: int) -> slice:
    """The cells with pixels from `start` to `stop`."""
    first = np.searchsorted(borders, max(0, start), side="right") - 1
    last = np.searchsorted(borders, min(stop, borders[-1]), side="left")
    return slice(int(first), int(last))
