"""Image quilting from what is known of a window (Efros & Freeman 2001, section 2).

Unknown ground is covered block by block, those with most neighbours first. A block is a patch of the known part that
goes well with what it overlaps, drawn among the best; where it overlaps earlier blocks the two meet along the cut where
they differ least. Known pixels stay as they are.
"""

from collections.abc import Iterator

import numpy as np

from progan_tf.extension import cut

_TOLERANCE = 0.1  # a patch may have an error so much above that of the best (the paper's section 2.3)
_PATCHES = 1024  # looked at, at most


def quilt(image: np.ndarray, known: np.ndarray, otherwise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image [W, W, C] whose unknown pixels are patches of the known ones.

    Blocks are a quarter of the window, or smaller where no such patch is known, and overlap by a quarter of a block;
    where no patch of 4 pixels is known, the result is `otherwise`.
    """
    size = len(known) // 4
    while size >= 4 and not (places := _places(known, size)).size:
        size //= 2
    if size < 4:
        return otherwise
    places = rng.permutation(places)[:_PATCHES]
    patches = np.stack([image[row : row + size, column : column + size] for row, column in places]).astype(np.float32)
    squares = np.square(patches).sum(axis=-1).reshape(len(patches), -1)

    result, filled = image.astype(np.float32), known.copy()
    for block in _blocks(filled, size):
        there, fixed = filled[block], known[block]
        target = np.where(there[..., np.newaxis], result[block], 0)
        # The squared difference where both exist. By einsum: threads of a matrix product wait longer than it takes.
        overlaps = np.einsum("mk,k->m", squares, there.ravel().astype(np.float32))
        products = np.einsum("mk,k->m", patches.reshape(len(patches), -1), target.ravel())
        errors = np.maximum(overlaps - 2 * products + np.square(target).sum(), 0)
        best = np.flatnonzero(errors <= (1 + _TOLERANCE) * errors.min())
        patch = patches[rng.choice(best)]
        taken = ~fixed & (~there | _inside_cuts(np.square(target - patch).sum(axis=-1), there & ~fixed, size // 4))
        result[block] = np.where(taken[..., np.newaxis], patch, result[block])
        filled[block] = True
    return result.astype(image.dtype)


def _places(known: np.ndarray, size: int) -> np.ndarray:
    """Top left corners [P, 2] of the squares that are known everywhere."""
    squares = np.lib.stride_tricks.sliding_window_view(known, (size, size))
    return np.argwhere(squares.all(axis=(2, 3)))


def _blocks(filled: np.ndarray, size: int) -> Iterator[tuple[slice, slice]]:
    """Blocks that cover what is not filled, always the one with most filled pixels next; the caller fills them."""
    last = len(filled) - size
    starts = sorted({*range(0, last, size - size // 4), last})
    blocks = [np.s_[row : row + size, column : column + size] for row in starts for column in starts]
    while left := [block for block in blocks if not filled[block].all()]:
        yield max(left, key=lambda block: filled[block].sum())


def _inside_cuts(errors: np.ndarray, older: np.ndarray, overlap: int) -> np.ndarray:
    """Which pixels of a block [S, S] lie inside the cuts through its four margins of `overlap` pixels.

    A margin has a cut where there are `older` blocks; a corner is inside if it is inside both cuts.
    """
    inside = np.ones(errors.shape, bool)
    for turn in range(4):
        margin = np.rot90(errors * older, turn)[:, :overlap]
        if np.rot90(older, turn)[:, :overlap].any():
            np.rot90(inside, turn)[:, :overlap] &= np.arange(overlap) >= cut.path(margin)[:, np.newaxis]  # a view
    return inside
