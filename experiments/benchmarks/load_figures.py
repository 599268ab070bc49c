"""What the answers of a load add up to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.benchmarks.load_clients import Answer


def growth(megabytes: Sequence[float]) -> float:
    """How much more the last fifth has in the mean than the second fifth, in which all is warm."""
    fifth = max(1, len(megabytes) // 5)
    return float(np.mean(megabytes[-fifth:]) - np.mean(megabytes[fifth : 2 * fifth] or megabytes[:1]))


def errors(answers: Sequence[Answer]) -> int:
    """How many requests were not answered with 200."""
    return sum(answer.status != 200 for answer in answers)


def quantiles(seconds: Sequence[float]) -> Any:
    """The median, and what one in a hundred exceeds."""
    return np.quantile(seconds, [0.5, 0.99]).tolist()


def rate(images: int, seconds: Sequence[float]) -> float:
    """Images a second of calls that made `images` each."""
    return images * len(seconds) / sum(seconds)


def told(answers: Sequence[Answer]) -> str:
    middle, slow = quantiles([answer.seconds for answer in answers])
    return (
        f"{len(answers):,} requests, {errors(answers)} errors, p50 {1000 * middle:,.0f} ms, p99 {1000 * slow:,.0f} ms"
    )
