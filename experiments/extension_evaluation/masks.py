"""The masks that extension is measured under: which pixels of a window are known."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from progan_tf.errors import InputError


def _rectangle(window: int, rows: tuple[float, float], columns: tuple[float, float]) -> np.ndarray:
    """A mask [W, W], true between shares `rows` and `columns` of the window."""
    mask = np.zeros((window, window), bool)
    (top, bottom), (left, right) = ([round(share * window) for share in pair] for pair in (rows, columns))
    mask[top:bottom, left:right] = True
    return mask


KINDS: dict[str, Callable[[int], np.ndarray]] = {
    "half": lambda window: _rectangle(window, (0, 1), (0, 0.5)),
    "quadrant": lambda window: ~_rectangle(window, (0.5, 1), (0.5, 1)),  # the one that is missing
    "corner": lambda window: _rectangle(window, (0, 0.5), (0, 0.5)),  # all but one are
    "gap": lambda window: ~_rectangle(window, (0, 1), (0.375, 0.625)),
    "hole": lambda window: ~_rectangle(window, (0.25, 0.75), (0.25, 0.75)),
}


def names(text: str) -> list[str]:
    """Kinds of masks by their names with commas between them, or `all`. Raises InputError for others."""
    found = list(KINDS) if text.strip() == "all" else [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in found if name not in KINDS]
    if unknown or not found:
        raise InputError(f"masks={text} names {unknown[0] if unknown else 'none'}; choose of {', '.join(KINDS)} or all")
    return found


def masks(kinds: Sequence[str], count: int, window: int) -> np.ndarray:
    """Masks bool [count, W, W]: the kinds take turns, each in its four orientations."""
    turned = [np.rot90(KINDS[kind](window), turn) for turn in range(4) for kind in kinds]
    return np.stack(list(itertools.islice(itertools.cycle(turned), count)))
