"""Contextual attention to be looked at: an image is put together from the patches of another one.

Run with `--basetemp=DIR` and look at DIR/*/attended.png: the image and the one it attends to, what became of it, and
where every patch came from.
"""

from pathlib import Path

import numpy as np
from keras import ops

from data_prep import procedural
from progan_tf import imaging
from progan_tf.layers.contextual_attention import ContextualAttention

SIZE, SHIFT, RATE = 64, 6, 2


def test_a_noisy_image_is_rebuilt_from_the_clean_one_beside_it(tmp_path: Path):
    scene = procedural.scene(5, size=256)[100:, 60:].astype(np.float32) / 127.5 - 1
    other = scene[:SIZE, :SIZE]
    clean = scene[SHIFT : SHIFT + SIZE, SHIFT : SHIFT + SIZE]  # most of it is in the other one, elsewhere
    noisy = clean + np.random.default_rng(0).normal(0, 0.15, clean.shape).astype(np.float32)
    features = np.concatenate([noisy, other], axis=1)[None]  # [1, SIZE, 2 SIZE, 3]
    known = np.zeros((1, SIZE, 2 * SIZE, 1), np.float32)
    known[:, :, SIZE:] = 1
    middle = features.mean((1, 2), keepdims=True)  # of likeness without it, all that is bright is alike

    attended, copied = ContextualAttention(RATE, scale=30.0)(features - middle, known)
    attended = (ops.convert_to_numpy(attended) + middle)[0, :, :SIZE]
    copied = ops.convert_to_numpy(copied)[0, :, : SIZE // RATE]

    sheet = np.stack([imaging.to_pixels(x) for x in (noisy, other, attended)])
    colours = imaging.enlarge(imaging.colour_offsets(copied)[None], RATE)
    sheet = imaging.enlarge(np.concatenate([sheet, colours]), 4)
    imaging.write_png(tmp_path / "attended.png", imaging.grid(sheet, columns=4))

    inside = slice(4, SIZE - SHIFT - 4)  # what the other image has, off the border
    error = np.abs(attended - clean)[inside, inside].mean()
    assert error < 0.05 * np.abs(noisy - clean)[inside, inside].mean()
    there = (SHIFT // RATE, (SIZE + SHIFT) // RATE)  # where the same ground lies; the lawn is alike elsewhere too
    found = np.all(copied == there, axis=-1)[2 : (SIZE - SHIFT) // RATE - 2, 2 : (SIZE - SHIFT) // RATE - 2]
    assert found.mean() > 0.8
