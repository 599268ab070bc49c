"""Precision: how many generated images lie where real ones are (Kynkäänniemi et al. 2019, equations 1 and 2)."""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor
from progan_tf.metrics.neighbours import squared_distances, squared_radii

K = 3


def precision(real: np.ndarray, generated: np.ndarray, k: int = K) -> float:
    """Share of generated features [M, D] in at least one ball around a real one [N, D].

    A ball reaches to the k-th nearest of the other real features, whose distance is still inside.
    """
    radii = squared_radii(real, k)
    inside = np.zeros(len(generated), bool)
    for rows, distances in squared_distances(real, generated):
        inside |= (distances <= radii[rows, np.newaxis]).any(axis=0)
    return float(inside.mean())


@dataclasses.dataclass(frozen=True)
class Precision:
    """Yields `precision`, 0 to 1: 1 where every generated image resembles some real one."""

    extractor: Extractor
    name: ClassVar[str] = "precision"
    smallest: ClassVar[int] = K + 1

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        yield self.name, precision(self.extractor(real), self.extractor(generated))
