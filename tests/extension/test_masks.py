"""Which part of a window is known: forms, shares, sizes."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation import symmetry
from progan_tf.extension import masks


def drawn(count: int, size: int, seed: int = 0) -> np.ndarray:
    uniform = np.random.default_rng(seed).random((count, masks.DRAWS), np.float32)
    return masks.draw(tf.constant(uniform), size).numpy()[..., 0]


def form(known: np.ndarray) -> str:
    """The form of a mask, told from its rows and columns alone."""
    size = len(known)
    rows, columns = known.any(axis=1), known.any(axis=0)
    if not known.any():
        return "nothing"
    missing_rows, missing_columns = (known == 0).any(axis=1), (known == 0).any(axis=0)
    if missing_rows.sum() * missing_columns.sum() == (known == 0).sum():  # what is missing is a rectangle
        whole = missing_rows.all(), missing_columns.all()
        if any(whole):
            across = missing_columns if whole[0] else missing_rows
            return "gap" if not across[0] and not across[-1] else "half"
        at_corner = (missing_rows[0] or missing_rows[-1]) and (missing_columns[0] or missing_columns[-1])
        return "quadrants" if at_corner and missing_rows.sum() == missing_columns.sum() == size // 2 else "hole"
    assert rows.sum() == columns.sum() == size // 2
    return "corner"


def test_every_form_has_its_share_and_every_orientation():
    known = drawn(4000, 32)
    forms = np.array([form(mask) for mask in known])
    # Gaps and holes that touch the border look like halves and quadrants, so those two pairs are counted together.
    wanted = {"nothing": 0.1, "corner": 0.1}
    for name, share in wanted.items():
        assert (forms == name).mean() == pytest.approx(share, abs=0.02)
    assert np.isin(forms, ["half", "gap"]).mean() == pytest.approx(0.4, abs=0.03)
    assert np.isin(forms, ["quadrants", "hole"]).mean() == pytest.approx(0.4, abs=0.03)
    for name, count in (("corner", 4), ("quadrants", 4)):
        found = {mask.tobytes() for mask in known[forms == name]}
        assert len(found) >= count
    halves = known[forms == "half"]
    edges = np.stack([halves[:, :, 0], halves[:, :, -1], halves[:, 0], halves[:, -1]]).all(axis=-1)
    sides = {tuple(side) for side in edges.T.tolist() if sum(side) == 1}  # a gap at the border has three
    assert len(sides) == 4


@pytest.mark.parametrize("turn", range(8))
def test_the_last_number_turns_the_mask(turn):
    uniform = np.random.default_rng(1).random((200, masks.DRAWS), np.float32)
    uniform[:, -1] = 0
    plain = masks.draw(tf.constant(uniform), 16)
    uniform[:, -1] = (turn + 0.5) / 8
    turned = masks.draw(tf.constant(uniform), 16)
    np.testing.assert_array_equal(turned, symmetry.transform(plain, tf.fill([200], turn)))


def test_the_shares_are_of_one():
    assert sum(kind.share for kind in masks.KINDS.values()) == pytest.approx(1)


@pytest.mark.parametrize("size", [4, 8, 16, 64, 256])
def test_something_is_always_missing_and_masks_are_zeros_and_ones(size):
    known = drawn(500, size)
    assert set(np.unique(known)) == {0, 1}
    assert (known == 0).any(axis=(1, 2)).all()


def test_the_same_numbers_give_the_same_form_at_every_size():
    """From 8 pixels on, where an eighth of the window is a pixel; anywhere-forms may lie a pixel off."""
    coarse, fine = drawn(500, 8, seed=3), drawn(500, 64, seed=3)
    shrunk = fine.reshape(500, 8, 8, 8, 8).mean(axis=(2, 4))
    same = (np.abs(shrunk - coarse) < 1e-6).all(axis=(1, 2))
    assert same.mean() > 0.8
    assert np.abs(shrunk.mean(axis=(1, 2)) - coarse.mean(axis=(1, 2))).max() < 1e-6
