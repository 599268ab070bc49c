"""Fréchet Inception distance (Heusel et al. 2017): between two sets of features, each seen as a normal distribution.

With any factors C1 = A'A and C2 = B'B of the two covariances, the trace of (C1 C2)^(1/2) is the sum of the singular
values of A B'. So no matrix root is taken and no covariance formed; the result is exact at every number of images,
also where covariances are singular.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import scipy.linalg

from progan_tf.metrics import inception_weights
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor

_ROWS = 4096


@dataclasses.dataclass(frozen=True)
class FrechetDistance:
    """A distance, and its standard error over samples of as many images; the bias of so few is not in it."""

    value: float
    standard_error: float


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [N, D] and [M, D], N and M at least 2, in float64.

    Covariances divide by N - 1.
    """
    return measure(first, second).value


def measure(first: np.ndarray, second: np.ndarray) -> FrechetDistance:
    """`frechet_distance` with its standard error by the infinitesimal jackknife (Jaeckel 1972).

    The influence of an image is what the distance gains per weight that is put on it. Its mean square over a set,
    divided by the number of images, is the variance which sampling that set brings.
    """
    (mean1, root1), (mean2, root2) = moments(first), moments(second)
    left, shared, right = scipy.linalg.svd(root1 @ root2.T, full_matrices=False, check_finite=False)
    value = np.square(mean1 - mean2).sum() + np.square(root1).sum() + np.square(root2).sum() - 2 * shared.sum()
    strong = shared > 1e-10 * shared.max(initial=0)  # the others are rounding, and cannot be divided by
    scale = np.sqrt(shared[strong])
    variance = _variance(first, mean1, mean2, root2.T @ right[strong].T / scale)
    variance += _variance(second, mean2, mean1, root1.T @ left[:, strong] / scale)
    return FrechetDistance(float(value), float(np.sqrt(variance)))


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D] and a factor A [min(N, D), D] of the covariance A'A of features [N, D].

    The factor is the centred features themselves; where they are more than D, the triangular one of their QR
    decomposition, made block by block.
    """
    count, size = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    factor = np.empty((0, size))
    for start in range(0, count, _ROWS):
        factor = np.concatenate([factor, (features[start : start + _ROWS] - mean) / np.sqrt(count - 1)])
        if len(factor) > size:
            factor = scipy.linalg.qr(factor, mode="r", overwrite_a=True, check_finite=False)[0][:size]
    return mean, factor


def _variance(features: np.ndarray, mean: np.ndarray, other: np.ndarray, transport: np.ndarray) -> float:
    """Mean square influence of features [N, D] over N. `transport` [D, K] is a factor of d 2 tr (C1 C2)^(1/2) / dC1."""
    count, total, squares = len(features), 0.0, 0.0
    for start in range(0, count, _ROWS):
        centred = features[start : start + _ROWS] - mean
        spread = np.square(centred).sum(axis=1) - np.square(centred @ transport).sum(axis=1)
        influence = 2 * centred @ (mean - other) + spread * count / (count - 1)
        total += influence.sum()
        squares += np.square(influence).sum()
    return max(0.0, squares / count - (total / count) ** 2) / count


@dataclasses.dataclass(frozen=True)
class Fid:
    """Yields `fid`, 0 for equal distributions; through another network than the FID Inception `fd-` and its name.

    It is biased upwards, the more the fewer images: compare figures of as many images only.
    """

    extractor: Extractor
    name: str = dataclasses.field(init=False, default="fid")
    smallest: ClassVar[int] = 2

    def __post_init__(self):
        network = self.extractor.name
        if not network.startswith(inception_weights.NAME):
            object.__setattr__(self, "name", f"fd-{network.removeprefix('FD-')}")

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        distance = measure(self.extractor(real), self.extractor(generated))
        yield self.name, distance.value
        yield f"{self.name}/se", distance.standard_error
