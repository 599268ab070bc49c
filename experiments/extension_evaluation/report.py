"""Results of extension as a table, as markdown and as JSON."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from experiments.extension_evaluation.goals import PUBLISHED_2019, Goal, diversity_ratio, kept_energy
from experiments.extension_evaluation.measures import Result
from progan_tf.metrics.distance import NEAR
from progan_tf.metrics.evaluation import plain

_COLUMNS = (
    ("seam ratio", "seam"),
    ("p95", "seam"),
    ("colour step", "seam"),
    ("AUC", "classifier"),
    ("L1 <16 px", "errors"),
    ("best", "errors"),
    ("diversity", "diversity"),
    ("energy ring 8", "drift"),
    ("colour drift", "drift"),
    ("FID", "fid"),
    ("KID x 1,000", "kid"),
)
_2019 = "2019 roll-out (published)"
_READING = """\
Every figure stands beside that of real windows, the first row. Pixels are in grey levels of 255, and only those that
were unknown count. Distances are exact, to the nearest known pixel.

- *Seam ratio*: mean step |dI| across a join over that 16, 32 or 48 pixels away, at the same phase of JPEG blocks, on
  one sample a window; mean and 95th percentile over joins. 1: the join cannot be seen. These are joins to real pixels,
  of 2019 upright and level ones apart; those between generated tiles stand under *Drift by ring*.
- *Colour step*: between the means of 8 pixels on either side of a join, and in brackets at such places elsewhere.
- *AUC*: of a small network that looks for the join in windows it has not seen. 0.5: it finds none.
- *L1*: mean over samples; *best*, that of the best sample of each window.
- *Diversity*: mean difference between samples of a window, as a share of that between unrelated real windows.
- *Energy ring 8*: gradient energy (mean step between neighbours) of the eighth tile of a march over that of the first.
- *Colour drift*: of the mean colour from the first tile to the eighth, in the band where most, ± its standard error."""


def table(real: Result, results: Sequence[Result], metrics: Sequence[str]) -> list[list[str]]:
    """Rows of cells, the first being the heads: the control, every method, and the roll-out of 2019."""
    shown = [number for number, (_, metric) in enumerate(_COLUMNS) if metric in metrics]
    rows = [[result.name, *_cells(result, real)] for result in (real, *results)]
    energy = PUBLISHED_2019["gradient_energy"]
    seams = _pair(PUBLISHED_2019["seam_ratio_of_first_join"])
    old = [_2019, seams, *[""] * 6, f"{energy[-1] / energy[0]:.0%}", "", "", ""]
    heads = ["method", *(head for head, _ in _COLUMNS)]
    return [[row[0], *(row[1 + number] for number in shown)] for row in (heads, *rows, old)]


def text(rows: Sequence[Sequence[str]]) -> str:
    """A table for the terminal, columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        aligned = [f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([f"{name:<{widths[0]}}", *aligned]).rstrip())
    return "\n".join(lines)


def goal_lines(goals: Sequence[Goal]) -> list[str]:
    """A line a goal: asked, measured, and whether it is met."""
    words = {True: "met", False: "MISSED", None: "open"}
    return [f"{words[goal.met]:<7} {goal.name}: {goal.measured} (goal: {goal.asked})" for goal in goals]


def markdown(
    settings: Sequence[tuple[str, str]],
    real: Result,
    results: Sequence[Result],
    goals: Sequence[Goal],
    metrics: Sequence[str],
    pictures: Sequence[tuple[str, str]],
) -> str:
    """The report: what was compared, the table, goals, figures by band and by ring, and `pictures`, (file, caption)."""
    parts = ["# Scene extension, measured", _table_of([["", ""], *settings]), "## In one table"]
    parts += [_table_of(table(real, results, metrics)), _READING, "## Goals"]
    parts += ["\n".join(f"- {line}" for line in goal_lines(goals))]
    if "errors" in metrics:
        parts += ["## Errors by distance", "L1 in grey levels / PSNR in dB / SSIM, means over samples."]
        parts.append(_table_of(_by_band(results, "errors", lambda e: f"{e.l1:.2f} / {_or(e.psnr)} / {_or(e.ssim, 3)}")))
        parts += ["The best sample of each window:"]
        parts.append(
            _table_of(
                _by_band(results, "errors", lambda e: f"{e.best_l1:.2f} / {_or(e.best_psnr)} / {_or(e.best_ssim, 3)}")
            )
        )
    if "diversity" in metrics:
        parts += [
            "## Diversity by distance",
            "Mean difference between samples, grey levels; real: unrelated windows.",
        ]
        parts.append(_table_of(_by_band([real, *results], "diversity", "{:.2f}".format)))
    if "drift" in metrics:
        parts += [
            "## Drift by ring",
            "Gradient energy / standard deviation / mean colour, in grey levels; the seam ratio of a ring's join to "
            "what lies before it; KID x 1,000 against real tiles.",
        ]
        parts.append(_table_of(_by_ring([real, *results])))
    parts += [f"![{caption}]({file})\n\n{caption}" for file, caption in pictures]
    return "\n\n".join(parts) + "\n"


