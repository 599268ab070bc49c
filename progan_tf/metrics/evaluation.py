"""Runs metrics on two sets of images, each figure beside what real images score among themselves at the same size."""

import dataclasses
from collections.abc import Callable, Iterable

from progan_tf.errors import InputError
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Metric


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number and what it takes to read it.

    `value` compares `n` real with `n` generated images, `floor` the same real images with `n` others. `extractor` is
    the name and the first digits of the digest of the network behind it, None where pixels are compared; `bands` are
    those the network saw.
    """

    metric: str
    name: str
    value: float
    floor: float
    n: int
    extractor: str | None
    bands: str | None


def sample_size(real: Images, generated: Images, most: int | None = None) -> int:
    """The number of images a side that a value and its floor can both be computed from."""
    size = min(len(real) // 2, len(generated))
    return size if most is None else min(size, most)


def evaluate(
    metrics: Iterable[Metric],
    real: Images,
    generated: Images,
    n: int,
    started: Callable[[str], None] = lambda name: None,
) -> list[Figure]:
    """The figures of all metrics on `n` images a side; `started` is told each metric's name before it runs.

    Raises:
        InputError: the sets are of different shapes, or too small for a metric.
    """
    if real.pixels.shape[1:] != generated.pixels.shape[1:] or real.pixels.dtype != generated.pixels.dtype:
        raise InputError(
            f"{real.name} has images of {_form(real)}, {generated.name} of {_form(generated)}; compare like with like"
        )
    figures = []
    for metric in metrics:
        started(metric.name)
        if n < metric.smallest:
            raise InputError(
                f"{metric.name} needs {metric.smallest} images a side and as many real ones besides, there are {n}: "
                f"{len(real)} real, {len(generated)} generated; give more, or leave {metric.name} out"
            )
        reference = real[:n]
        values = dict(metric.run(reference, generated[:n]))
        floors = dict(metric.run(reference, real[n : 2 * n]))
        extractor = metric.extractor and f"{metric.extractor.name} {metric.extractor.digest[:8]}"
        bands = real.shown_bands if metric.extractor else None
        figures += [
            Figure(metric.name, name, value, floors[name], n, extractor, bands) for name, value in values.items()
        ]
    return figures


def _form(images: Images) -> str:
    return f"{' x '.join(map(str, images.pixels.shape[1:]))} {images.pixels.dtype}"
