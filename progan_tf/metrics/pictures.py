"""The pictures of a report: sheets of both sets, closest pairs to judge, generated images beside their nearest real."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from progan_tf import imaging
from progan_tf.metrics import verdicts
from progan_tf.metrics.birthday import Pair
from progan_tf.metrics.figures import shrink
from progan_tf.metrics.images import Images
from progan_tf.metrics.page import escape, figure, image
from progan_tf.metrics.symmetries import SYMMETRIES, inverse, transform
from progan_tf.metrics.verdicts import Verdicts

_SHEET, _COLUMNS, _SHEET_SIDE = 48, 8, 96
_LARGE = 256  # pixels a side, at most, of an image that is looked at closely


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """The real image nearest to an image: its number, their `mse`, and the symmetry that brings the image to it."""

    index: int
    symmetry: int
    mse: float


def tiles(images: Images, which: slice | Sequence[int], side: int) -> np.ndarray:
    """8-bit images [n, h, w, 1 or 3] of some of a set, shrunk by whole factors until `side` pixels are not passed."""
    shown = images.shown(which if isinstance(which, slice) else np.asarray(which, np.int64))
    factor = -(-shown.shape[1] // side)
    return shown if factor == 1 else np.rint(shrink(shown, factor)).astype(np.uint8)


def sheet(images: Images) -> np.ndarray:
    """The first 48 images of a set, or all there are, as one image."""
    found = tiles(images, slice(0, _SHEET), _SHEET_SIDE)
    framed = np.pad(found, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    return imaging.grid(framed, min(_COLUMNS, len(framed)))


def sheets(real: Images, generated: Images) -> str:
    """Both sheets side by side."""
    shown = [
        figure(sheet(images), f"{min(_SHEET, len(images))} {word} images", f"{word}: {images.name}")
        for images, word in ((real, "Real"), (generated, "Generated"))
    ]
    return f'<div class="side-by-side">{"".join(shown)}</div>'


def pairs(images: Images, found: Iterable[Pair], real: Images, neighbours: Mapping[int, Neighbour]) -> str:
    """Cards of pairs, each member above the real image nearest to it, where that is known.

    Those with features have buttons to judge them.

    Args:
        images: what `i` and `j` of the pairs are numbers in.
        real: what the neighbours are numbers in.
    """
    cards = []
    for pair in found:
        members = (pair.i, pair.j)
        shown = [
            image(pixels, f"{images.name}, {key}")
            for pixels, key in zip(tiles(images, members, _LARGE), pair.keys, strict=True)
        ]
        for member, key in zip(members, pair.keys, strict=True):
            if member in neighbours:
                text = f"nearest real, mse {neighbours[member].mse:.4f}"
                shown.append(figure(_turned(real, neighbours[member]), f"Real image nearest to {key}", text))
        known_as = f' data-set="{escape(images.name)}" data-keys="{escape(json.dumps(pair.keys))}"'
        cards.append(
            f'<article class="pair"{"" if pair.featureless else known_as}>\n<div class="two">{"".join(shown)}</div>\n'
            f"<p>{escape(' and '.join(pair.keys))}<br>{escape(measured(pair))}</p>\n"
            f"{'' if pair.featureless else _buttons(pair)}\n</article>"
        )
    return '<div class="pairs">\n' + "\n".join(cards) + "\n</div>"


def nearest_reals(generated: Images, real: Images, neighbours: Mapping[int, Neighbour], count: int) -> str:
    """The first `count` generated images, each beside the real image nearest to it."""
    cards = []
    for number, pixels in enumerate(tiles(generated, slice(0, count), _LARGE)):
        key, near = generated.keys[number], neighbours[number]
        beside = image(_turned(real, near), f"Real image nearest to {key}")
        how = f" {SYMMETRIES[near.symmetry]}" if near.symmetry else ""
        cards.append(
            f'<figure class="pair"><div class="two">{image(pixels, f"Generated image {key}")}{beside}</div>\n'
            f"<figcaption>{escape(key)} and {escape(real.keys[near.index])}<br>mse {near.mse:.4f}{how}</figcaption>\n"
            "</figure>"
        )
    return '<div class="pairs">\n' + "\n".join(cards) + "\n</div>"


def measured(pair: Pair) -> str:
    """A pair's distances in words."""
    parts = [f"mse {pair.mse:.5f}"]
    if pair.symmetry:
        parts.append(f"{pair.turned_mse:.5f} {SYMMETRIES[pair.symmetry]}")
    if pair.ssim is not None:
        parts.append(f"ssim {pair.ssim:.3f}")
    if pair.feature_distance is not None:
        parts.append(f"features {pair.feature_distance:.2f}")
    return ", ".join(parts)


def pair_sheet(images: Images, found: Sequence[Pair]) -> np.ndarray:
    """Pairs as one image, members next to each other, four pairs in a row."""
    members = [member for pair in found for member in (pair.i, pair.j)]
    return imaging.grid(tiles(images, members, _LARGE), columns=min(8, len(members)))


def initial(known: Verdicts) -> str:
    """The verdicts a report is made with, where its script finds them."""
    rows = [{"set": images, "keys": sorted(keys), "verdict": word} for (images, keys), word in known.items()]
    text = json.dumps({"verdicts": rows}).replace("<", "\\u003c")
    return f'<script type="application/json" id="verdicts">{text}</script>'


def _turned(real: Images, near: Neighbour) -> np.ndarray:
    """The real image of a neighbour, as the image lies that it is nearest to."""
    (pixels,) = tiles(real, [near.index], _LARGE)
    return transform(pixels, inverse(near.symmetry))


def _buttons(pair: Pair) -> str:
    buttons = "".join(
        f'<button type="button" value="{word}" aria-pressed="false">{word}</button>' for word in verdicts.WORDS
    )
    return f'<div class="judge" role="group" aria-label="Verdict on {escape(" and ".join(pair.keys))}">{buttons}</div>'
