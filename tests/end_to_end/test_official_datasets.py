"""Folders of the official tools, as they are and without a manifest: they train, and one command converts them."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from progan_tf.data import manifest
from progan_tf.training import run_directory
from tests import datasets

PROJECT = Path(__file__).parents[2]
SETTINGS = {
    "network.resolution": 8,
    "network.latent_size": 8,
    "network.fmap_base": 64,
    "network.fmap_max": 8,
    "schedule.stable_kimg": 0.064,
    "schedule.fade_kimg": 0.064,
    "schedule.total_kimg": 0.256,
    "schedule.batch_size": 16,
    "training.tick_kimg": 0.128,
    "training.shuffle_mb": 1,
}
CLASSES = np.arange(16) % 3


@pytest.fixture
def official(golden, tmp_path) -> Path:
    """Sixteen images that the official tool wrote, and labels such as it writes beside them."""
    folder = shutil.copytree(golden / "official_tfrecords/eurosat16", tmp_path / "eurosat [16]")
    with (folder / "eurosat16-rxx.labels").open("wb") as file:
        np.save(file, np.eye(3, dtype=np.float32)[CLASSES])
    return folder


def run(module: str, *flags: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *flags], cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_they_train_as_they_are(official, tmp_path):
    before = sorted(path.name for path in official.iterdir())
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    paths = (f"--data_dir={official}", f"--run_dir={tmp_path / 'run'}")
    run("experiments.train", *paths, "--preset=official_1gpu", *settings)
    ticks = run_directory.read_metrics(tmp_path / "run")
    assert (ticks[-1]["images"], {tick["skipped_steps"] for tick in ticks}) == (256, {0})
    assert sorted(path.name for path in official.iterdir()) == before


def test_one_command_converts_them_with_their_labels(official, tmp_path):
    paths = (f"--input={official}", f"--output={tmp_path / 'out'}")
    flags = ("--resolution=64", "--labels=source", "--splits=train:60,test:40", "--name=small", "--workers=1")
    assert "labels   3: label 0, label 1, label 2" in run("data_prep.convert", *paths, *flags)
    dataset, found = manifest.load(str(tmp_path / "out")), datasets.read(tmp_path / "out")
    assert set(found) == {"train", "test"}
    images = {record.key: record for records in found.values() for record in records}
    assert sorted(images) == sorted(f"eurosat16-r06.tfrecords#{number}" for number in range(16))
    for number, record in enumerate(datasets.each(official, "train")):
        copy = images[f"eurosat16-r06.tfrecords#{number}"]
        np.testing.assert_array_equal(copy.image, record.image)
        assert dataset.labels[copy.label] == f"label {CLASSES[number]}"
    assert "files are whole" in run("data_prep.inspect", f"--data_dir={tmp_path / 'out'}")
