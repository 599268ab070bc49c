"""Whether a join shows: how much more pixels differ across it than at places where nothing is joined.

The seam ratio of a join is the mean step |dI| across it over that at places of the same phase (see `joins`); 1 where
the join cannot be seen, above 1 where it is a line, below 1 where it is blurred. Real imagery scores 1 on the whole,
and its ratios spread around it, the more the shorter joins are: every figure belongs beside that of real windows.

A colour step is the difference of the mean colours of the 8 pixels on either side.
"""

import dataclasses

import numpy as np

from progan_tf.errors import InputError
from progan_tf.metrics.grey import grey_levels
from progan_tf.metrics.joins import joins, like_places

_BESIDE = 8  # pixels on either side of a join whose mean colours are compared
_UNSEEN = 0.5  # grey levels; steps below it, as in images without features, count as this


@dataclasses.dataclass(frozen=True, eq=False)
class Seams:
    """Of every join of a set of images, float64 [J], in grey levels of 255: mean step `across` it and at places like it
    (`elsewhere`); `colour_step` and the same at places like it (`colour_elsewhere`). `image` [J] tells whose join it
    is, `length` [J] its pixels.
    """

    image: np.ndarray
    length: np.ndarray
    across: np.ndarray
    elsewhere: np.ndarray
    colour_step: np.ndarray
    colour_elsewhere: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """Seam ratios [J]."""
        return _ratio(self.across, self.elsewhere)

    @property
    def pooled_ratio(self) -> float:
        """Mean step across all joins over that elsewhere: a mean of ratios lies above it, for quiet places divide."""
        return float(_ratio(*(np.average(step, weights=self.length) for step in (self.across, self.elsewhere))))

    @property
    def log_ratio(self) -> np.ndarray:
        """|log seam ratio| of every image that has a join, all its joins taken together."""
        weights = np.bincount(self.image, self.length)
        steps = (np.bincount(self.image, self.length * step) for step in (self.across, self.elsewhere))
        across, elsewhere = (step[weights > 0] / weights[weights > 0] for step in steps)
        return np.abs(np.log(_ratio(across, elsewhere)))


def measure(images: np.ndarray, known: np.ndarray) -> Seams:
    """The joins of images [N, H, W, C], uint8 or uint16, along masks [N, H, W], true where a pixel was known.

    Raises:
        InputError: no join has a place like it within the image.
    """
    rows = []
    for number, (image, mask) in enumerate(zip(images, known, strict=True)):
        levels = grey_levels(image)
        for join in joins(mask):
            places = like_places(join, mask, margin=_BESIDE)
            if places:
                lines = join.lines(levels)
                steps, colours = _steps(lines, [join.place, *places]), _colour_steps(lines, [join.place, *places])
                rows.append((number, join.length, steps[0], steps[1:].mean(), colours[0], colours[1:].mean()))
    if not rows:
        height, width = images.shape[1:3]
        raise InputError(
            f"no join of {len(images)} windows of {height} x {width} pixels has a place like it 16 pixels away; "
            "measure larger windows, or masks with straight borders"
        )
    image, length, *values = map(np.array, zip(*rows, strict=True))
    return Seams(image, length, *values)


def _steps(lines: np.ndarray, places: list[int]) -> np.ndarray:
    """Mean absolute difference across each of some places of lines [L, W, C]."""
    return np.array([np.abs(lines[:, place] - lines[:, place - 1]).mean(dtype=np.float64) for place in places])


def _colour_steps(lines: np.ndarray, places: list[int]) -> np.ndarray:
    """Mean over bands of the absolute difference of the mean colours on either side of each of some places."""
    sides = [(lines[:, place - _BESIDE : place], lines[:, place : place + _BESIDE]) for place in places]
    means = np.array([[side.mean(axis=(0, 1), dtype=np.float64) for side in pair] for pair in sides])
    return np.abs(means[:, 0] - means[:, 1]).mean(axis=-1)


def _ratio(across: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    return np.maximum(across, _UNSEEN) / np.maximum(elsewhere, _UNSEEN)
