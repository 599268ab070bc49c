"""Several workers as people run them: one killed, one told to stop, started again, and given nonsense."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from progan_tf.networks.generator import Generator
from progan_tf.training import checkpoints, lock, run_directory
from tests import datasets, runs, workers
from tests.end_to_end.test_train import command, images_seen, wait_for_images

END = 3200  # images


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    return datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(66, 8), shards=3)


def start(data_dir: Path, run_dir: Path) -> list[subprocess.Popen]:
    return workers.start(*[command(data_dir, run_dir, "--strategy=multi_worker")] * 2)


def leave(processes: list[subprocess.Popen], code: int, seconds: float = 60) -> list[list[str]]:
    """The lines on stderr of processes that must end with a code in time."""
    deadline, told = time.monotonic() + seconds, []
    try:
        for process in processes:
            _, stderr = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            assert process.returncode == code, stderr[-3000:]
            told.append(stderr.splitlines())
    finally:
        for process in processes:
            process.kill()
    return told


def wait_for_checkpoint(process: subprocess.Popen, run_dir: Path, images: int) -> None:
    """Until a run has a checkpoint at `images` or later, which comes after the line in its log."""
    while images_seen(run_dir) < images:
        assert process.poll() is None
        time.sleep(0.02)


def test_a_killed_worker_takes_the_others_along_and_all_go_on_from_the_last_checkpoint(data_dir, tmp_path):
    run_dir = tmp_path / "run"
    pair = start(data_dir, run_dir)
    wait_for_images(pair[0], run_dir, 320)
    wait_for_checkpoint(pair[0], run_dir, 320)
    pair[1].kill()
    [told] = leave(pair[:1], 75)
    assert len(told) == 1 and "lost worker 1 (127.0.0.1:" in told[0] and "goes on from the last checkpoint" in told[0]
    last = images_seen(run_dir)
    assert last >= 320

    logged = run_directory.read_metrics(run_dir)[-1]["images"]
    pair = start(data_dir, run_dir)
    wait_for_images(pair[0], run_dir, logged + 320)
    pair[1].send_signal(signal.SIGTERM)
    told = leave(pair, 75)
    assert all(len(lines) == 1 and "the same command goes on from there" in lines[0] for lines in told)
    assert told[0] == told[1] and f"stopped and saved at {images_seen(run_dir) / 1000:.1f} kimg" in told[0][0]
    assert images_seen(run_dir) > last
    assert f"resumed at {last / 1000:.1f} kimg" in (run_dir / "log.txt").read_text()


@pytest.mark.slow
def test_workers_lost_at_any_moment_end_where_undisturbed_ones_do(data_dir, tmp_path):
    """The chief killed, a worker killed, a worker that hangs: the others leave, and the end has the same bits."""
    undisturbed, run_dir = tmp_path / "undisturbed", tmp_path / "run"
    leave(start(data_dir, undisturbed), 0, seconds=240)
    for images, victim, number in ((640, 0, signal.SIGKILL), (1280, 1, signal.SIGKILL), (1920, 1, signal.SIGSTOP)):
        pair = start(data_dir, run_dir)
        wait_for_images(pair[0], run_dir, images)
        pair[victim].send_signal(number)
        [told] = leave([pair[1 - victim]], 75)
        pair[victim].kill()
        assert len(told) == 1 and f"lost worker {victim} (127.0.0.1:" in told[0]
    told = leave(start(data_dir, run_dir), 0, seconds=240)
    assert told == [[], []]
    assert images_seen(run_dir) == END
    assert runs.weights(run_dir) == runs.weights(undisturbed)
    assert runs.timeless(run_dir) == runs.timeless(undisturbed)


@pytest.mark.slow
def test_two_workers_learn_what_one_process_does(data_dir, tmp_path):
    """Samples at the end of a whole run have the statistics of those of one process, where new networks have not."""
    longer = ["--set=schedule.total_kimg=9.6", "--set=training.tick_kimg=2.4"]
    leave(workers.start(*[command(data_dir, tmp_path / "two", "--strategy=multi_worker", *longer)] * 2), 0, seconds=400)
    for seed in range(2):
        one = command(data_dir, tmp_path / f"one {seed}", *longer, f"--set=training.seed={seed}")
        subprocess.run(one, capture_output=True, check=True)
    one, other, two = (statistics(tmp_path / name) for name in ("one 0", "one 1", "two"))
    new = statistics(tmp_path / "one 0", trained=False)
    print(np.abs(two - one), np.abs(other - one), np.abs(new - one))


def statistics(run_dir: Path, trained: bool = True) -> np.ndarray:
    """Of samples of the averaged generator, by channel: mean, spread, spread of images' means, steps between pixels."""
    config = run_directory.read_config(run_dir)
    averaged = Generator(config.network, seed=0)
    if trained:
        assert checkpoints.restore_averaged(run_dir / "checkpoints", averaged).images == 9600
    latents = np.random.default_rng(0).standard_normal((512, config.network.latent_size), np.float32)
    model = averaged.model_at(config.network.final_level, False, len(latents))
    images = model([latents, np.zeros((len(latents), 0), np.float32), np.float32(1.0)]).numpy()
    means = images.mean(axis=(1, 2))
    steps = np.abs(np.diff(images, axis=1)).mean(axis=(0, 1, 2))
    return np.concatenate([means.mean(axis=0), images.std(axis=(0, 1, 2)), means.std(axis=0), steps])


def test_a_run_folder_in_use_is_refused(data_dir, tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with lock.held(run_dir):
        finished = subprocess.run(command(data_dir, run_dir), capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert f"{run_dir} is in use by process {os.getpid()} on " in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert [path.name for path in run_dir.iterdir()] == [lock.FILENAME]


@pytest.mark.slow
def test_workers_that_were_not_started_alike_say_so(data_dir, tmp_path):
    run_dir = tmp_path / "run"
    alike = command(data_dir, run_dir, "--strategy=multi_worker")
    for other, complaints in (
        ([*alike, "--set=training.seed=5"], ["workers differ in their configuration or dataset"] * 2),
        (command(data_dir, tmp_path / "elsewhere", "--strategy=multi_worker"), ["kimg; the same command goes on"] * 2),
        (
            command(data_dir, tmp_path / "elsewhere", "--strategy=multi_worker"),
            ["another worker cannot read the checkpoint", "worker 1 cannot read the checkpoint"],
        ),
    ):
        pair = workers.start(alike, other)
        code = 2
        if "goes on" in complaints[0]:  # a new run that nothing is wrong with yet: only the chief writes
            wait_for_images(pair[0], run_dir, 320)
            pair[0].send_signal(signal.SIGTERM)
            code = 75
        told = leave(pair, code, seconds=120)
        for lines, complaint in zip(told, complaints, strict=True):
            assert len(lines) == 1 and complaint in lines[0]
        assert not (tmp_path / "elsewhere").exists()
