"""A canvas as cells: where their borders lie, what each holds of real pixels, and how far each is from them."""

import dataclasses
import itertools

import numpy as np
from scipy import ndimage

from progan_tf.extension.cut import Box

REAL = 1  # in a provenance; 0 is unknown, k + 1 generated in ring k


@dataclasses.dataclass(frozen=True)
class Cells:
    """R x C cells of at most one tile a side.

    `tops` [R + 1] and `lefts` [C + 1] are their borders in pixels; `real` [R, C] counts the real pixels of each,
    `touching` [R, C] says whether there is one in a cell or beside it, corners included.
    """

    tops: np.ndarray
    lefts: np.ndarray
    real: np.ndarray
    touching: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """Pixels of every cell, [R, C]."""
        return np.multiply.outer(np.diff(self.tops), np.diff(self.lefts))

    @property
    def unfinished(self) -> np.ndarray:
        """Which cells have pixels that are not real, [R, C]."""
        return self.real < self.areas


def survey(provenance: np.ndarray, scene: Box, tile: int) -> Cells:
    """The cells of a canvas, of provenance [H, W] uint8, whose known image was put at `scene`."""
    height, width = provenance.shape
    top, left, bottom, right = scene
    tops, lefts = _borders(height, top, bottom, tile), _borders(width, left, right, tile)
    real = np.zeros((len(tops) - 1, len(lefts) - 1), np.int64)
    touching = np.zeros(real.shape, bool)
    for row, (first, last) in enumerate(itertools.pairwise(tops)):
        strip = provenance[max(0, first - 1) : last + 1] == REAL
        own = strip[first - max(0, first - 1) :][: last - first]
        real[row] = np.add.reduceat(own.sum(axis=0), lefts[:-1])
        columns = ndimage.binary_dilation(strip.any(axis=0), np.ones(3, bool))
        touching[row] = np.logical_or.reduceat(columns, lefts[:-1])
    return Cells(tops, lefts, real, touching)


def rings(cells: Cells, start: tuple[int, int]) -> np.ndarray:
    """The ring of every unfinished cell, int [R, C], 0 for the others.

    Cells that touch real pixels are ring 1; a cell is one ring further than the nearest of its eight neighbours. Where
    nothing is real, ring 1 is the cell `start`.
    """
    unfinished = cells.unfinished
    found = np.zeros(unfinished.shape, int)
    front = unfinished & cells.touching
    if not front.any():
        front[start] = unfinished[start]
    ring = 0
    while front.any():
        ring += 1
        found[front] = ring
        front = ndimage.binary_dilation(front, np.ones((3, 3), bool)) & unfinished & (found == 0)
    return found


def _borders(length: int, start: int, stop: int, tile: int) -> np.ndarray:
    """Borders of cells along one side: a step of `tile` outwards from both ends of the image, and from `start` inside.

    So no cell outside is half image, and what is no multiple of the tile is cut off at the rim of the canvas.
    """
    before, inside, after = range(start, 0, -tile), range(start, stop, tile), range(stop, length, tile)
    return np.array(sorted({0, length, *before, *inside, *after}))
