"""Growing a finished run further by the commands: 16 pixels to 32, from the run and from its exported model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import datasets, runs

SETTINGS = {
    "network.latent_size": 16,
    "network.fmap_base": 128,
    "network.fmap_max": 16,
    "schedule.stable_kimg": 0.064,
    "schedule.fade_kimg": 0.064,
    "schedule.batch_size": 16,
    "training.tick_kimg": 0.064,
    "training.grid_columns": 4,
    "training.grid_rows": 2,
    "training.shuffle_mb": 1,
}
GROWN_AT = 0.32  # kimg: two fades and three stable stretches


def command(module: str, settings: dict | None = None, **flags: object) -> subprocess.CompletedProcess:
    words = [f"--{name}={value}" for name, value in flags.items()]
    words += [f"--set={name}={value}" for name, value in (settings or {}).items()]
    return subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)


def done(finished: subprocess.CompletedProcess) -> str:
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.slow
def test_a_finished_run_and_its_model_grow_to_twice_the_size(tmp_path):
    data, small, model = (tmp_path / name for name in ("data", "small", "model"))
    datasets.write(data, datasets.landscape(64, 32))
    preset = {"data_dir": data, "preset": "official_1gpu"}
    shorter = SETTINGS | {"network.resolution": 16, "schedule.total_kimg": GROWN_AT}
    done(command("experiments.train", shorter, run_dir=small, **preset))
    done(command("experiments.export", run_dir=small, output=model))
    last = np.asarray(Image.open(max((small / "samples").glob("kimg_*.png"))))

    longer = SETTINGS | {"network.resolution": 32, "schedule.total_kimg": GROWN_AT + 0.128}
    for source, name in ((small, "from_run"), (model, "from_model")):
        run_dir = tmp_path / name
        told = done(command("experiments.train", longer, run_dir=run_dir, init_from=source, **preset))
        assert "starting at 0.3 kimg from" in told and "32x32" in told
        written = json.loads((run_dir / "config.json").read_text())["init_from"]
        assert Path(written) == (source if source == small else model / "1")
        # 64 images at the boundary, still of 16 pixels, have moved the averaged generator little.
        first = np.asarray(Image.open(min((run_dir / "samples").glob("kimg_*.png"))))
        enlarged = last.repeat(2, axis=0).repeat(2, axis=1)
        assert np.abs(first.astype(int) - enlarged).mean() < 3 and enlarged.std() > 10

    shutil.rmtree(small)
    more = longer | {"schedule.total_kimg": GROWN_AT + 0.192}
    told = done(command("experiments.train", more, run_dir=tmp_path / "from_run", **preset))
    assert "resumed at" in told
    with_flag = command("experiments.train", more, run_dir=tmp_path / "from_run", init_from=model, **preset)
    assert with_flag.returncode == 2 and "started from" in with_flag.stderr
    assert len(with_flag.stderr.splitlines()) == 1
    again = done(command("experiments.train", more, run_dir=tmp_path / "from_model", init_from=model, **preset))
    assert "resumed at" in again
    assert runs.weights(tmp_path / "from_run").keys() == runs.weights(tmp_path / "from_model").keys()
