"""Pairs of images for a person to look at, each member beside the real image nearest to it."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes

from progan_tf.metrics.birthday import Pair
from progan_tf.metrics.images import Images
from progan_tf.metrics.pictures import Neighbour, measured
from progan_tf.metrics.symmetries import inverse, transform

_COLUMNS = 2
_GAP = 0.06  # between images, of their side
_LETTERS = 30


def draw(
    images: Images, sections: Mapping[str, Sequence[Pair]], real: Images, neighbours: Mapping[int, Neighbour]
) -> matplotlib.figure.Figure:
    """A sheet of pairs under titles.

    Args:
        images: what `i` and `j` of the pairs are numbers in.
        sections: pairs by the title they stand under; a section without pairs is left out.
        real: what the neighbours are numbers in.
        neighbours: of the members of pairs, as far as they are known.
    """
    sections = {title: pairs for title, pairs in sections.items() if pairs}
    rows = [math.ceil(len(pairs) / _COLUMNS) for pairs in sections.values()]
    figure = matplotlib.figure.Figure(figsize=(12, 0.5 + 0.4 * len(rows) + 1.85 * sum(rows)), layout="constrained")
    parts = figure.subfigures(max(1, len(rows)), 1, height_ratios=rows or None, squeeze=False)[:, 0]
    for part, count, (title, pairs) in zip(parts, rows, sections.items(), strict=False):
        part.suptitle(title, fontsize=11, x=0.01, ha="left")
        axes = part.subplots(count, _COLUMNS, squeeze=False).ravel()
        for axis in axes:
            axis.axis("off")
        for axis, pair in zip(axes, pairs, strict=False):
            _draw_pair(axis, images, pair, real, neighbours)
    return figure


def _draw_pair(axis: Axes, images: Images, pair: Pair, real: Images, neighbours: Mapping[int, Neighbour]) -> None:
    shown, below = list(images.shown(np.array([pair.i, pair.j]))), [_short(key) for key in pair.keys]
    for member in (pair.i, pair.j):
        if member in neighbours:
            nearest = neighbours[member]
            (pixels,) = real.shown(np.array([nearest.index]))
            shown.append(transform(pixels, inverse(nearest.symmetry)))  # as the generated image lies
            below.append(f"nearest real, mse {nearest.mse:.4f}\n{_short(real.keys[nearest.index])}")
    grey = shown[0].shape[-1] == 1
    for place, (pixels, text) in enumerate(zip(shown, below, strict=True)):
        left = place * (1 + _GAP)
        values = pixels[..., 0] if grey else pixels
        axis.imshow(values, extent=(left, left + 1, 0, 1), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.text(left, -0.03, text, fontsize=6, va="top")
    axis.set(xlim=(0, 4 + 6 * _GAP), ylim=(-0.2, 1))
    axis.set_title(measured(pair), fontsize=8, loc="left")


def _short(key: str) -> str:
    """As much of a key's end as stands below an image."""
    return key if len(key) <= _LETTERS else f"...{key[3 - _LETTERS :]}"
