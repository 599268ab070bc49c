"""What the values of the bands are, apart from where they lie: a check of radiometry.

Histograms are exact, one bin a pixel value, and of the same size for any number of images. Distances between them are
Wasserstein-1: how far values must move, on average, to make one distribution of the other. They are in physical values
where the images' scaling leads there, else in 8-bit grey levels.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

import numpy as np

from progan_tf.data.scaling import Scaling
from progan_tf.metrics.batches import batches
from progan_tf.metrics.images import Images

_PERCENTILES = (2, 50, 98)
_NDVI_BINS = 200
_NEAR_INFRARED = ("nir", "near infrared", "nir08")
_SENTINEL2_ALONE = {"b8a", "b12"}


@dataclasses.dataclass(frozen=True, eq=False)
class BandStatistics:
    """Of all pixels of a set: `counts` int64 [C, 256 or 65536] by pixel value, which stands for `low` + `step` * value.

    `mean` [C] is in the same unit, physical or 8-bit grey levels (`physical` says which). `correlation` [C, C] is
    between bands, 0 for a band that has one value only. `ndvi` [200] counts vegetation indices from -1 to 1, None where
    no bands are named red and near infrared.
    """

    bands: tuple[str, ...]
    physical: bool
    counts: np.ndarray
    low: np.ndarray
    step: np.ndarray
    mean: np.ndarray
    correlation: np.ndarray
    ndvi: np.ndarray | None

    def quantiles(self, percentiles: Sequence[float]) -> np.ndarray:
        """Values [C, Q] that so many per cent of the pixels are at or below."""
        cumulated = np.cumsum(self.counts, axis=1)
        wanted = np.maximum(np.asarray(percentiles) / 100 * cumulated[0, -1], 1)
        places = np.stack([np.searchsorted(band, np.ceil(wanted)) for band in cumulated])
        return self.low[:, None] + self.step[:, None] * places


@dataclasses.dataclass(frozen=True)
class Bands:
    """`bands` is the mean over bands of the Wasserstein-1 distance, in 8-bit grey levels, so that bands compare.

    `bands/p2`, `bands/p50` and `bands/p98` are mean differences of percentiles, likewise. `bands/wasserstein/<band>` is
    the distance of one band, in physical values where there are such. With two bands or more, `bands/correlation_gap`
    is the mean difference of the correlations between bands, and `bands/spectral_angle` the angle between mean spectra
    in degrees. `bands/ndvi` is the Wasserstein-1 distance of the vegetation index. Generated images have the scaling of
    the real ones.
    """

    name = "bands"
    smallest = 2
    extractor = None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        ours, theirs = statistics(real), statistics(dataclasses.replace(generated, scaling=real.scaling))
        distances, grey_level = wasserstein(ours.counts, theirs.counts), real.top / 255
        yield self.name, float(distances.mean() / grey_level)
        gaps = (ours.quantiles(_PERCENTILES) - theirs.quantiles(_PERCENTILES)) / ours.step[:, None]
        for percentile, gap in zip(_PERCENTILES, np.abs(gaps).mean(axis=0), strict=True):
            yield f"{self.name}/p{percentile}", float(gap / grey_level)
        for band, distance in zip(real.bands, distances * ours.step, strict=True):
            yield f"{self.name}/wasserstein/{band}", float(distance)
        if len(real.bands) > 1:
            yield f"{self.name}/correlation_gap", correlation_gap(ours.correlation, theirs.correlation)
            yield f"{self.name}/spectral_angle", spectral_angle(ours.mean, theirs.mean)
        if ours.ndvi is not None:
            yield f"{self.name}/ndvi", float(wasserstein(ours.ndvi, theirs.ndvi) * 2 / _NDVI_BINS)


def statistics(images: Images) -> BandStatistics:
    """The statistics of a set, read once."""
    top, channels = images.top, images.pixels.shape[-1]
    scaling = images.scaling or Scaling("none", (0.0,) * channels, (255.0,) * channels)
    low, high = np.array(scaling.low), np.array(scaling.high)
    vegetation = red_and_near_infrared(images.bands)
    counts, ndvi = np.zeros((channels, top + 1), np.int64), np.zeros(_NDVI_BINS, np.int64)
    origin = images.pixels[0, 0, 0].astype(np.float64)  # near the mean, and the mean itself where a band is flat
    sums, products = np.zeros(channels), np.zeros((channels, channels))
    for batch in batches(images.pixels):
        values = batch.reshape(-1, channels)
        for band in range(channels):
            counts[band] += np.bincount(values[:, band], minlength=top + 1)
        shifted = values - origin
        sums += shifted.sum(axis=0)
        products += shifted.T @ shifted
        if vegetation:
            ndvi += _ndvi_counts(*(scaling.to_physical(values)[:, band] for band in vegetation))
    pixels = counts[0].sum()
    shift, step = sums / pixels, (high - low) / top
    return BandStatistics(
        bands=images.bands,
        physical=images.scaling is not None,
        counts=counts,
        low=low,
        step=step,
        mean=low + step * (origin + shift),
        correlation=_correlation(products / pixels - np.outer(shift, shift)),
        ndvi=ndvi if vegetation else None,
    )


def wasserstein(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Wasserstein-1 distance [...], in bins, of histograms [..., B] whose sums need not be equal."""
    shares = (np.cumsum(counts, axis=-1) / counts.sum(axis=-1, keepdims=True) for counts in (a, b))
    return np.abs(np.subtract(*shares)).sum(axis=-1)


