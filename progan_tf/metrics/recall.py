"""Recall: how much of the real images a generator reaches (Kynkäänniemi et al. 2019, equation 2)."""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor
from progan_tf.metrics.precision import K, precision


def recall(real: np.ndarray, generated: np.ndarray, k: int = K) -> float:
    """Share of real features [N, D] within the balls of the generated ones [M, D]: precision, the other way round."""
    return precision(generated, real, k)


@dataclasses.dataclass(frozen=True)
class Recall:
    """Yields `recall`, 0 to 1: 1 where every real image has a generated one like it; a collapsed generator nears 0."""

    extractor: Extractor
    name: ClassVar[str] = "recall"
    smallest: ClassVar[int] = K + 1

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        yield self.name, recall(self.extractor(real), self.extractor(generated))
