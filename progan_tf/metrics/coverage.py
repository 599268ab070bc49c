"""Coverage: how many real neighbourhoods hold a generated image (Naeem et al. 2020, equation 5)."""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from progan_tf.metrics.density import K
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor
from progan_tf.metrics.neighbours import squared_distances, squared_radii


def coverage(real: np.ndarray, generated: np.ndarray, k: int = K) -> float:
    """Share of real features [N, D] with a generated one [M, D] nearer than the k-th nearest of the other real ones."""
    radii = squared_radii(real, k)
    held = [(distances < radii[rows, np.newaxis]).any(axis=1) for rows, distances in squared_distances(real, generated)]
    return float(np.concatenate(held).mean())


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Yields `coverage`, 0 to 1: near 1 for real images; unlike recall no single odd image can raise it."""

    extractor: Extractor
    name: ClassVar[str] = "coverage"
    smallest: ClassVar[int] = K + 1

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        yield self.name, coverage(self.extractor(real), self.extractor(generated))
