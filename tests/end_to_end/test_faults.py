"""What may happen to a run of weeks: kills at any moment, full disks, lost files, edits, a second start beside it.

`make chaos` kills a run 30 times at random; `make test` at two chosen moments, `make test-slow` at two more.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from progan_tf.training import checkpoints, run_directory
from tests import datasets, disks, runs

PROJECT = Path(__file__).parents[2]
SETTINGS = {
    "network.latent_size": 8,
    "network.fmap_base": 64,
    "network.fmap_max": 8,
    "schedule.stable_kimg": 0.96,
    "schedule.fade_kimg": 1.28,
    "schedule.total_kimg": 3.84,
    "schedule.batch_size": 16,
    "augmentation.symmetries": "mirror",
    "training.tick_kimg": 0.32,
    "training.grid_columns": 4,
    "training.grid_rows": 2,
    "training.shuffle_mb": 1,
}
KILLS = 30  # of `make chaos`


def flags(data_dir: Path, run_dir: Path) -> list[str]:
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    return [f"--data_dir={data_dir}", f"--run_dir={run_dir}", "--preset=official_1gpu", *settings]


def train(*arguments: str, module: str = "experiments.train") -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", module, *arguments]
    return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)


def outcome(run_dir: Path) -> dict[str, object]:
    """All of a finished run that does not depend on the clock: weights to the bit, the log, the pictures."""
    pictures = {path.name: path.read_bytes() for path in (run_dir / "samples").iterdir()}
    return {"weights": runs.weights(run_dir), "lines": runs.timeless(run_dir), "pictures": pictures}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    return datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(64, 8), shards=2)


@pytest.fixture(scope="module")
def undisturbed(data_dir, tmp_path_factory) -> dict[str, object]:
    run_dir = tmp_path_factory.mktemp("runs") / "undisturbed"
    finished = train(*flags(data_dir, run_dir))
    assert finished.returncode == 0, finished.stderr
    return outcome(run_dir)


def stage_of(run_dir: Path) -> tuple[int, bool] | None:
    path = checkpoints.newest_whole(run_dir / "checkpoints")
    return checkpoints.load_progress(path).stage if path else None


def kill_once_at(data_dir: Path, run_dir: Path, images: int) -> None:
    """Starts the command and kills it from outside, as soon as its log has a tick at `images` or later."""
    words = [sys.executable, "-m", "experiments.train", *flags(data_dir, run_dir)]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 240
        while not any(line["images"] >= images for line in run_directory.read_metrics(run_dir)):
            assert process.poll() is None and time.monotonic() < deadline, f"no tick at {images} images"
            time.sleep(0.02)
        process.kill()


@pytest.mark.parametrize(
    ("moment", "stage"),
    [
        pytest.param(640, (2, False), id="stable", marks=pytest.mark.slow),  # as mid-save, but later
        pytest.param(1600, (3, True), id="fade", marks=pytest.mark.slow),  # as in test_train.py
        pytest.param("save:3", (2, False), id="mid-save"),
        pytest.param("phase:2", (2, False), id="phase boundary"),
    ],
)
def test_a_run_that_was_killed_ends_in_the_bits_of_one_that_was_not(data_dir, undisturbed, tmp_path, moment, stage):
    run_dir = tmp_path / "run"
    if isinstance(moment, int):
        kill_once_at(data_dir, run_dir, moment)
    else:
        died = train(moment, *flags(data_dir, run_dir), module="tests.end_to_end.killed_at")
        assert died.returncode == -signal.SIGKILL, died.stderr
        unsealed = [path for path in (run_dir / "checkpoints").iterdir() if checkpoints.torn(path)]
        assert len(unsealed) == (1 if moment.startswith("save") else 0)
    assert stage_of(run_dir) == stage
    finished = train(*flags(data_dir, run_dir))
    assert finished.returncode == 0, finished.stderr
    assert "resumed at" in finished.stdout
    assert outcome(run_dir) == undisturbed


@pytest.mark.chaos
def test_thirty_kills_at_random_moments(data_dir, undisturbed, tmp_path, capsys):
    """Runs are started and killed again and again; each that comes to its end must end like the undisturbed one."""
    rng, kills, number = random.Random(0), 0, 0
    while kills < KILLS:
        run_dir = tmp_path / f"run_{number}"
        while True:
            words = [sys.executable, "-m", "experiments.train", *flags(data_dir, run_dir)]
            started = time.monotonic()
            with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
                patience = rng.uniform(2.0, 16.0) if kills < KILLS else 300.0
                try:
                    _, errors = process.communicate(timeout=patience)
                    assert process.returncode == 0, errors.decode()
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
            kills += 1
            with capsys.disabled():
                seconds = time.monotonic() - started
                print(
                    f"kill {kills:2} after {seconds:4.1f} s of run {number}, newest checkpoint in {stage_of(run_dir)}"
                )
        assert outcome(run_dir) == undisturbed
        number += 1
    with capsys.disabled():
        print(f"{kills} kills over {number} runs; every run ended in the bits of the undisturbed one")


@pytest.fixture(scope="module")
def killed(data_dir, tmp_path_factory) -> Path:
    """A run with two checkpoints and more to learn."""
    run_dir = tmp_path_factory.mktemp("runs") / "killed"
    died = train("save:4", *flags(data_dir, run_dir), module="tests.end_to_end.killed_at")
    assert died.returncode == -signal.SIGKILL, died.stderr
    return run_dir


@pytest.fixture
def stopped(killed, tmp_path) -> Path:
    return shutil.copytree(killed, tmp_path / "run")


def test_a_truncated_checkpoint_is_passed_over_for_the_one_before(data_dir, undisturbed, stopped):
    newest = checkpoints.newest_whole(stopped / "checkpoints")
    largest = max(newest.glob("weights.data*"), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    finished = train(*flags(data_dir, stopped))
    assert finished.returncode == 0, finished.stderr
    assert f"{newest} is torn" in finished.stdout
    assert outcome(stopped) == undisturbed


def test_an_edited_configuration_is_named_and_the_run_untouched(data_dir, stopped):
    path = stopped / run_directory.CONFIG
    fields = json.loads(path.read_text())
    fields["config"]["loss"]["gradient_weight"] = 5.0
    path.write_text(json.dumps(fields))
    newest = checkpoints.newest_whole(stopped / "checkpoints")
    refused = train(*flags(data_dir, stopped))
    assert refused.returncode == 2
    assert "loss.gradient_weight: 5.0 against 10.0" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert checkpoints.newest_whole(stopped / "checkpoints") == newest


def test_a_deleted_shard_is_named_and_the_run_goes_on_when_it_is_back(data_dir, undisturbed, stopped, tmp_path):
    """A shard of the level that is trained next: it is missed at the start, not in a week."""
    moved = tmp_path / "moved"
    shard = sorted((data_dir / "train").glob("*-r03-*"))[0]
    shard.rename(moved)
    try:
        refused = train(*flags(data_dir, stopped))
    finally:
        moved.rename(shard)
    assert refused.returncode == 2, refused.stderr
    assert shard.name in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert train(*flags(data_dir, stopped)).returncode == 0
    assert outcome(stopped) == undisturbed


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    with disks.small(tmp_path / "disk", megabytes=4) as folder:
        yield folder


def test_a_disk_that_is_full_costs_no_state(data_dir, undisturbed, killed, small_disk):
    run_dir = small_disk / "run"
    shutil.copytree(killed, run_dir)
    newest = checkpoints.newest_whole(run_dir / "checkpoints")
    filler = disks.fill(small_disk, leave=64 << 10)
    failed = train(*flags(data_dir, run_dir))
    assert failed.returncode == 1, failed.stderr
    assert failed.stderr == (
        f"train: no space left on the disk of {run_dir}; free some and run the same command again\n"
    )
    assert checkpoints.newest_whole(run_dir / "checkpoints") == newest
    filler.unlink()
    finished = train(*flags(data_dir, run_dir))
    assert finished.returncode == 0, finished.stderr
    assert outcome(run_dir) == undisturbed
