"""Runs compared by the figures in their logs: the table, the plot, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan_tf import config as configs
from progan_tf.config import Config
from progan_tf.training import best, run_directory


def figure(
    value: float | None, floor: float = 10.0, n: int = 500, extractor: str | None = "inception 0123abcd"
) -> dict:
    return {
        "metric": "fid", "value": value, "se": None, "floor": floor, "floor_se": None, "n": n, "extractor": extractor,
        "bands": None,
    }  # fmt: skip


def write_run(folder: Path, values: dict[int, float | None], name: str = "fid", **fields) -> Path:
    """A run folder with a log of a figure: kimg -> value, and ticks in between that were not evaluated."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"config": configs.to_dict(Config()), "data": {}}))
    lines = []
    for kimg, value in values.items():
        lines.append({"images": 1000 * kimg - 500, "kimg": kimg - 0.5})
        lines.append({"images": 1000 * kimg, "kimg": kimg, "evaluation": {name: figure(value, **fields)}})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.compare", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_names_the_best_checkpoint_of_each_run_and_draws_them(tmp_path):
    a = write_run(tmp_path / "a", {100: 90.0, 200: 40.0, 300: 55.0})
    b = write_run(tmp_path / "b", {100: 80.0, 200: None, 300: 30.0})
    (a / best.FOLDER / f"{200_000:012d}").mkdir(parents=True)
    done = run(a, b, f"--output={tmp_path / 'out' / 'plot.png'}")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[2] == [
        str(a), "200.0", "40", "10", "500", "55", "300.0", "inception", "0123abcd",
        str(a / best.FOLDER / f"{200_000:012d}"),
    ]  # fmt: skip
    assert rows[3][:7] == [str(b), "300.0", "30", "10", "500", "30", "300.0"] and rows[3][-2:] == ["not", "kept"]
    assert "warning" not in done.stdout
    picture = np.asarray(Image.open(tmp_path / "out" / "plot.png").convert("RGB"))
    blue, orange = np.array([31, 119, 180]), np.array([255, 127, 14])  # the first two colours of a plot
    assert (picture == blue).all(axis=2).sum() > 300 and (picture == orange).all(axis=2).sum() > 300


def test_runs_that_cannot_be_compared_are_told_apart(tmp_path):
    a, b = write_run(tmp_path / "a", {100: 90.0}), write_run(tmp_path / "b", {100: 80.0}, n=1000)
    done = run(a, b, f"--output={tmp_path / 'plot.png'}")
    assert done.returncode == 0
    assert "warning  the runs differ in n, extractor or floor: their fid cannot be compared" in done.stdout


def test_a_metric_that_is_to_be_high_is_best_at_its_floor_too(tmp_path):
    lines = run_directory.read_metrics(write_run(tmp_path / "a", {1: 0.1, 2: 0.7, 3: 0.4}, name="recall", floor=0.8))
    assert best.best_line(lines, "recall")["kimg"] == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no RUN_DIR was given"),
        (["{tmp}/nowhere"], "no run at"),
        (["{tmp}/silent"], "was not evaluated while it trained; train with --eval_every_kimg"),
        (["{tmp}/a", "{tmp}/other"], "have no figure in common"),
        (["{tmp}/a", "--metric=swd"], "--metric=swd: run"),
        (["{tmp}/a", "--colour=blue"], "colour"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(tmp_path, arguments, complaint):
    write_run(tmp_path / "a", {100: 90.0})
    write_run(tmp_path / "other", {100: 90.0}, name="swd")
    write_run(tmp_path / "silent", {})
    done = run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode == 2
    assert complaint in done.stderr and len(done.stderr.splitlines()) == 1