def correlation_gap(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of the correlations between different bands, of matrices [C, C]; 0 to 2."""
    return float(np.abs(a - b)[np.triu_indices(len(a), 1)].mean())


def spectral_angle(a: np.ndarray, b: np.ndarray) -> float:
    """Angle in degrees between spectra [C] (Kruse et al. 1993); 90 where one of them, and it alone, is all 0."""
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0:
        return 0.0 if max(lengths) == 0 else 90.0
    unit_a, unit_b = a / lengths[0], b / lengths[1]
    # Exact for small angles, which the arc cosine is not.
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(unit_a - unit_b), np.linalg.norm(unit_a + unit_b))))


def red_and_near_infrared(bands: Sequence[str]) -> tuple[int, int] | None:
    """Where the two bands of the vegetation index are, by name; None where names do not tell.

    Numbers tell for Sentinel-2 alone, B4 and B8, and only where a name that no other sensor has (B8A, B12) or two
    digits (B04, B08) say that it is Sentinel-2: Landsat's near infrared is B4 or B5.
    """
    names = [re.sub(r"[\s_-]+", " ", band.strip().casefold()) for band in bands]
    pairs = [("red", name) for name in _NEAR_INFRARED] + [("b04", "b08")]
    if _SENTINEL2_ALONE & set(names):
        pairs.append(("b4", "b8"))
    for red, near_infrared in pairs:
        if red in names and near_infrared in names:
            return names.index(red), names.index(near_infrared)
    return None


def _ndvi_counts(red: np.ndarray, near_infrared: np.ndarray) -> np.ndarray:
    """Counts [200] of (nir - red) / (nir + red), clipped to [-1, 1]; 0 where the sum is not positive."""
    total = near_infrared + red
    index = np.divide(near_infrared - red, total, out=np.zeros_like(total), where=total > 0)
    bins = ((index.clip(-1, 1) + 1) * (_NDVI_BINS / 2)).astype(np.int64)
    return np.bincount(np.minimum(bins, _NDVI_BINS - 1), minlength=_NDVI_BINS)


def _correlation(covariance: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    correlation = np.clip(covariance * np.outer(scale, scale), -1, 1)
    np.fill_diagonal(correlation, 1)
    return correlation
