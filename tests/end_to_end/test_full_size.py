"""The published network at 1024 x 1024: fade, kill, resume, stable, export and images on the CPU, from real scenes."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan_tf import memory
from progan_tf.data import manifest as manifests
from progan_tf.training import checkpoints, run_directory

# No time on the levels below: after the first step at 4 x 4 level 10 fades in, and is then stable.
SETTINGS = {
    "schedule.stable_kimg": '{"4": 0, "1024": 1}',
    "schedule.fade_kimg": '{"4": 0, "1024": 0.016}',
    "schedule.batch_size": 4,
    "schedule.repeats": 1,
    "schedule.total_kimg": 0.028,
    "training.steps_per_call": 1,
    "training.tick_kimg": 0.008,
    "training.grid_columns": 2,
    "training.grid_rows": 1,
    "training.shuffle_mb": 64,
}


def words(module: str, **named: object) -> list[str]:
    return [sys.executable, "-m", module, *(f"--{name}={value}" for name, value in named.items())]


def run(module: str, **named: object) -> str:
    finished = subprocess.run(words(module, **named), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{module}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def peak_memory(process: subprocess.Popen, peaks: list[int]) -> None:
    """Notes the largest resident memory of a process, in bytes, until it ends."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
            peaks.append(1024 * int(found[1]))
        time.sleep(0.5)


@pytest.mark.slow
def test_level_ten_of_the_published_network(scenes, tmp_path, capsys):
    data, run_dir, model, made = (tmp_path / name for name in ("data", "run", "model", "made"))
    dubai = tmp_path / "dubai"
    dubai.mkdir()
    for path in scenes.glob("dubai_*"):
        (dubai / path.name).symlink_to(path)
    run("data_prep.convert", input=dubai, output=data, resolution=1024)
    manifest = manifests.load(str(data))
    assert (
        manifest.resolution == 1024 and manifest.images("train") == 13
    )  # 3 x 3 windows of one scene, 2 x 2 of the other

    start = words("experiments.train", data_dir=data, run_dir=run_dir, preset="satellite_1024")
    start += [f"--set={name}={value}" for name, value in SETTINGS.items()]
    peaks: list[int] = []
    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        threading.Thread(target=peak_memory, args=(process, peaks), daemon=True).start()
        while not any(line["resolution"] == 1024 for line in run_directory.read_metrics(run_dir)):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
    killed_at = checkpoints.newest_whole(run_dir / "checkpoints")
    assert killed_at is None or checkpoints.load_progress(killed_at).images < 28

    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        threading.Thread(target=peak_memory, args=(process, peaks), daemon=True).start()
        output = process.communicate()[0]
    assert process.returncode == 0, output
    lines = run_directory.read_metrics(run_dir)
    fading = [line for line in lines if line["resolution"] == 1024 and 0 < line["alpha"] < 1]
    stable = [line for line in lines if line["resolution"] == 1024 and line["alpha"] == 1]
    assert fading and stable and lines[-1]["images"] == 28
    assert all(np.isfinite(line["d_loss"]) and line["skipped_steps"] == 0 for line in lines)

    told = run("experiments.export", run_dir=run_dir, output=model)
    begun = time.monotonic()
    run("experiments.generate", model=model, output=made, num=2, seed=1)
    seconds = time.monotonic() - begun
    images = [Image.open(path) for path in sorted(made.glob("*.png"))]
    assert [image.size for image in images] == [(1024, 1024)] * 2
    assert all(np.asarray(image).std() > 1 for image in images)
    estimated = memory.step_bytes(run_directory.read_config(run_dir), level=10, at_once=4)
    assert max(peaks) < memory.WITHIN * estimated
    with capsys.disabled():
        rates = [line["images_per_second"] for line in stable]
        print(
            f"\n{told}training: {max(peaks) / 1e9:.1f} GB at most ({estimated / 1e9:.1f} estimated), "
            f"{1 / np.median(rates):.1f} s an image at 1024 px"
        )
        print(f"generation: 2 images in {seconds:.1f} s, start-up included")
