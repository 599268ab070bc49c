"""A run exported in other formats by the command, what it says of its check, and what it refuses."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from progan_tf.export import formats
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


def needs(name: str) -> pytest.MarkDecorator:
    missing = any(importlib.util.find_spec(package) is None for package in formats.FORMATS[name].packages)
    return pytest.mark.skipif(missing, reason=f"needs pip install 'progan-tf[{name}]'")


def written(run_dir: Path, output: Path, **options) -> str:
    """What the command says of an export that succeeds."""
    done = export(run_dir=run_dir, output=output, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@needs("onnx")
def test_onnx_is_written_checked_and_runs_without_tensorflow(run_dir, tmp_path):
    said = written(run_dir, tmp_path / "fields", format="onnx")
    assert "checked  against the SavedModel in float32: 0.0 grey levels of 255 apart at most" in said
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "fields" / "1" / "model.onnx")
    latents = np.random.default_rng(0).standard_normal((3, 16), np.float32)
    (images,) = session.run(["images"], {"latents": latents, "labels": np.array([0, 1, 2], np.int32)})
    assert (images.shape, images.dtype) == ((3, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("name", ["keras", pytest.param("openvino", marks=needs("openvino"))])
def test_others_are_written_and_checked(run_dir, tmp_path, name):
    said = written(run_dir, tmp_path / "fields", format=name)
    assert "export   comparing its images with those of the SavedModel\n" in said
    assert "checked  against the SavedModel in float32: 0.0 grey levels of 255 apart at most" in said
    assert (tmp_path / "fields" / "1" / formats.FORMATS[name].file).is_file()
    assert sorted(path.name for path in (tmp_path / "fields").iterdir()) == ["1"]


def test_bfloat16_is_measured_against_float32(run_dir, tmp_path):
    said = written(run_dir, tmp_path / "fields", precision="bfloat16")
    (checked,) = [line for line in said.splitlines() if line.startswith("checked")]
    found = re.fullmatch(
        r"checked  against the training network in float32: \S+ grey levels of 255 apart at most, 99.9 % within (\S+), "
        r"(\S+) in the mean",
        checked,
    )
    most, mean = map(float, found.groups())
    assert 0 < mean < most
    assert ("note     bfloat16 is to be nearer" in said) == (mean >= 1 or most >= 8)


def test_what_a_format_cannot_hold_is_one_line_and_leaves_nothing(run_dir, tmp_path):
    done = export(run_dir=run_dir, output=tmp_path / "fields", format="onnx", precision="bfloat16")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--format=onnx holds float32 alone" in done.stderr
    assert not (tmp_path / "fields").exists()
