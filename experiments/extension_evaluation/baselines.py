"""What extension is compared with: ways to fill a window that need no training, for any mask.

Each is an `Extend`: (images [N, W, W, C], known [N, W, W], seeds [N]) -> images, known pixels as they were.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from experiments.extension_evaluation.quilting import quilt
from progan_tf.extension.extender import Extend


def replicate(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Every unknown pixel is the known one nearest to it; mid-grey where nothing is known."""
    return np.stack([_replicated(*pair) for pair in zip(images, known.astype(bool), strict=True)])


def mirror(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Every unknown pixel is the known one as far beyond the nearest known pixel as it lies before it.

    Where the picture in the mirror ends, or is not known either, the nearest known pixel serves.
    """
    filled = replicate(images, known, seeds)
    for image, mask, result in zip(images, known.astype(bool), filled, strict=True):
        if mask.any():
            nearest, here = _nearest(mask), np.indices(mask.shape)
            rows, columns = np.clip(2 * nearest - here, 0, len(mask) - 1)
            reflected = ~mask & mask[rows, columns]
            result[reflected] = image[rows, columns][reflected]
    return filled


@dataclasses.dataclass(frozen=True, eq=False)
class Paste:
    """Fills windows with `others` [M, W, W, C], which the seeds choose: real ones of other places, or images of an
    unconditional generator. Nothing is done about the join."""

    others: np.ndarray

    def __call__(self, images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        chosen = [np.random.default_rng(int(seed)).integers(len(self.others)) for seed in seeds]
        return np.where(known.astype(bool)[..., np.newaxis], images, self.others[chosen])


def quilting(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Patches of the known part put together along minimum-error cuts (Efros & Freeman 2001); see `quilting`."""
    filled = replicate(images, known, seeds)  # where not a single patch is known
    pairs = zip(images, known.astype(bool), filled, seeds, strict=True)
    return np.stack([quilt(*pair[:3], np.random.default_rng(int(pair[3]))) for pair in pairs])


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to extend windows, by name. Those that are not `random` give one image of a window, whatever the seed."""

    name: str
    extend: Extend
    random: bool


def baselines(others: np.ndarray, unconditional: np.ndarray | None = None) -> list[Method]:
    """The simple ones: `others` are real windows of other places, `unconditional` images of a generator."""
    found = [
        Method("edge replicate", replicate, random=False),
        Method("mirror", mirror, random=False),
        Method("real tile pasted", Paste(others), random=True),
        Method("quilting", quilting, random=True),
    ]
    if unconditional is not None:
        found.append(Method("unconditional tile pasted", Paste(unconditional), random=True))
    return found


def _replicated(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if not mask.any():
        return np.full_like(image, np.iinfo(image.dtype).max // 2)
    rows, columns = _nearest(mask)
    return image[rows, columns]


def _nearest(mask: np.ndarray) -> np.ndarray:
    """Row and column [2, H, W] of the known pixel nearest to each pixel of a mask that has one."""
    return ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
