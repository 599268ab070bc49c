"""The birthday paradox test of a generator's support (Arora & Zhang, Do GANs learn the distribution?, ICLR 2018).

Among s people two share a birthday with probability 1/2 if there are about s^2 days. So if a sample of s generated
images holds two of the same picture with probability p, the generator has about N = -s (s - 1) / (2 ln(1 - p)) pictures
that carry much of its mass. The closest pairs of a sample are found by their pixels; whether a pair is one picture a
person says, or a threshold on the distance. Pairs of images without features, water or desert, are alike whatever the
generator does: they are set apart and never count.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from scipy import stats

from progan_tf.errors import InputError
from progan_tf.metrics import ssim, symmetries
from progan_tf.metrics.images import Images

FLAT = 4 / 255  # standard deviation of pixels from 0 to 1 under which an image is featureless

Ranking = Literal["mse", "turned_mse", "feature_distance"]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two images of a set, numbers `i` < `j`, and how far they are apart.

    `mse` is their mean squared difference on a scale from 0 to 1, `turned_mse` the least with the first under one of
    the eight symmetries, `symmetry`. `ssim` is their structural similarity, None where they are smaller than its
    window; `feature_distance` the Euclidean distance of their features, None without an extractor. `featureless`: one
    of them is flat.
    """

    i: int
    j: int
    keys: tuple[str, str]
    mse: float
    turned_mse: float
    symmetry: int
    ssim: float | None
    feature_distance: float | None
    featureless: bool


@dataclasses.dataclass(frozen=True)
class Support:
    """How many pictures a generator has, with an interval: from `duplicated` of `batches` samples of `sample_size`.

    With no duplicate in any sample `estimate` and `high` are infinite and `low` is what is known; with one in every
    sample `estimate` and `low` are 0 and `high` is.
    """

    duplicated: int
    batches: int
    sample_size: int
    estimate: float
    low: float
    high: float


def featureless(pixels: np.ndarray) -> np.ndarray:
    """Which of images [N, H, W, C] are flat: bool [N], the standard deviation, a mean over bands, is under FLAT."""
    deviations = [image.std(axis=(0, 1), dtype=np.float64).mean() for image in pixels]
    return np.array(deviations) < FLAT * np.iinfo(pixels.dtype).max


def closest_pairs(
    images: Images, count: int, *, by: Ranking = "mse", features: np.ndarray | None = None
) -> tuple[Pair, ...]:
    """The `count` closest pairs of a sample and, apart from them, its `count` closest featureless pairs; nearest first.

    Memory grows with the square of the sample, which is meant to be of hundreds.

    Args:
        by: the distance that makes a pair close.
        features: [N, D] of the images, None where there is no extractor.
    """
    distances, symmetry = _distances(images, features)
    first, second = np.triu_indices(len(images), 1)
    order = np.argsort(distances[by][first, second], kind="stable")
    first, second = first[order], second[order]
    flat = featureless(images.pixels)
    flat = flat[first] | flat[second]
    chosen = np.sort(np.concatenate([np.flatnonzero(~flat)[:count], np.flatnonzero(flat)[:count]]))
    first, second, flat = first[chosen], second[chosen], flat[chosen]
    pairs = []
    for i, j, similarity, without in zip(first, second, _similarity(images, first, second), flat, strict=True):
        turned = symmetries.transform(images.pixels[i], symmetry[i, j])
        pairs.append(
            Pair(
                i=int(i),
                j=int(j),
                keys=(images.keys[i], images.keys[j]),
                mse=symmetries.squared_difference(images.pixels[i], images.pixels[j]),
                turned_mse=symmetries.squared_difference(turned, images.pixels[j]),
                symmetry=int(symmetry[i, j]),
                ssim=similarity,
                feature_distance=float(distances["feature_distance"][i, j]) if features is not None else None,
                featureless=bool(without),
            )
        )
    return tuple(pairs)


def samples(images: Images, sample_size: int) -> list[Images]:
    """Samples of `sample_size` that share no image, as many as there are."""
    return [images[start : start + sample_size] for start in range(0, len(images) - sample_size + 1, sample_size)]


def closest_of_samples(
    images: Images, sample_size: int, count: int, *, by: Ranking = "mse", features: np.ndarray | None = None
) -> Iterator[tuple[Pair, ...]]:
    """Yields the closest pairs of each of the `samples`; `i` and `j` are numbers in the whole set.

    Arguments and order as of `closest_pairs`.
    """
    for number, sample in enumerate(samples(images, sample_size)):
        start = number * sample_size
        of_sample = None if features is None else features[start : start + sample_size]
        found = closest_pairs(sample, count, by=by, features=of_sample)
        yield tuple(dataclasses.replace(pair, i=pair.i + start, j=pair.j + start) for pair in found)


def is_duplicate(pair: Pair, said: str | None, threshold: float | None) -> bool:
    """Whether a pair is one picture twice: a person said `same`, or nothing and `mse` is at most the threshold."""
    if pair.featureless:
        return False
    return said == "same" or (said is None and threshold is not None and pair.mse <= threshold)