def numbers(real: Result, results: Sequence[Result], goals: Sequence[Goal], settings: dict[str, Any]) -> dict[str, Any]:
    """Everything as plain JSON."""
    return plain(
        {
            "settings": settings,
            "real": _as_json(real),
            "methods": {result.name: _as_json(result) for result in results},
            "published_2019": PUBLISHED_2019,
            "goals": [dataclasses.asdict(goal) for goal in goals],
        }
    )


def _cells(result: Result, real: Result) -> list[str]:
    seam, errors = result.seam, result.errors.get(NEAR)
    ratio, kept, moved = diversity_ratio(result, real), kept_energy(result), result.colour_drift
    return [
        f"{seam.mean:.2f}" if seam else "",
        f"{seam.p95:.2f}" if seam else "",
        f"{seam.colour_step:.1f} ({seam.colour_elsewhere:.1f})" if seam else "",
        _or(result.area, 2),
        f"{errors.l1:.2f}" if errors else "",
        f"{errors.best_l1:.2f}" if errors else "",
        f"{ratio:.0%}" if ratio is not None else "",
        f"{kept:.0%}" if kept is not None else "",
        f"{moved.value:.1f} ± {moved.standard_error:.1f}" if moved else "",
        _or(result.fid, 1),
        _or(result.kid and 1000 * result.kid, 2),
    ]


def _by_band(results: Sequence[Result], field: str, said: Any) -> list[list[str]]:
    bands = list(getattr(results[0], field))
    rows = [[result.name, *(said(getattr(result, field)[band]) for band in bands)] for result in results]
    return [["pixels from the known part", *(band.name for band in bands)], *rows]


def _by_ring(results: Sequence[Result]) -> list[list[str]]:
    last = max(len(result.rings) for result in results)
    rows = []
    for result in results:
        cells = [
            f"{ring.gradient_energy:.2f} / {ring.deviation:.1f} / {', '.join(f'{mean:.0f}' for mean in ring.mean)}"
            for ring in result.rings
        ]
        for number, ratio in enumerate(result.ring_seams):
            cells[number] += f"; seam {ratio:.2f}"
        for number, kid in enumerate(result.ring_kid):
            cells[number] += f"; KID {1000 * kid:.2f}"
        rows.append([result.name, *cells, *[""] * (last - len(cells))])
    seams = [PUBLISHED_2019["seam_ratio_of_first_join"], *[PUBLISHED_2019["seam_ratio"]] * last]
    energies = PUBLISHED_2019["gradient_energy"][:last]
    old = [f"{energy:.2f}; seam {_pair(pair)}" for energy, pair in zip(energies, seams, strict=False)]
    rows.append([_2019, *old, *[""] * (last - len(old))])
    return [["ring", *map(str, range(1, last + 1))], *rows]


def _as_json(result: Result) -> dict[str, Any]:
    fields = dataclasses.asdict(dataclasses.replace(result, errors={}, diversity={}))
    fields["errors"] = {band.name: dataclasses.asdict(error) for band, error in result.errors.items()}
    fields["diversity"] = {band.name: value for band, value in result.diversity.items()}
    return fields


def _table_of(rows: Sequence[Sequence[str]]) -> str:
    heads, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([heads, "|---" * len(rows[0]) + "|", *others])


def _pair(ratios: Sequence[float]) -> str:
    """Of upright and level joins."""
    return " / ".join(f"{ratio:.2f}" for ratio in ratios)


def _or(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"
