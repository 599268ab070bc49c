"""Compares runs by what metrics said of them while they trained: a plot over images seen, and a table.

  python -m experiments.compare runs/a runs/b --metric=fid --output=comparison.png

Runs must have been trained with --eval_every_kimg. The best checkpoint of a run is the one whose figure is nearest to
its floor, which is what real images score among themselves; training keeps it where evaluation.best names the figure.
"""

from pathlib import Path
from typing import Any

from absl import flags

from data_prep import command_line
from progan_tf.atomic import replacing
from progan_tf.errors import InputError
from progan_tf.training import best, run_directory

_METRIC = flags.DEFINE_string("metric", "", "Figure to compare by, such as fid or swd/64; empty: the first in common.")
_OUTPUT = flags.DEFINE_string("output", "comparison.png", "PNG to draw.")

_HEAD = ("run", "at kimg", "value", "floor", "n", "last", "at kimg", "extractor", "checkpoint")


def main(run_dirs: list[str]) -> None:
    runs = {name: _evaluations(Path(name)) for name in run_dirs}
    metric = _METRIC.value or _first_in_common(runs)
    curves = {name: best.evaluations(lines, metric) for name, lines in runs.items()}
    for name, lines in curves.items():
        if not lines:
            raise InputError(
                f"--metric={metric}: run {name} has no such figure; it has {', '.join(_figures(runs[name]))}"
            )
    print(table(metric, curves))
    if len({_basis(lines[-1]["evaluation"][metric]) for lines in curves.values()}) > 1:
        print(f"warning  the runs differ in n, extractor or floor: their {metric} cannot be compared with each other")
    path = draw(metric, curves, Path(_OUTPUT.value))
    print(f"plot     {path}")


def table(metric: str, curves: dict[str, list[dict[str, Any]]]) -> str:
    """Best and last figure of every run, as lines of columns; the runs in the order given."""
    rows = [_HEAD]
    for name, lines in curves.items():
        top, last = best.best_line(lines, metric), lines[-1]
        figure = top["evaluation"][metric]
        kept = Path(name) / best.FOLDER / f"{top['images']:012d}"
        rows.append((
            name, f"{top['kimg']:,.1f}", _number(figure["value"]), _number(figure["floor"]), f"{figure['n']:,}",
            _number(last["evaluation"][metric]["value"]), f"{last['kimg']:,.1f}", figure["extractor"] or "none",
            str(kept) if kept.exists() else "not kept",
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"best by {metric}, the one nearest to its floor", *lines])


def draw(metric: str, curves: dict[str, list[dict[str, Any]]], path: Path) -> Path:
    """Draws a metric over images seen, a colour a run, best ticks marked, floors dashed."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    for number, (name, lines) in enumerate(curves.items()):
        colour = f"C{number % 10}"
        kimg, figures = [line["kimg"] for line in lines], [line["evaluation"][metric] for line in lines]
        axis.plot(kimg, [figure["value"] for figure in figures], marker=".", color=colour, label=name)
        floors = [figure["floor"] for figure in figures]
        if None not in floors:
            axis.plot(kimg, floors, linestyle="--", linewidth=0.8, color=colour)
        top = best.best_line(lines, metric)
        axis.plot(top["kimg"], top["evaluation"][metric]["value"], marker="*", markersize=12, color=colour)
    axis.set_xlabel("real images seen, thousands")
    axis.set_ylabel(metric)
    axis.set_title("stars: best checkpoints; dashed: floors, real images among themselves", fontsize=9)
    axis.grid(alpha=0.3)
    for label in axis.legend(fontsize=8).get_texts():
        label.set_parse_math(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path


def _evaluations(run_dir: Path) -> list[dict[str, Any]]:
    run_directory.read_config(run_dir)  # names what is wrong with a folder that is no run
    lines = [line for line in run_directory.read_metrics(run_dir) if "evaluation" in line]
    if not lines:
        raise InputError(f"run {run_dir} was not evaluated while it trained; train with --eval_every_kimg=KIMG")
    return lines


def _figures(lines: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for line in lines for name in line["evaluation"]))


def _first_in_common(runs: dict[str, list[dict[str, Any]]]) -> str:
    first, *others = (_figures(lines) for lines in runs.values())
    for name in first:
        if all(name in other for other in others):
            return name
    raise InputError(f"the runs {', '.join(runs)} have no figure in common; train them with the same --eval_metrics")


def _basis(figure: dict[str, Any]) -> tuple:
    return figure["n"], figure["extractor"], figure["floor"]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"


def console() -> None:
    command_line.run(main, arguments="RUN_DIR")


if __name__ == "__main__":
    console()
