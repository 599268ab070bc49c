"""Errors and variety of what was made up, by the distance from what was known.

Near the known pixels there is a right answer, far from them there are many. So errors count most within 16 pixels, and
of variants of one window it is asked that they differ, the more the farther out. Everything is in grey levels of 255
and looks at unknown pixels only.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from progan_tf.metrics.grey import grey_levels
from progan_tf.metrics.ssim import SIGMA, WINDOW, gaussian, similarity_maps

_EDGES = (0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_IMAGES = 64  # looked at at once


@dataclasses.dataclass(frozen=True)
class Band:
    """Unknown pixels at a distance over `low` and up to `high` pixels from the nearest known one, which a neighbour
    has at 1."""

    low: float
    high: float

    @property
    def name(self) -> str:
        return "all" if self == ALL else f"{self.low:g}-{self.high:g}"

    def holds(self, distances: np.ndarray) -> np.ndarray:
        """Which of `distances` lie in the band; those of known pixels, 0, are in none."""
        return (distances > self.low) & (distances <= self.high)


NEAR, ALL = Band(0, 16), Band(0, math.inf)


@dataclasses.dataclass(frozen=True)
class Error:
    """How far made-up pixels are from the truth: `l1` in grey levels, `psnr` in decibels (of the mean squared error;
    None where that is 0), `ssim` of windows centred on such pixels (None where none fits into the image).

    Plain figures are means over samples; those of the `best` take, window by window, the sample that scores best.
    """

    l1: float
    psnr: float | None
    ssim: float | None
    best_l1: float
    best_psnr: float | None
    best_ssim: float | None


def distances(known: np.ndarray) -> np.ndarray:
    """Exact Euclidean distances float64 [N, H, W] to the nearest known pixel of masks [N, H, W]; infinite where nothing
    is known."""
    unknown = ~np.asarray(known, bool)
    return np.stack(
        [np.full(mask.shape, np.inf) if mask.all() else ndimage.distance_transform_edt(mask) for mask in unknown]
    )


def bands(found: np.ndarray) -> tuple[Band, ...]:
    """The bands that `distances` reach, 0-2, 2-4, 4-8 and so on, then 0-16 and all."""
    farthest = found[np.isfinite(found)].max(initial=0)
    return *(Band(*pair) for pair in itertools.pairwise(_EDGES) if pair[0] < farthest), NEAR, ALL


def errors(truth: np.ndarray, samples: np.ndarray, known: np.ndarray) -> dict[Band, Error]:
    """Errors by band of `samples` [K, N, H, W, C] of windows whose `truth` is [N, H, W, C], under masks [N, H, W]."""
    found = distances(known)
    wanted = bands(found)
    absolute, squared, similar = (np.full((len(wanted), *samples.shape[:2]), np.nan) for _ in range(3))
    for here in _slices(len(truth)):
        real = grey_levels(truth[here])
        for k, images in enumerate(samples[:, here]):
            made = grey_levels(images)
            difference = np.abs(made - real)
            for row, band in enumerate(wanted):
                inside = band.holds(found[here])
                absolute[row, k, here] = _means(difference.mean(axis=-1), inside)
                squared[row, k, here] = _means(np.square(difference).mean(axis=-1), inside)
                similar[row, k, here] = _means(*_similarity(real, made, inside))
    return {
        band: Error(
            l1=_mean(absolute[row]),
            psnr=_psnr(_mean(squared[row])),
            ssim=_or_none(_mean(similar[row])),
            best_l1=_mean(absolute[row].min(axis=0)),
            best_psnr=_psnr(_mean(squared[row].min(axis=0))),
            best_ssim=_or_none(_mean(similar[row].max(axis=0))),
        )
        for row, band in enumerate(wanted)
    }


def diversity(samples: np.ndarray, known: np.ndarray) -> dict[Band, float]:
    """Mean absolute difference, by band, of any two of the K samples [K, N, H, W, C] of a window; 0 of a single one."""
    found, count = distances(known), len(samples)
    # In order of size, the k-th of K values is added in k differences and taken off in the K - 1 - k others.
    weights = (2 * np.arange(count) - count + 1) / max(1, count * (count - 1) / 2)
    wanted = bands(found)
    values = np.full((len(wanted), samples.shape[1]), np.nan)
    for here in _slices(samples.shape[1]):
        ordered = np.sort(grey_levels(samples[:, here]), axis=0)
        differences = np.tensordot(weights, ordered, axes=(0, 0)).mean(axis=-1)
        for row, band in enumerate(wanted):
            values[row, here] = _means(differences, band.holds(found[here]))
    return {band: _mean(row) for band, row in zip(wanted, values, strict=True)}


def _similarity(real: np.ndarray, made: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM at every place where its window fits, and which of these places are `inside`."""
    margin = WINDOW // 2
    scores, _ = similarity_maps(real, made, gaussian(WINDOW, SIGMA), 255.0)
    return scores.mean(axis=-1), inside[:, margin:-margin, margin:-margin]


def _means(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The mean [N] of values [N, H, W] where `inside`, not a number where that is nowhere."""
    counts = inside.sum(axis=(1, 2))
    totals = np.where(inside, values, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(totals, counts, out=np.full(len(values), np.nan), where=counts > 0)


def _mean(values: np.ndarray) -> float:
    """The mean of the windows that have pixels in a band; not a number where none has."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else math.nan


def _psnr(squared: float) -> float | None:
    return 10 * math.log10(255**2 / squared) if squared > 0 else None


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _IMAGES, count)) for start in range(0, count, _IMAGES))
