"""A table of six rows as a figure."""

import dataclasses
from collections.abc import Sequence

import matplotlib.figure

from experiments.openlab_2019.six_rows import ROWS, Row


@dataclasses.dataclass(frozen=True)
class Panel:
    """The rows on one scale, and the talk's values where they are on the same, else None."""

    title: str
    rows: tuple[Row, ...]
    talk: tuple[float, ...] | None


def draw(panels: Sequence[Panel]) -> matplotlib.figure.Figure:
    """Means with their standard deviations, a panel a scale; the floor is a dotted line."""
    figure = matplotlib.figure.Figure(figsize=(3 + 4 * len(panels), 3.6), layout="constrained")
    places = range(len(ROWS))
    for axis, panel in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True):
        axis.errorbar(
            [row.mean for row in panel.rows],
            places,
            xerr=[row.deviation for row in panel.rows],
            fmt="o",
            capsize=4,
            label=f"mean and deviation of {len(panel.rows[0].values)}",
        )
        axis.axvline(panel.rows[0].mean, color="grey", linestyle=":", linewidth=1)
        if panel.talk:
            axis.plot(panel.talk, places, "D", color="tab:orange", fillstyle="none", label="the talk of 2019")
        axis.set_yticks(places, ROWS)
        axis.set_xlabel(panel.title)
        axis.grid(axis="x", alpha=0.3)
        axis.legend(fontsize=8)
    axis.invert_yaxis()
    return figure
