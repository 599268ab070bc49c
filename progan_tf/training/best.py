"""Which checkpoint of a run is the best by a figure: the one whose figure is nearest to its floor.

The floor is what real images score among themselves, so one rule serves metrics that are to be low, high or in between.
"""

import math
from collections.abc import Iterable
from typing import Any

FOLDER = "best"


def evaluations(lines: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The lines of a metrics log that have a figure of a name, with a number for it."""
    return [line for line in lines if line.get("evaluation", {}).get(name, {}).get("value") is not None]


def best_line(lines: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The line whose figure is nearest to its floor, the first of equals; None where no line has the figure."""

    def distance(line: dict[str, Any]) -> float:
        figure = line["evaluation"][name]
        return math.inf if figure["floor"] is None else abs(figure["value"] - figure["floor"])

    return min(evaluations(lines, name), key=distance, default=None)
