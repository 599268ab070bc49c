"""Multi-scale structural similarity (Wang et al. 2003) of pairs of generated images, as published with ProGAN.

High among generated images means that they resemble each other (Odena et al. 2017): compare it with the same figure
among real ones. Five scales, each half the one before by means of 2 x 2; contrast and structure count at all of them,
luminance at the coarsest alone. Where an image is smaller than the window of 11 pixels, the window is as large as the
image and its sigma smaller by as much, so that images from 16 pixels on can be measured.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progan_tf.metrics.batches import batches, require_side
from progan_tf.metrics.images import Images
from progan_tf.metrics.ssim import SIGMA, WINDOW, gaussian, similarity

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_PAIRS_AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class MsSsim:
    """Mean MS-SSIM of random pairs of generated images, every image in one pair; `ms_ssim/real` among real ones."""

    seed: int = 0
    name = "ms_ssim"
    smallest = 4  # two pairs, or there is no standard error
    extractor = None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        scores = among(generated.pixels, self.seed)
        yield self.name, float(scores.mean())
        yield f"{self.name}/se", float(scores.std(ddof=1) / np.sqrt(len(scores)))
        yield f"{self.name}/real", float(among(real.pixels, self.seed).mean())


def among(pixels: np.ndarray, seed: int = 0) -> np.ndarray:
    """MS-SSIM float64 [N // 2] of random pairs of images [N, S, S, C] uint8 or uint16."""
    pairs = np.random.default_rng(seed).permutation(len(pixels))[: len(pixels) // 2 * 2].reshape(-1, 2)
    chosen = (pairs[start : start + _PAIRS_AT_ONCE] for start in range(0, len(pairs), _PAIRS_AT_ONCE))
    top = np.iinfo(pixels.dtype).max
    return np.concatenate([ms_ssim_pairs(pixels[rows[:, 0]], pixels[rows[:, 1]], top) for rows in chosen])


def ms_ssim_pairs(a: np.ndarray, b: np.ndarray, data_range: float) -> np.ndarray:
    """MS-SSIM float64 [N] of images [N, S, S, C] with those of the same number; `data_range` is largest less smallest.

    Raises:
        InputError: images are no squares of a power of two, or smaller than 16 pixels.
    """
    require_side(a, 2 ** (len(WEIGHTS) - 1), MsSsim.name, f"they are halved {len(WEIGHTS) - 1} times")
    pairs = zip(batches(a), batches(b), strict=True)
    return np.concatenate([_scales(one, other, data_range) for one, other in pairs])


def _scales(a: np.ndarray, b: np.ndarray, data_range: float) -> np.ndarray:
    a, b = a.astype(np.float32), b.astype(np.float32)
    product = np.ones(len(a))
    for scale, weight in enumerate(WEIGHTS):
        if scale > 0:
            a, b = _halved(a), _halved(b)
        size = min(WINDOW, a.shape[1])
        score, structure = similarity(a, b, gaussian(size, SIGMA * size / WINDOW), data_range)
        product *= np.maximum(score if scale == len(WEIGHTS) - 1 else structure, 0) ** weight
    return product


def _halved(images: np.ndarray) -> np.ndarray:
    rows = images[:, 0::2] + images[:, 1::2]
    return (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
