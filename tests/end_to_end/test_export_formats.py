"""A run exported in other formats by the command, and what it refuses."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import runs

PROJECT = Path(__file__).parents[2]


def export(**options) -> subprocess.CompletedProcess:
    flags = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "experiments.export", *flags]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "run"
    runs.write(folder, images=3500, labels=3)
    return folder


@pytest.mark.skipif(importlib.util.find_spec("tf2onnx") is None, reason="needs pip install 'progan-tf[onnx]'")
def test_onnx_is_written_checked_and_runs_without_tensorflow(run_dir, tmp_path):
    done = export(run_dir=run_dir, output=tmp_path / "fields", format="onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.0 grey levels of 255 apart at most" in done.stdout
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "fields" / "1" / "model.onnx")
    latents = np.random.default_rng(0).standard_normal((3, 16), np.float32)
    (images,) = session.run(["images"], {"latents": latents, "labels": np.array([0, 1, 2], np.int32)})
    assert (images.shape, images.dtype) == ((3, 16, 16, 3), np.uint8)


def test_what_a_format_cannot_hold_is_one_line_and_leaves_nothing(run_dir, tmp_path):
    done = export(run_dir=run_dir, output=tmp_path / "fields", format="onnx", precision="bfloat16")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--format=onnx holds float32 alone" in done.stderr
    assert not (tmp_path / "fields").exists()
