"""Whether generated images are copies of training images: how near they lie, beside how near new real images do.

A real image that was held out of training has some distance to the training image nearest to it. If far more than one
in a hundred generated images are as near as the nearest hundredth of held-out ones, the generator recites.

Differences of pixels are small where there is little contrast, in water, forest or whatever is smooth, and an imperfect
copy of a town is further from its original than two fields are from each other. So a distance here is relative: the
mean squared difference to the nearest image over the image's own variance. 0 is a copy; at 1 a flat field of the same
mean colour would be as near. Featureless images have no such distance and are left out.
"""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError
from progan_tf.metrics.birthday import featureless
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor
from progan_tf.metrics.neighbours import squared_distances
from progan_tf.metrics.symmetries import nearest

PERCENTILE = 1.0


@dataclasses.dataclass(frozen=True)
class Distances:
    """Distances to the nearest training image, of generated [N] and of held-out real images [M]."""

    generated: np.ndarray
    held_out: np.ndarray

    @property
    def limit(self) -> float:
        """The distance that one in a hundred held-out images is within; nan where there is none."""
        return float(np.percentile(self.held_out, PERCENTILE)) if len(self.held_out) else math.nan

    @property
    def share(self) -> float:
        """Share of generated images within the limit: 0.01 where they are as new as held-out ones; nan without any."""
        known = len(self.generated) and len(self.held_out)
        return float(np.mean(self.generated <= self.limit)) if known else math.nan


@dataclasses.dataclass(frozen=True)
class Memorization:
    """Share of generated images that are nearer to a training image than all but 1 % of held-out real images are.

    Pixels are compared under the eight symmetries; with an extractor `memorization/features` is the same share by
    Euclidean distances of features. `/generated_distance` and `/held_out_distance` are the medians of both
    distributions. All are nan where no image has features.

    The real images of `run` are the training images. `held_out` are real images of other places; without them the
    second half of the real images is held out, and half of what might have been copied is looked at.
    """

    held_out: Images | None = None
    extractor: Extractor | None = None
    name = "memorization"
    smallest = 4

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        pixels = self.distances(real, generated)
        yield self.name, pixels.share
        yield f"{self.name}/generated_distance", _median(pixels.generated)
        yield f"{self.name}/held_out_distance", _median(pixels.held_out)
        if self.extractor:
            # Of all real images at once: other metrics ask for the same.
            known, held_out = self.extractor(real), self.extractor(self.held_out or real)
            if self.held_out is None:
                known, held_out = known[: _half(real)], held_out[_half(real) :]
            sides = (self.extractor(generated), held_out)
            yield f"{self.name}/features", Distances(*(nearest_features(side, known) for side in sides)).share

    def distances(self, real: Images, generated: Images) -> Distances:
        """The relative distances of pixels that `run` tells of."""
        training, held_out = self._split(real)
        return Distances(*(relative_distances(images.pixels, training.pixels) for images in (generated, held_out)))

    def _split(self, real: Images) -> tuple[Images, Images]:
        """Training images, and those held out."""
        training, held_out = real, self.held_out
        if held_out is None:
            training, held_out = real[: _half(real)], real[_half(real) :]
        if held_out.pixels.shape[1:] != training.pixels.shape[1:] or held_out.pixels.dtype != training.pixels.dtype:
            raise InputError(
                f"held-out images of {held_out.name} are {held_out.pixels.shape[1:]} {held_out.pixels.dtype}, training "
                f"images {training.pixels.shape[1:]} {training.pixels.dtype}; hold out images of the same data"
            )
        return training, held_out


def relative_distances(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Mean squared differences of images [N, H, W, C] to the nearest training image under the eight symmetries, over
    their own variance (a mean over bands): [n] of the n that are not featureless."""
    featured, scale = ~featureless(images), np.iinfo(images.dtype).max ** 2
    variances = np.array([image.var(axis=(0, 1), dtype=np.float64).mean() / scale for image in images])
    return nearest(images, training).mse[featured] / variances[featured]


def nearest_features(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances [N] of features [N, D] to the nearest of [M, D]."""
    return np.sqrt(np.concatenate([block.min(axis=1) for _, block in squared_distances(a, b)]))


def _half(real: Images) -> int:
    return (len(real) + 1) // 2


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else math.nan
