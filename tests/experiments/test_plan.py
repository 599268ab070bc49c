"""The plan of a run as a command: hours against published operations, batches that fit, and a probe that measures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from progan_tf import presets
from progan_tf.config import override

ROOT = Path(__file__).parents[2]


def plan(*flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.plan", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("resolution", "operations"), [(256, 4.81e18), (1024, 5.99e18)])
def test_hours_and_energy_follow_from_the_operations_of_the_published_run(tmp_path, resolution, operations):
    """A run of the published default is as many operations by the layers of the published graph."""
    output = tmp_path / "plan.json"
    done = plan(
        "--preset=official_1gpu", f"--set=network.resolution={resolution}", "--set=training.precision=float32",
        "--device_memory_gb=80", "--tflops=100", "--watts=500", f"--output={output}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    levels = json.loads(output.read_text())["levels"]
    hours = operations / 100e12 / 3600
    assert sum(level["hours"] for level in levels) == pytest.approx(hours, rel=0.005)
    assert [level["kimg"] for level in levels][:3] == [600, 1200, 1200]
    assert sum(level["kimg"] for level in levels) == 12000
    energy = float(re.search(r"([\d.]+) kWh at 500 W", done.stdout)[1])
    assert energy == pytest.approx(hours * 0.5, rel=0.01)


def test_what_does_not_fit_is_split_by_a_setting_that_training_takes():
    done = plan("--preset=satellite_256", "--device_memory_gb=6", "--tflops=10")
    assert done.returncode == 0, done.stderr
    setting = re.search(r"--set='(training\.microbatch=[^']*)'", done.stdout)[1]
    small = override(presets.preset("satellite_256"), [setting])
    parts = small.training.microbatch
    assert parts[256] < small.schedule.batch_size[256] and parts[256] % small.network.stddev_group == 0
    again = plan("--preset=satellite_256", "--device_memory_gb=60", "--tflops=10")
    assert "training.microbatch" not in again.stdout


def test_too_small_a_device_is_told():
    done = plan("--preset=satellite_1024", "--device_memory_gb=2", "--tflops=10")
    assert done.returncode == 0, done.stderr
    assert re.search(r"not even one group of 4 images fits", done.stdout)
    assert " on one device" not in done.stdout


def test_a_resolution_that_only_the_dataset_knows_is_asked_for():
    done = plan("--preset=official_1gpu", "--tflops=10")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--set=network.resolution=256" in done.stderr


def test_speed_is_measured_where_it_is_not_given(tmp_path):
    output = tmp_path / "plan.json"
    done = plan(
        "--preset=demo_32", "--set=network.resolution=8", "--set=schedule.batch_size=64", f"--output={output}"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rates = [level["images_per_second"] for level in json.loads(output.read_text())["levels"]]
    assert len(rates) == 2 and all(1 < rate < 1e6 for rate in rates)
    assert rates[0] > rates[1]


def test_an_extension_is_not_planned_as_if_it_were_another_network():
    done = plan("--preset=extension_64", "--tflops=10")
    assert done.returncode == 2
    assert "extends windows" in done.stderr
    assert done.stderr.count("\n") == 1
