"""Each kind of scene becomes, by one command, a dataset that is whole and that trains."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep import inspection
from progan_tf import config as configs
from progan_tf import presets
from progan_tf.data import manifest, pipeline
from progan_tf.training import run_directory, strategy, trainer
from progan_tf.training.actions import metrics_log

pytest.importorskip("rasterio", reason="scenes are read by rasterio")

PROJECT = Path(__file__).parents[2]
SIXTEEN_BITS = ("--dtype=uint16", "--scaling=bands")


@dataclasses.dataclass(frozen=True)
class Case:
    """A file, the flags it takes besides, and what comes out: images, channels and number type."""

    file: str
    flags: tuple[str, ...]
    images: int
    channels: int
    dtype: str


LANDSAT_8 = Case(
    "landsat8_iguazu_20200518_bgr_uint16.tif", ("--bands=3,2,1", "--nodata=0", *SIXTEEN_BITS), 734, 3, "uint16"
)
NAIP = Case("naip_nd_20140720_rgbn_uint8.tif", (), 154, 4, "uint8")
CASES = [
    Case("dubai_tile5_stitched.jpg", (), 2548, 3, "uint8"),
    Case("dubai_tile6_stitched_nocrs_uint8.tif", (), 1560, 3, "uint8"),
    LANDSAT_8,
    NAIP,
    Case("naip_nd_20200831_rgbn_uint8.tif", (), 154, 4, "uint8"),
    Case("rasterio_RGB.byte_landsat7_bahamas_uint8.tif", (), 63, 3, "uint8"),
    Case("riotiler_mosaic_cog1_rgb_uint16.tif", SIXTEEN_BITS, 80, 3, "uint16"),
    Case("riotiler_mosaic_cog2_rgb_uint16.tif", SIXTEEN_BITS, 79, 3, "uint16"),
]
SETTINGS = [
    "network.resolution=8",
    "network.latent_size=8",
    "network.fmap_base=64",
    "network.fmap_max=8",
    "schedule.stable_kimg=0.5",
    "schedule.fade_kimg=0.5",
    "schedule.total_kimg=2",
    "schedule.batch_size=64",
    "training.tick_kimg=1",
    "training.shuffle_mb=1",
]


def run(module: str, *flags: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *flags], cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def convert(case: Case, scenes: Path, output: Path, *flags: str) -> str:
    paths = (f"--input={scenes / case.file}", f"--output={output}")
    return run("data_prep.convert", *paths, "--resolution=64", *case.flags, *flags)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.file for case in CASES])
def test_a_scene_is_converted_inspected_and_trained_on_for_2_kimg(case, scenes, tmp_path):
    data, runs = tmp_path / "data", tmp_path / "run"
    form = f"{case.images:,} images of 64 x 64 x {case.channels} {case.dtype}"
    assert form in convert(case, scenes, data)
    assert "files are whole" in run("data_prep.inspect", f"--data_dir={data}")
    settings = [f"--set={setting}" for setting in SETTINGS]
    run("experiments.train", f"--data_dir={data}", f"--run_dir={runs}", "--preset=official_1gpu", *settings)
    check_run(runs)


@pytest.mark.parametrize("case", [NAIP, LANDSAT_8], ids=["4 bands", "16 bits"])
def test_four_bands_and_sixteen_bits_train_for_2_kimg(case, scenes, tmp_path):
    """The same but for what starts a process of TensorFlow."""
    convert(case, scenes, tmp_path / "data", "--max_tiles=64", "--workers=1")
    directory = str(tmp_path / "data")
    assert inspection.damage(directory, manifest.load(directory)) == []
    dataset = pipeline.open_dataset(directory)
    assert (dataset.manifest.channels, dataset.manifest.dtype) == (case.channels, case.dtype)
    config = trainer.resolve(configs.override(presets.preset("official_1gpu"), SETTINGS), dataset)
    log = metrics_log.MetricsLog(tmp_path / "run")
    trainer.train(config, dataset, tmp_path / "run", strategy.make("one"), [log])
    check_run(tmp_path / "run")


def check_run(folder: Path) -> None:
    """All steps of 2 kimg counted, with finite losses."""
    ticks = run_directory.read_metrics(folder)
    assert ticks[-1]["images"] >= 2000
    assert {tick["skipped_steps"] for tick in ticks} == {0}
