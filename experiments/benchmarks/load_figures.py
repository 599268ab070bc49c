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


def quantiles(answers: Sequence[Answer]) -> Any:
    """Seconds of the median answer and of the slowest in a hundred."""
    return np.quantile([answer.seconds for answer in answers], [0.5, 0.99]).tolist()


def told(answers: Sequence[Answer]) -> str:
    middle, slow = quantiles(answers)
    return (
        f"{len(answers):,} requests, {errors(answers)} errors, p50 {1000 * middle:,.0f} ms, p99 {1000 * slow:,.0f} ms"
    )