def duplicate_threshold(closest: Sequence[float]) -> float:
    """The `mse` up to which a pair counts as a duplicate, from that of the closest pair of each of some real samples.

    A tenth of their median, a third of the distance at which different places come to lie. In 256 samples of real and
    drawn tiles (50 or 100 images of 32 to 256 pixels) the closest pair was never under 0.24 of its set's median. What
    is found is copies, up to a difference of about 3 grey levels in EuroSAT, 4 in Dubai, 7 in UC Merced (root mean
    square); a person sees more.

    Raises:
        InputError: no sample has a pair with features.
    """
    finite = [mse for mse in closest if math.isfinite(mse)]
    if not finite:
        raise InputError(
            "birthday finds its threshold from real images with features, and all pairs of real ones are featureless; "
            "give a threshold, or leave birthday out"
        )
    return float(np.median(finite)) / 10


def closest_mse(samples: Iterable[Sequence[Pair]]) -> np.ndarray:
    """The `mse` [samples] of the closest pair with features of each sample; infinite where there is none."""
    return np.array([min((pair.mse for pair in pairs if not pair.featureless), default=math.inf) for pairs in samples])


def support(duplicated: int, batches: int, sample_size: int, confidence: float = 0.95) -> Support:
    """The number of equally likely pictures at which `duplicated` of `batches` samples would hold one twice.

    The interval is that of Clopper and Pearson for the share of samples. N follows from P = 1 - exp(-s (s - 1) / 2N),
    which holds where N is much larger than s.

    Raises:
        InputError: there is no sample, or a sample has no pair.
    """
    if batches < 1 or sample_size < 2:
        raise InputError(f"{batches} samples of {sample_size} images hold no pair; take 2 images and 1 sample or more")
    interval = stats.binomtest(duplicated, batches).proportion_ci(confidence, method="exact")
    estimate, low, high = (_pictures(p, sample_size) for p in (duplicated / batches, interval.high, interval.low))
    return Support(duplicated, batches, sample_size, estimate, low, high)


def _pictures(share: float, sample_size: int) -> float:
    """N at which a `share` of samples holds a duplicate."""
    if share in (0, 1):
        return math.inf if share == 0 else 0.0
    return -sample_size * (sample_size - 1) / (2 * math.log1p(-share))


@dataclasses.dataclass(frozen=True)
class Birthday:
    """Share of samples of generated images that hold a duplicate, by a threshold on the distance of pixels.

    Samples have `sample_size` images, or all there are where that is less, and share none. The threshold is
    `threshold`, or else found from the closest pairs of real samples, see `duplicate_threshold`. Yields besides
    `birthday/support` with its interval `/support_low` to `/support_high`, infinite where no sample holds a duplicate;
    `/closest_mse`, the median over samples of their closest pair with features; `/featureless`, the share of flat
    images.
    """

    sample_size: int = 100
    threshold: float | None = None
    name = "birthday"
    smallest = 2
    extractor = None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        size = min(self.sample_size, len(real), len(generated))
        closest = closest_mse(closest_of_samples(generated, size, 1))
        threshold = self.threshold
        if threshold is None:
            threshold = duplicate_threshold(closest_mse(closest_of_samples(real, size, 1)))
        found = support(int(np.sum(closest <= threshold)), len(closest), size)
        yield self.name, found.duplicated / found.batches
        yield f"{self.name}/support", found.estimate
        yield f"{self.name}/support_low", found.low
        yield f"{self.name}/support_high", found.high
        yield f"{self.name}/closest_mse", float(np.median(closest))
        yield f"{self.name}/featureless", float(featureless(generated.pixels).mean())


def _distances(images: Images, features: np.ndarray | None) -> tuple[dict[Ranking, np.ndarray], np.ndarray]:
    """Distances [N, N] of all pairs by their names, and the symmetry [N, N] under which pixels come nearest."""
    plain = np.empty((len(images), len(images)), np.float32)
    turned, symmetry = np.empty_like(plain), np.empty(plain.shape, np.int8)
    for rows, columns, differences in symmetries.squared_differences(images.pixels, images.pixels):
        plain[rows, columns] = differences[0]
        turned[rows, columns] = differences.min(axis=0)
        symmetry[rows, columns] = differences.argmin(axis=0)
    distances = {"mse": plain, "turned_mse": turned}
    if features is not None:
        distances["feature_distance"] = np.stack([np.linalg.norm(features - row, axis=1) for row in features])
    return distances, symmetry


def _similarity(images: Images, first: np.ndarray, second: np.ndarray) -> list[float | None]:
    if len(first) == 0 or min(images.pixels.shape[1:3]) < ssim.WINDOW:
        return [None] * len(first)
    return ssim.ssim_pairs(images.pixels[first], images.pixels[second], images.top).tolist()
