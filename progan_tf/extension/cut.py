"""Minimum-error cuts between an older and a newer picture of the same pixels (Efros and Freeman 2001, section 2.1)."""

import numpy as np

Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two are the first row and column outside


def path(costs: np.ndarray) -> np.ndarray:
    """The way down through costs [L, B] whose sum is least, at most one column aside a row: columns, int [L]."""
    length, _ = costs.shape
    least = costs.astype(np.float64)  # of the ways from the first row to each position
    for row in range(1, length):
        above = np.pad(least[row - 1], 1, constant_values=np.inf)
        least[row] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    columns = np.empty(length, int)
    columns[-1] = np.argmin(least[-1])
    for row in range(length - 2, -1, -1):
        first = max(0, columns[row + 1] - 1)
        columns[row] = first + np.argmin(least[row, first : columns[row + 1] + 2])
    return columns


def around(generated: np.ndarray, box: Box, blend: int) -> Box:
    """`box` in a window, reaching `blend` pixels further on every side where there are generated pixels [W, W].

    It ends with the window.
    """
    top, left, bottom, right = box
    height, width = generated.shape
    wide = (max(0, top - blend), max(0, left - blend), min(height, bottom + blend), min(width, right + blend))
    beside = (
        generated[wide[0] : top, left:right],
        generated[top:bottom, wide[1] : left],
        generated[bottom : wide[2], left:right],
        generated[top:bottom, right : wide[3]],
    )
    return tuple(far if side.any() else near for near, far, side in zip(box, wide, beside, strict=True))


def newer(older: np.ndarray, newest: np.ndarray, strip: np.ndarray, box: Box, wide: Box) -> np.ndarray:
    """Which pixels of the strip around `box` are better taken from the newest picture: bool [W, W].

    On every side, what lies between the cut and the box; in a corner, what lies inside both cuts.

    Args:
        older, newest: [W, W, C] any number type.
        strip: bool [W, W], the pixels within `wide` and outside of `box` that exist in both.
    """
    errors = np.square(older.astype(np.float64) - newest.astype(np.float64)).sum(axis=-1) * strip
    taken = strip.copy()
    # Each side in turn comes to lie on the left, its outer pixels first: the cut runs down.
    for turns in range(4):
        left, inner = _on_the_left(box, wide, turns, strip.shape)
        if inner[1] == left[1]:
            continue
        rows, columns = slice(left[0], left[2]), slice(left[1], inner[1])
        cut = path(np.rot90(errors, turns)[rows, columns])
        inside = np.arange(inner[1] - left[1]) >= cut[:, np.newaxis]
        np.rot90(taken, turns)[rows, columns] &= inside  # a view
    return taken


def _on_the_left(box: Box, wide: Box, turns: int, shape: tuple[int, int]) -> tuple[Box, Box]:
    """`wide` and `box` after `turns` quarter turns of the window to the left."""
    height, width = shape
    for _ in range(turns):
        wide, box = ((width - right, top, width - left, bottom) for top, left, bottom, right in (wide, box))
        height, width = width, height
    return wide, box
