"""A picture of the run so far: losses, scores, gradient norm and speed over images seen."""

from pathlib import Path

import matplotlib.figure

from progan_tf.atomic import replacing
from progan_tf.training import run_directory
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.trainer import Action


class LearningCurve(Action):
    """Redraws `learning_curve.png` of a run folder at every tick, from its metrics.jsonl."""

    def __init__(self, run_dir: Path):
        self._run_dir = run_dir

    def tick(self, networks: Networks, tick: Tick) -> None:
        draw(run_directory.read_metrics(self._run_dir), self._run_dir / "learning_curve.png")


def draw(lines: list[dict[str, float]], path: Path) -> None:
    """Draws the lines of a metrics log to a PNG; levels are shaded, fades more lightly."""
    figure = matplotlib.figure.Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    kimg = [line["kimg"] for line in lines]
    panels = (
        ("loss", {"d_loss": "discriminator", "g_loss": "generator"}),
        ("score", {"real_score": "real", "fake_score": "generated"}),
        ("gradient norm", {"gradient_norm": "of the discriminator"}),
    )
    for axis, (title, curves) in zip(axes, panels, strict=True):
        for name, label in curves.items():
            axis.plot(kimg, [line.get(name) for line in lines], marker=".", label=label)
        _mark_levels(axis, lines)
        axis.set_ylabel(title)
        axis.legend(loc="best")
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("real images seen, thousands")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _mark_levels(axis, lines: list[dict[str, float]]) -> None:
    """A line where each resolution begins, named at the top."""
    seen = set()
    for before, line in zip([{"kimg": 0.0}, *lines], lines, strict=False):
        if line["resolution"] not in seen:
            seen.add(line["resolution"])
            axis.axvline(before["kimg"], color="grey", linewidth=0.8, linestyle=":")
            axis.annotate(
                f" {line['resolution']} px", (before["kimg"], 0.97), xycoords=("data", "axes fraction"),
                va="top", fontsize=8, color="grey",
            )  # fmt: skip
