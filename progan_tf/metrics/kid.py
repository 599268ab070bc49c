"""Kernel Inception distance: the unbiased squared MMD under a cubic kernel (Bińkowski et al. 2018, section 4).

Its expectation does not depend on the number of images, as FID's does; values may fall below zero.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor

SUBSETS, SUBSET_SIZE = 100, 1000


@dataclasses.dataclass(frozen=True)
class KernelDistance:
    """An estimate of the squared MMD, and its standard error over samples of as many images.

    Where the sets are alike the error comes out too large: by 15 % at 60 images, 40 % at 4.
    """

    value: float
    standard_error: float


def kernel_distance(
    real: np.ndarray,
    generated: np.ndarray,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 2020,
) -> KernelDistance:
    """Squared MMD between features [N, D] and [M, D], N and M at least 4, with the kernel (x . y / D + 1)^3.

    Sets of at most `subset_size` are compared whole, once. Of larger ones `subsets` parts of that size are, and the
    mean is taken, so that memory stays small; the parts are those that torch-fidelity draws with the same seed.
    """
    sizes = len(real), len(generated)
    if max(sizes) <= subset_size:
        return _result([_compare(real, generated)], sizes)
    random = np.random.RandomState(seed)
    parts = []
    for _ in range(subsets):
        rows, columns = (random.choice(size, min(size, subset_size), replace=False) for size in sizes)
        parts.append(_compare(real[rows], generated[columns]))
    return _result(parts, sizes)


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """An estimate, and the variances that Hoeffding's decomposition of it has (Serfling 1980, section 5.2).

    `real` and `generated` are of what one image contributes, the others of what a pair does beyond its two images.
    """

    value: float
    real: float
    generated: float
    real_pairs: float
    generated_pairs: float
    mixed_pairs: float


def _compare(real: np.ndarray, generated: np.ndarray) -> _Comparison:
    reals, generateds, mixed = _kernel(real, real), _kernel(generated, generated), _kernel(real, generated)
    value = _off_diagonal_mean(reals) + _off_diagonal_mean(generateds) - 2 * mixed.mean()
    real_pairs, generated_pairs = _pair_variance(reals), _pair_variance(generateds)
    rest = mixed - mixed.mean(axis=0) - mixed.mean(axis=1, keepdims=True) + mixed.mean()
    mixed_pairs = np.square(rest).sum() / ((len(real) - 1) * (len(generated) - 1))
    return _Comparison(
        value,
        _single_variance(reals, mixed, real_pairs, mixed_pairs),
        _single_variance(generateds, mixed.T, generated_pairs, mixed_pairs),
        *(real_pairs, generated_pairs, mixed_pairs),
    )


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first.astype(np.float64) @ second.astype(np.float64).T / first.shape[1] + 1) ** 3


def _off_diagonal_mean(kernel: np.ndarray) -> float:
    return (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1))


def _pair_variance(kernel: np.ndarray) -> float:
    """Unbiased mean square of what is left off the diagonal without row and column effects (Székely & Rizzo 2014)."""
    n = len(kernel)
    rows = (kernel.sum(axis=1) - np.diag(kernel)) / (n - 2)
    rest = kernel - rows - rows[:, np.newaxis] + rows.sum() / (n - 1)
    np.fill_diagonal(rest, 0)
    return max(0.0, np.square(rest).sum() / (n * (n - 3)))


def _single_variance(kernel: np.ndarray, mixed: np.ndarray, pairs: float, mixed_pairs: float) -> float:
    """Unbiased variance of an image's mean kernel with its own set less that with the other."""
    n, m = mixed.shape
    within = (kernel.sum(axis=1) - np.diag(kernel)) / (n - 2)
    return (within - mixed.mean(axis=1)).var(ddof=1) - pairs / (n - 2) - mixed_pairs / m


def _result(parts: list[_Comparison], sizes: tuple[int, int]) -> KernelDistance:
    """The mean over parts; its error that of the whole sets, and of having drawn so few parts of them."""
    n, m = sizes
    values, *variances = np.array([dataclasses.astuple(part) for part in parts]).T
    real, generated, real_pairs, generated_pairs, mixed_pairs = (variance.mean() for variance in variances)
    singles = max(0.0, 4 * real / n + 4 * generated / m)
    pairs = 2 * real_pairs / (n * (n - 1)) + 2 * generated_pairs / (m * (m - 1)) + 4 * mixed_pairs / (n * m)
    drawing = values.var(ddof=1) / len(values) if len(values) > 1 else 0.0
    return KernelDistance(float(values.mean()), float(np.sqrt(singles + pairs + drawing)))


@dataclasses.dataclass(frozen=True)
class Kid:
    """Yields `kid`, 0 for a perfect generator, in units of the squared MMD (tables elsewhere show it times 1000)."""

    extractor: Extractor
    name: ClassVar[str] = "kid"
    smallest: ClassVar[int] = 4

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        distance = kernel_distance(self.extractor(real), self.extractor(generated))
        yield self.name, distance.value
        yield f"{self.name}/se", distance.standard_error
