"""Density: in how many real neighbourhoods a generated image lies (Naeem et al. 2020, equation 4)."""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor
from progan_tf.metrics.neighbours import squared_distances, squared_radii

K = 5


def density(real: np.ndarray, generated: np.ndarray, k: int = K) -> float:
    """Mean number of balls around real features [N, D] that a generated one [M, D] lies in, divided by k.

    A ball reaches to the k-th nearest of the other real features, whose distance is outside: precision counts it in.
    """
    radii = squared_radii(real, k)
    inside = 0
    for rows, distances in squared_distances(real, generated):
        inside += np.count_nonzero(distances < radii[rows, np.newaxis])
    return inside / (k * len(generated))


@dataclasses.dataclass(frozen=True)
class Density:
    """Yields `density`: about 1 for real images, above where generated ones keep to the densest places."""

    extractor: Extractor
    name: ClassVar[str] = "density"
    smallest: ClassVar[int] = K + 1

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        yield self.name, density(self.extractor(real), self.extractor(generated))
