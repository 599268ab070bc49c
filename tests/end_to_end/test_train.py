"""The training command as a person runs it: stopped, killed, started again, and given nonsense."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image

from progan_tf.training import checkpoints, run_directory
from tests import datasets, runs

SETTINGS = {
    "network.latent_size": 8,
    "network.fmap_base": 64,
    "network.fmap_max": 8,
    "schedule.stable_kimg": 0.32,
    "schedule.fade_kimg": 2.4,
    "schedule.total_kimg": 3.2,
    "schedule.batch_size": 16,
    "augmentation.symmetries": "mirror",
    "training.tick_kimg": 0.32,
    "training.grid_columns": 4,
    "training.grid_rows": 2,
    "training.shuffle_mb": 1,
}
FADE = range(320, 2720)


def command(data_dir: Path, run_dir: Path, *extra: str) -> list[str]:
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    paths = [f"--data_dir={data_dir}", f"--run_dir={run_dir}"]
    return [sys.executable, "-m", "experiments.train", *paths, "--preset=official_1gpu", *settings, *extra]


def wait_for_images(process: subprocess.Popen, run_dir: Path, images: int) -> None:
    """Until the run has logged a tick at `images` or later."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        lines = run_directory.read_metrics(run_dir)
        if lines and lines[-1]["images"] >= images:
            return
        time.sleep(0.02)
    raise AssertionError(f"no tick at {images} images; the run printed\n{process.communicate()[0]}")


def images_seen(run_dir: Path) -> int:
    return checkpoints.load_progress(checkpoints.newest_whole(run_dir / "checkpoints")).images


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    return datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(64, 8), shards=2)


@pytest.fixture(scope="module")
def undisturbed(data_dir, tmp_path_factory) -> tuple[Path, str]:
    run_dir = tmp_path_factory.mktemp("runs") / "undisturbed"
    finished = subprocess.run(command(data_dir, run_dir, "--profile=9"), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return run_dir, finished.stdout


def test_a_run_leaves_all_that_it_should(undisturbed):
    run_dir, output = undisturbed
    names = {path.name for path in run_dir.iterdir()}
    assert names == {
        "config.json", "checkpoints", "metrics.jsonl", "tensorboard", "samples", "log.txt", "learning_curve.png", "lock"
    }  # fmt: skip
    ticks = runs.timeless(run_dir)
    assert [line["tick"] for line in ticks] == list(range(len(ticks))) and ticks[-1]["images"] == 3200
    assert {line["resolution"] for line in ticks} == {4, 8}
    assert sum(0 < line["alpha"] < 1 for line in ticks) >= 5
    grids = sorted((run_dir / "samples").glob("kimg_*.png"))
    assert len(grids) == len(ticks)
    assert {Image.open(path).size for path in grids} == {(32, 16)} == {Image.open(run_dir / "samples/reals.png").size}
    assert "images/s" in output and " left" in output
    assert output.count("\ntick ") == len(ticks)
    assert len(list(run_dir.glob("tensorboard/plugins/profile/*/*.xplane.pb"))) == 1
    events = [path for path in (run_dir / "tensorboard").iterdir() if "tfevents" in path.name]
    tags = {value.tag for event in tf.compat.v1.train.summary_iterator(str(events[0])) for value in event.summary.value}
    assert {
        "Loss/D/loss", "Loss/G/loss", "Loss/scores/real", "Loss/scores/fake", "Progress/kimg", "Progress/lod",
        "Timing/sec_per_tick", "Timing/sec_per_kimg", "Timing/total_sec", "Resources/cpu_mem_gb",
        "Resources/peak_gpu_mem_gb", "Watch/ms_ssim", "Watch/recall", "Samples",
    } <= tags  # fmt: skip
    assert all(0 < line["watch"]["ms_ssim_real"] < 1 for line in ticks)
    for line in run_directory.read_metrics(run_dir):
        assert line["seconds_per_kimg"] == pytest.approx(1000 / line["images_per_second"], rel=1e-3)
        assert 0.1 < line["cpu_memory_gb"] < 100 and line["seconds_left"] >= 0


def test_terminated_then_killed_in_a_fade_and_resumed_ends_in_the_same_bits(data_dir, undisturbed, tmp_path):
    run_dir = tmp_path / "run"

    def start() -> subprocess.Popen:
        return subprocess.Popen(
            command(data_dir, run_dir), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )

    process = start()
    wait_for_images(process, run_dir, 640)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 75, output
    assert "SIGTERM" in output and output.splitlines()[-1].count("kimg; the same command goes on from there") == 1
    stopped_at = images_seen(run_dir)
    assert stopped_at in FADE

    process = start()
    wait_for_images(process, run_dir, stopped_at + 320)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert images_seen(run_dir) in FADE

    finished = subprocess.run(command(data_dir, run_dir), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "resumed at" in finished.stdout
    assert runs.weights(run_dir) == runs.weights(undisturbed[0])
    assert runs.timeless(run_dir) == runs.timeless(undisturbed[0])


def test_a_start_without_preset_takes_the_run_up_as_it_is(data_dir, undisturbed):
    run_dir, _ = undisturbed
    arguments = [sys.executable, "-m", "experiments.train", f"--data_dir={data_dir}", f"--run_dir={run_dir}"]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "trained to 3.2 kimg" in finished.stdout


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--set=training.seed=9"], "training.seed: 0 against 9"),
        (["--set=training.sead=9"], "is not section.field=value"),
        (["--set=network.resolution=24"], "network.resolution is 24; it must be a power of two"),
        (["--set=network.resolution=16"], "no images of 16 x 16"),
        (["--set=schedule.batch_size=6"], "schedule.batch_size is 6 at resolution 4"),
        (["--data_dir=/nowhere"], "no dataset at /nowhere"),
        (["--strategy=seven"], "strategy"),
        (["--strategy=multi_worker"], "TF_CONFIG does not say who trains together: it is not set"),
        (["--strategy=tpu"], "no TPU 'local'"),
        (["--colour=blue"], "colour"),
        (["stray"], "unexpected stray"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(data_dir, undisturbed, extra, complaint):
    run_dir, _ = undisturbed
    before = runs.weights(run_dir)
    finished = subprocess.run(command(data_dir, run_dir, *extra), capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert complaint in finished.stderr
    assert len(finished.stderr.splitlines()) == 1, finished.stderr
    assert runs.weights(run_dir) == before
