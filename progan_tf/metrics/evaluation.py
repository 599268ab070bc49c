"""Runs metrics on two sets of images, each figure beside what real images score among themselves at the same size."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from progan_tf.errors import InputError
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Metric


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number and what it takes to read it.

    `value` compares `n` real with `n` generated images, `floor` the same real images with `n` others; `se` and
    `floor_se` are their standard errors, None where the metric has none. `extractor` is the name and the first digits
    of the digest of the network that the metric has, None where it looks at pixels alone; `bands` are those the network
    saw.
    """

    metric: str
    name: str
    value: float
    se: float | None
    floor: float
    floor_se: float | None
    n: int
    extractor: str | None
    bands: str | None

    @property
    def excess(self) -> float:
        """How far generated images are from scoring as real ones do, in either direction."""
        return abs(self.value - self.floor)


def sample_size(real: int, generated: int, most: int | None = None) -> int:
    """The number of images a side that a value and its floor can both be computed from, given how many there are."""
    size = min(real // 2, generated)
    return size if most is None else min(size, most)


def check(metrics: Iterable[Metric], n: int) -> None:
    """Raises InputError where `n` images a side are too few for one of the metrics."""
    for metric in metrics:
        if n < metric.smallest:
            raise InputError(
                f"{metric.name} needs {metric.smallest} images a side and as many real ones besides, and {n} a side is "
                f"all there are; give more, or leave {metric.name} out"
            )


def floors(metrics: Iterable[Metric], real: Images, n: int) -> dict[str, float]:
    """What `n` real images score against `n` others, by the names that metrics yield."""
    reference, others = real[:n], real[n : 2 * n]
    return {name: value for metric in metrics for name, value in metric.run(reference, others)}


def evaluate(
    metrics: Iterable[Metric],
    real: Images,
    generated: Images,
    n: int,
    *,
    known_floors: Mapping[str, float] | None = None,
    started: Callable[[str], None] = lambda name: None,
    refused: Callable[[str, InputError], None] | None = None,
) -> list[Figure]:
    """The figures of all metrics on `n` images a side.

    Args:
        known_floors: `floors` of the same metrics, images and n, where somebody has them already.
        started: told each metric's name before it runs.
        refused: told of a metric that cannot be computed from these images, and why; it is left out then. Without it
            the error is raised.

    Raises:
        InputError: the sets are of different shapes, or too small for a metric, or it has another reason.
    """
    if real.pixels.shape[1:] != generated.pixels.shape[1:] or real.pixels.dtype != generated.pixels.dtype:
        raise InputError(
            f"{real.name} has images of {_form(real)}, {generated.name} of {_form(generated)}; compare like with like"
        )
    reference, others, sample = real[:n], real[n : 2 * n], generated[:n]
    figures = []
    for metric in metrics:
        try:
            check([metric], n)
            started(metric.name)
            values = dict(metric.run(reference, sample))
            floor = dict(metric.run(reference, others)) if known_floors is None else known_floors
        except InputError as error:
            if refused is None:
                raise
            refused(metric.name, error)
            continue
        figures += _figures(metric, values, floor, n, reference.shown_bands)
    return figures


def _figures(
    metric: Metric, values: Mapping[str, float], floor: Mapping[str, float], n: int, bands: str
) -> Iterable[Figure]:
    extractor = metric.extractor and f"{metric.extractor.name} {metric.extractor.digest[:8]}"
    return [
        Figure(
            metric=metric.name,
            name=name,
            value=float(value),
            se=values.get(f"{name}/se"),
            floor=float(floor[name]),
            floor_se=floor.get(f"{name}/se"),
            n=n,
            extractor=extractor,
            bands=bands if metric.extractor else None,
        )
        for name, value in values.items()
        if not name.endswith("/se")
    ]


def by_name(figures: Iterable[Figure]) -> dict[str, dict[str, Any]]:
    """Figures as plain JSON, by their names."""
    found = {figure.name: dataclasses.asdict(figure) for figure in figures}
    return plain({name: {key: fields[key] for key in fields if key != "name"} for name, fields in found.items()})


def plain(value: Any) -> Any:
    """The same with None for what is not a finite number, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _form(images: Images) -> str:
    return f"{' x '.join(map(str, images.pixels.shape[1:]))} {images.pixels.dtype}"
