"""Structural similarity of pairs of images (Wang et al. 2004), and of two sets by random pairs.

The settings are those of `tf.image.ssim`: a Gaussian window of 11 pixels with sigma 1.5, K1 0.01, K2 0.03, the mean
over all places and channels.

Mind the range. SSIM's constants are shares of the range that pixels have, 255 for 8 bits. Where images in [-1, 1] are
measured as if they had a range of 255, the constants outweigh everything the images hold and all scores come close to
1: random pairs of desert tiles then score 0.91 in place of 0.09. `talk2019` makes such images, on purpose.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError
from progan_tf.metrics.batches import batches
from progan_tf.metrics.images import Images

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
TALK2019_RANGE = 255.0
_PAIRS_AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class Ssim:
    """Mean SSIM of real and generated images over random one-to-one pairings.

    `ssim/sd` is the deviation over the pairings, `ssim/se` the standard error of one of them, in which every image
    occurs once; that of their mean is smaller.
    """

    pairings: int = 5
    seed: int = 0
    name = "ssim"
    smallest = 2
    extractor = None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        scores = paired(real.pixels, generated.pixels, pairings=self.pairings, seed=self.seed)
        yield self.name, float(scores.mean())
        yield f"{self.name}/sd", float(scores.mean(axis=1).std(ddof=1))
        yield f"{self.name}/se", float(scores.std(axis=1, ddof=1).mean() / np.sqrt(scores.shape[1]))


def paired(a: np.ndarray, b: np.ndarray, *, pairings: int, seed: int = 0, talk2019_range: bool = False) -> np.ndarray:
    """SSIM float64 [pairings, n] of random one-to-one pairs of images [N, H, W, C] and [M, H, W, C], n = min(N, M).

    Args:
        talk2019_range: measures images in [-1, 1] with a range of 255, as a talk of 2019 did.
    """
    rng, count = np.random.default_rng(seed), min(len(a), len(b))
    scores = np.empty((pairings, count))
    for row in scores:
        order_a, order_b = (rng.permutation(len(pixels))[:count] for pixels in (a, b))
        for start in range(0, count, _PAIRS_AT_ONCE):
            here = slice(start, start + _PAIRS_AT_ONCE)
            pair, data_range = (a[order_a[here]], b[order_b[here]]), np.iinfo(a.dtype).max
            if talk2019_range:
                pair, data_range = tuple(map(talk2019, pair)), TALK2019_RANGE
            row[here] = ssim_pairs(*pair, data_range)
    return scores


def talk2019(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 or uint16 as images in [-1, 1], float32; the talk measured them with a range of 255."""
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max / 2) - 1


def ssim_pairs(a: np.ndarray, b: np.ndarray, data_range: float) -> np.ndarray:
    """SSIM float64 [N] of images [N, H, W, C] with those of the same number; `data_range` is largest less smallest.

    Raises:
        InputError: images are smaller than the window.
    """
    if min(a.shape[1:3]) < WINDOW:
        raise InputError(
            f"ssim looks through a window of {WINDOW} pixels, images are {a.shape[1]} x {a.shape[2]}; leave ssim out, "
            "or evaluate images of 16 pixels or more"
        )
    window = gaussian(WINDOW, SIGMA)
    pairs = zip(batches(a), batches(b), strict=True)
    return np.concatenate([similarity(one, other, window, data_range)[0] for one, other in pairs])


def similarity(a: np.ndarray, b: np.ndarray, window: np.ndarray, data_range: float) -> tuple[np.ndarray, np.ndarray]:
    """SSIM, and its part of contrast and structure alone, float64 [N], of images [N, H, W, C] seen through a `window`.

    With means m, variances v and covariance c inside the window, both are means over all places and channels of
        (2 m_a m_b + C1) / (m_a^2 + m_b^2 + C1) * (2 c + C2) / (v_a + v_b + C2)
    and of its second factor, where C1 = (K1 range)^2 and C2 = (K2 range)^2.
    """
    scores, structure = similarity_maps(a, b, window, data_range)
    places = (1, 2, 3)
    return scores.mean(axis=places, dtype=np.float64), structure.mean(axis=places, dtype=np.float64)


def similarity_maps(
    a: np.ndarray, b: np.ndarray, window: np.ndarray, data_range: float
) -> tuple[np.ndarray, np.ndarray]:
    """What `similarity` takes means of, float32 [N, H - S + 1, W - S + 1, C]: every place where the window [S] fits."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mean_a, mean_b = _seen(a, window), _seen(b, window)
    product, squares = 2 * mean_a * mean_b, mean_a**2 + mean_b**2
    structure = (_seen(2 * a * b, window) - product + c2) / (_seen(a**2 + b**2, window) - squares + c2)
    return (product + c1) / (squares + c1) * structure, structure


def gaussian(size: int, sigma: float) -> np.ndarray:
    """Weights float32 [size] of a Gaussian around the middle, sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-((offsets / sigma) ** 2) / 2)
    return (weights / weights.sum()).astype(np.float32)


def _seen(images: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Weighted means of images [N, H, W, C] at all places where the square of the window lies inside."""
    for _ in range(2):
        places = images.shape[1] - len(window) + 1
        rows = sum(weight * images[:, start : start + places] for start, weight in enumerate(window))
        images = rows.swapaxes(1, 2)
    return images
