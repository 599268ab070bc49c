"""Rolls an extender out over a canvas, cell by cell, until no pixel is unknown."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from progan_tf.extension import cut
from progan_tf.extension.canvas import Canvas
from progan_tf.extension.cells import REAL
from progan_tf.extension.extender import Extend
from progan_tf.extension.rollout_plan import Cell


def roll_out(
    canvas: Canvas, steps: Sequence[Sequence[Cell]], extend: Extend, window: int, seed: int, variant: int, blend: int
) -> Iterator[int]:
    """Fills a canvas by the steps of a plan, from the first that is not done; yields how many cells each filled.

    Real pixels are never changed, and of generated ones only those within `blend` pixels of a cell, which are made
    once more together with it and join the older ones along the cut that shows least.

    Args:
        window: pixels a side of what `extend` continues.
        seed, variant: another canvas for each of both.
    """
    for step in steps[canvas.done :]:
        views = [_View(canvas, cell, window, blend) for cell in step]
        images = np.stack([view.image for view in views])
        known = np.stack([view.known for view in views])
        seeds = np.array([cell_seed(seed, variant, cell.row, cell.column) for cell in step], np.int64)
        made = extend(images, known, seeds)
        canvas.change(
            np.array([(cell.window_top, cell.window_left) for cell in step]),
            made,
            np.stack([view.taken(image) for view, image in zip(views, made, strict=True)]),
            np.stack([view.origin for view in views]),
        )
        yield len(step)


def cell_seed(seed: int, variant: int, row: int, column: int) -> int:
    """The seed of a cell, 0 to 2^63 - 1: a pure function of the canvas's and its place."""
    digest = hashlib.blake2b(f"{seed}/{variant}/{row}/{column}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class _View:
    """What the window of a cell shows, and what of its continuation goes onto the canvas.

    `image` [W, W, C], zeros where not `known` [W, W]; `origin` [W, W] is the provenance of the cell's new pixels.
    """

    def __init__(self, canvas: Canvas, cell: Cell, window: int, blend: int):
        self._older, provenance = canvas.look(cell.window_top, cell.window_left, window)
        down, right = cell.window_top, cell.window_left
        self._box = (cell.top - down, cell.left - right, cell.bottom - down, cell.right - right)
        generated = provenance > REAL
        self._wide = cut.around(generated, self._box, blend)
        self._missing = _within(self._box, window) & (provenance == 0)
        self._strip = _within(self._wide, window) & ~_within(self._box, window) & generated
        self.known = (provenance > 0) & ~self._strip
        self.image = self._older * self.known[..., np.newaxis]
        self.origin = np.full((window, window), min(cell.ring + 1, 255), np.uint8)

    def taken(self, made: np.ndarray) -> np.ndarray:
        """Which pixels of the continuation [W, W, C] are used, bool [W, W]."""
        if not self._strip.any():
            return self._missing
        return self._missing | cut.newer(self._older, made, self._strip, self._box, self._wide)


def _within(box: cut.Box, window: int) -> np.ndarray:
    top, left, bottom, right = box
    inside = np.zeros((window, window), bool)
    inside[top:bottom, left:right] = True
    return inside
