"""From images to new images by the commands alone: real tiles of 64 and of 256 pixels."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SETTINGS = {
    "network.resolution": 8,
    "network.latent_size": 8,
    "network.fmap_base": 64,
    "network.fmap_max": 8,
    "schedule.stable_kimg": 0.064,
    "schedule.fade_kimg": 0.128,
    "schedule.total_kimg": 0.256,
    "schedule.batch_size": 16,
    "training.tick_kimg": 0.128,
    "training.grid_columns": 4,
    "training.grid_rows": 2,
    "training.shuffle_mb": 16,
}
LABELLED = SETTINGS | {
    "training.use_labels": "true",
    "training.ema_half_life_kimg": 0.1,
    "training.tick_kimg": 4,
    "schedule.stable_kimg": 4,
    "schedule.total_kimg": 4,
    "schedule.learning_rate": 0.01,
}


def run(module: str, **flags: object) -> str:
    settings = flags.pop("settings", {})
    words = [f"--{name}={value}" for name, value in flags.items()]
    words += [f"--set={name}={value}" for name, value in settings.items()]
    finished = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{module}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def some(folder: Path, count: int, into: Path) -> Path:
    """Every so-many-th image of a folder, copied."""
    into.mkdir()
    paths = sorted(folder.iterdir())
    for path in itertools.islice(paths, 0, None, len(paths) // count):
        shutil.copy(path, into / path.name)
    for path in sorted(into.iterdir())[count:]:
        path.unlink()
    return into


def whole_way(images: Path, resolution: int, count: int, folder: Path, settings: dict) -> None:
    data, runs, model, made = (folder / name for name in ("data", "run", "model", "made"))
    run("data_prep.convert", input=images, output=data, resolution=resolution)
    assert json.loads((data / "dataset.json").read_text())["images"] == {"train": count}
    run("experiments.train", data_dir=data, run_dir=runs, preset="satellite_256", settings=settings)
    printed = run("experiments.export", run_dir=runs, output=model)
    assert "grey levels" in printed
    run("experiments.generate", model=model, output=made, num=4, grid=True)
    pictures = [np.asarray(Image.open(made / f"seed_{seed:06d}.png")) for seed in range(4)]
    side = settings["network.resolution"]
    assert {picture.shape for picture in pictures} == {(side, side, 3)}
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert Image.open(made / "grid.png").size == (2 * side, 2 * side)


@pytest.mark.parametrize("conditioning", ["acgan", pytest.param("projection", marks=pytest.mark.slow)])
def test_classes_from_folders_to_images_of_a_class(tmp_path, conditioning):
    """Dark tiles in one folder and bright ones in another, so that a class is a thing to see."""
    images, data, runs, model = (tmp_path / name for name in ("images", "data", "run", "model"))
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("bright", 160)):
        (images / name).mkdir(parents=True)
        for number in range(24):
            tile = rng.integers(low, low + 96, (8, 8, 3), np.uint8)
            Image.fromarray(tile).save(images / name / f"{number}.png")
    run("data_prep.convert", input=images, output=data, resolution=8, labels="folders")
    assert json.loads((data / "dataset.json").read_text())["labels"] == ["bright", "dark"]
    run(
        "experiments.train",
        data_dir=data,
        run_dir=runs,
        preset="satellite_256",
        settings=LABELLED | {"loss.conditioning": conditioning},
    )
    assert json.loads((runs / "config.json").read_text())["config"]["network"]["labels"] == 2
    run("experiments.export", run_dir=runs, output=model)

    run("experiments.generate", model=model, output=tmp_path / "dark", label="dark", num=4)
    run("experiments.generate", model=model, output=tmp_path / "bright", label="bright", num=2, interpolate=3)
    dark, bright = (
        [np.asarray(Image.open(path)).mean() for path in sorted((tmp_path / name).glob("*.png"))]
        for name in ("dark", "bright")
    )
    assert len(dark) == len(bright) == 4
    assert max(dark) < min(bright)


def test_real_tiles_of_64(tiles64, tmp_path):
    whole_way(some(tiles64, 200, tmp_path / "images"), 64, 200, tmp_path, SETTINGS)


def test_real_tiles_of_256(tiles256, tmp_path):
    whole_way(some(tiles256, 60, tmp_path / "images"), 256, 60, tmp_path, SETTINGS)


@pytest.mark.slow
def test_real_tiles_of_256_through_every_level(tiles256, tmp_path):
    settings = SETTINGS | {
        "network.resolution": 256,
        "network.fmap_base": 512,
        "schedule.total_kimg": 1.28,
        "schedule.batch_size": 8,
    }
    whole_way(some(tiles256, 60, tmp_path / "images"), 256, 60, tmp_path, settings)
