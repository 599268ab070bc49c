"""The demo: every part of it in a row, on images of its user; and its course at every length it may take."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from data_prep import procedural
from progan_tf import presets
from progan_tf.config import override, settings
from progan_tf.schedule import upcoming
from tests.end_to_end.test_whole_way import SETTINGS


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "experiments.demo", *flags]


def test_the_whole_demo_and_its_second_start(tmp_path):
    images, output = tmp_path / "images", tmp_path / "demo"
    for _ in procedural.write_scenes(images, 2, size=256):
        pass
    flags = [f"--images={images}", f"--output={output}", *(f"--set={name}={value}" for name, value in SETTINGS.items())]
    done = subprocess.run(command(*flags), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        if line.startswith("  ") and line.split()[0].startswith(str(output)):
            assert Path(line.split()[0]).exists(), line
    assert json.loads((output / "dataset/dataset.json").read_text())["images"] == {"train": 32}
    ticks = [json.loads(line) for line in (output / "run/metrics.jsonl").read_text().splitlines()]
    assert len(list((output / "run/samples").glob("kimg_*.png"))) == len(ticks) > 1
    assert list((output / "run/tensorboard").iterdir())
    assert len(list((output / "generated").glob("seed_*.png"))) == 16
    assert Image.open(output / "generated/grid.png").size == (32, 32)
    page = (output / "index.html").read_text()
    assert all((output / source.split('"')[0]).exists() for source in page.split('src="')[1:])

    before = (output / "run/metrics.jsonl").read_bytes()
    again = subprocess.run(command(*flags), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "is complete already" in again.stdout
    assert (output / "run/metrics.jsonl").read_bytes() == before
    assert [path.name for path in (output / "model").iterdir()] == ["1"]


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_stopped_at_its_start_it_says_that_it_can_be_taken_up(tmp_path, seconds):
    process = subprocess.Popen(
        command(f"--output={tmp_path / 'demo'}"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    process.stdout.readline()  # it has begun
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "takes" in complaint.splitlines()[-1]


@pytest.mark.parametrize("flags, named", [(["--output={file}"], "--output"), (["--images={file}"], "--images")])
def test_wrong_use_is_one_line(tmp_path, flags, named):
    (tmp_path / "file").write_text("")
    given = [flag.format(file=tmp_path / "file") for flag in flags]
    done = subprocess.run(command(*given), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("factor", [1.0, 0.6, 0.25])
def test_at_any_length_it_goes_through_four_levels_with_fades(factor):
    config = presets.shortened(presets.preset("demo_32"), factor)
    images, stages = 0, []
    while phases := upcoming(config, images):
        for phase in phases:
            images += phase.batch_size
            if phase.stage not in stages:
                stages.append(phase.stage)
    assert stages == [(2, False), (3, True), (3, False), (4, True), (4, False), (5, True), (5, False)]


def test_lengths_can_be_passed_on_as_settings():
    preset = presets.preset("demo_32")
    shortened = presets.shortened(preset, 0.37)
    assert override(preset, settings(preset, shortened)) == shortened
