"""Two workers on this machine compute what one process does with the batch they feed together."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from progan_tf.config import AugmentationConfig, Config, LossConfig, NetworkConfig, TrainingConfig
from tests import datasets, workers

STAGES = [(2, 0), (3, 1), (3, 0), (4, 1), (4, 0)]  # level, fading
CONFIG = [
    Config(
        network=NetworkConfig(latent_size=8, fmap_base=64, fmap_max=8),
        loss=LossConfig("logistic_r1", conditioning="projection") if labelled else LossConfig(),
        augmentation=AugmentationConfig("all", "ada" if labelled else "diffaugment", ada_kimg=2.0),
        training=TrainingConfig(use_labels=labelled, shuffle_mb=1),
    )
    for labelled in (False, True)
]


def stages(resolution: int) -> list[tuple[int, int]]:
    return [(level, fading) for level, fading in STAGES if 2**level <= resolution]


def results(process: subprocess.Popen, path: Path) -> dict[str, np.ndarray]:
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr[-3000:]
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def write_start(folder: Path, labelled: bool, dataset) -> None:
    """A checkpoint to start from: new networks with biases that are not zero any more."""
    from progan_tf.training import checkpoints, trainer
    from progan_tf.training.progress import Progress
    from progan_tf.training.state import Networks

    networks = Networks(trainer.resolve(CONFIG[labelled], dataset))
    rng = np.random.default_rng(0)
    for name, variable in networks.variables.items():
        if name.endswith("bias") and "optimizer" not in name:
            variable.assign(0.1 * rng.standard_normal(variable.shape))
    checkpoints.save(folder, networks, Progress(images=100), keep=2)


@pytest.mark.parametrize(
    ("resolution", "labels"),
    [(8, 0), pytest.param(16, 0, marks=pytest.mark.slow), pytest.param(16, 1, marks=pytest.mark.slow)],
)
def test_two_workers_agree_with_one_process_at_every_level(tmp_path, resolution, labels):
    from progan_tf.data import pipeline

    images = datasets.landscape(50, resolution)
    data = datasets.write(tmp_path / "data", images, labels=[i % 3 for i in range(50)] if labels else None, shards=3)
    write_start(tmp_path / "start", bool(labels), pipeline.open_dataset(str(data)))

    def command(role: str) -> list[str]:
        words = ["-m", "tests.training.two_workers", role, data, tmp_path / "start", tmp_path / role, labels]
        return [sys.executable, *map(str, words)]

    pair = workers.start(command("together"), command("together"))
    together = [results(process, tmp_path / f"together-{index}.npz") for index, process in enumerate(pair)]
    root = Path(__file__).parents[2]
    one = subprocess.Popen(command("alone"), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    alone = results(one, tmp_path / "alone-0.npz")

    assert [len(together), *(result["replicas"] for result in (*together, alone))] == [2, 2, 2, 1]
    for level, fading in stages(resolution):
        names = [name for name in alone if name.startswith(f"{level}/{fading}/") and "optimizer" not in name]
        assert sum("/metrics/" in name for name in names) > 6
        assert sum("/generator/" in name for name in names) > 10
        for name in names:
            np.testing.assert_allclose(together[0][name], alone[name], rtol=1e-5, atol=1e-5, err_msg=name)
    for name, values in together[0].items():
        assert together[1][name].tobytes() == values.tobytes(), name


@pytest.mark.slow
def test_a_chief_that_is_busy_is_told_of_a_lost_worker():
    chief, worker = workers.start(*[[sys.executable, "-m", "tests.training.busy_chief"]] * 2)
    for process in (chief, worker):
        assert any(line == "met\n" for line in process.stdout)
    worker.kill()
    killed = time.monotonic()
    stdout, stderr = chief.communicate(timeout=90)
    assert (chief.returncode, stdout) == (75, "")
    assert "lost worker 1 (127.0.0.1:" in stderr.splitlines()[-1]
    assert time.monotonic() - killed < 40
