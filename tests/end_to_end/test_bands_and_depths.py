"""One to thirteen bands of 8 and 16 bits, from records to trained, exported and generated images, by the commands."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tensorflow as tf
from PIL import Image

from progan_tf.data import manifest as manifests
from progan_tf.data import pipeline
from progan_tf.data.scaling import Scaling
from progan_tf.export import description as descriptions
from tests import datasets

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SETTINGS = {
    "network.latent_size": 8,
    "network.fmap_base": 64,
    "network.fmap_max": 8,
    "schedule.stable_kimg": 0.064,
    "schedule.fade_kimg": 0.064,
    "schedule.total_kimg": 0.384,
    "schedule.batch_size": 16,
    "training.tick_kimg": 0.128,
    "training.grid_columns": 4,
    "training.grid_rows": 2,
    "training.shuffle_mb": 1,
}
SENTINEL_2 = ("B1", "blue", "green", "red", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


@dataclasses.dataclass(frozen=True)
class Case:
    dtype: str
    bands: tuple[str, ...]
    shown: tuple[int, ...]


CASES = {
    "4 of 8 bits": Case("uint8", ("blue", "green", "red", "nir"), (2, 1, 0)),
    "13 of 8 bits": Case("uint8", SENTINEL_2, (3, 2, 1)),
    "1 of 16 bits": Case("uint16", ("elevation",), (0,)),
    "3 of 16 bits": Case("uint16", ("red", "green", "blue"), (0, 1, 2)),
}


def images(case: Case) -> np.ndarray:
    """64 tiles of 16 x 16; every band is a colour of drawn landscapes with an offset of its own."""
    eight = np.stack([datasets.landscape(64, 16)[..., i % 3] + np.uint8(7 * i) for i in range(len(case.bands))], -1)
    if case.dtype == "uint8":
        return eight
    return eight.astype(np.uint16) * 256 + np.random.default_rng(0).integers(0, 256, eight.shape, np.uint16)


def run(command: str, *arguments: str, **flags: object) -> None:
    words = [f"--{name}={value}" for name, value in flags.items()]
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{command}", *arguments, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclasses.dataclass(frozen=True)
class Made:
    case: Case
    folder: Path
    scaling: Scaling


@pytest.fixture(scope="module", params=CASES, ids=CASES)
def given(request, tmp_path_factory) -> Made:
    """A folder with data alone."""
    case, folder = CASES[request.param], tmp_path_factory.mktemp("made")
    data = datasets.write(folder / "data", images(case))
    scaling = Scaling("range", (-1.0,) * len(case.bands), tuple(1.0 + i for i in range(len(case.bands))))
    manifest = manifests.load(str(data))
    named = dataclasses.replace(manifest, bands=case.bands, display_bands=case.shown, scaling=scaling.as_dict())
    datasets.save_manifest(named, data)
    return Made(case, folder, scaling)


@pytest.fixture(scope="module")
def made(given) -> Made:
    """The folder with a run, a model and images of it in every format besides."""
    folder, data = given.folder, given.folder / "data"
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    run("train", *settings, data_dir=data, run_dir=folder / "run", preset="official_1gpu")
    run("export", run_dir=folder / "run", output=folder / "model")
    run("generate", "--grid", model=folder / "model", output=folder / "png", num=3)
    run("generate", model=folder / "model", output=folder / "geotiff", num=8, format="geotiff")
    run("generate", "--physical", model=folder / "model", output=folder / "npy", num=3, format="npy")
    return given


def as_seen(pixels: np.ndarray, case: Case) -> np.ndarray:
    """The display bands by hand: 8 bits, [..., 1] or [..., 3]."""
    shown = np.stack([pixels[..., band] for band in case.shown], -1)
    return (shown // 256).astype(np.uint8) if case.dtype == "uint16" else shown


def read_png(path: Path, dtype: str = "uint8") -> np.ndarray:
    return tf.io.decode_png(path.read_bytes(), dtype=dtype).numpy()


def cells(grid: np.ndarray) -> np.ndarray:
    """The 16 x 16 images of a grid, row by row."""
    rows, columns = grid.shape[0] // 16, grid.shape[1] // 16
    return grid.reshape(rows, 16, columns, 16, -1).swapaxes(1, 2).reshape(rows * columns, 16, 16, -1)


def test_training_reads_every_bit(given):
    batch, _ = next(pipeline.read(pipeline.open_dataset(str(given.folder / "data")), 4, 64))
    written = {tile.tobytes() for tile in images(given.case)}
    assert {np.ascontiguousarray(tile).tobytes() for tile in batch} == written


@pytest.mark.slow
def test_the_grid_of_reals_shows_the_display_bands(made):
    reals = cells(read_png(made.folder / "run" / "samples" / "reals.png"))
    seen = {tile.tobytes() for tile in as_seen(images(made.case), made.case)}
    assert len(reals) == 8 and {tile.tobytes() for tile in reals} <= seen


@pytest.mark.slow
def test_tensorboard_shows_the_sample_grid(made):
    newest = sorted((made.folder / "run" / "samples").glob("kimg_*.png"))[-1]
    (events,) = (made.folder / "run" / "tensorboard").glob("*tfevents*")
    values = [v for event in tf.compat.v1.train.summary_iterator(str(events)) for v in event.summary.value]
    last = [value for value in values if value.tag == "Samples"][-1]
    shown = tf.io.decode_png(last.tensor.string_val[2]).numpy()
    np.testing.assert_array_equal(shown, read_png(newest))
    assert shown.shape == (32, 64, len(made.case.shown))
    assert shown.std() > 1


@pytest.mark.slow
def test_the_model_says_what_it_is(made):
    model = descriptions.read(made.folder / "model" / "1")
    assert (model.dtype, tuple(model.bands), tuple(model.display_bands)) == dataclasses.astuple(made.case)
    assert Scaling.from_dict(model.scaling) == made.scaling


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_format_holds_the_same_image(made, seed):
    case, stem = made.case, f"seed_{seed:06d}"
    with rasterio.open(made.folder / "geotiff" / f"{stem}.tif") as file:
        pixels = np.moveaxis(file.read(), 0, -1)
        assert (file.descriptions, set(file.dtypes)) == (case.bands, {case.dtype})
        by_gdal = pixels * np.array(file.scales) + np.array(file.offsets)
    physical = np.load(made.folder / "npy" / f"{stem}.npy")
    assert physical.shape == (16, 16, len(case.bands)) and physical.dtype == np.float32
    np.testing.assert_allclose(physical, by_gdal, rtol=1e-6, atol=1e-5)
    shown = read_png(made.folder / "png" / f"{stem}.png", case.dtype)
    np.testing.assert_array_equal(shown, pixels[..., list(case.shown)])
    np.testing.assert_array_equal(cells(read_png(made.folder / "png" / "grid.png"))[seed], as_seen(pixels, case))
    assert Image.open(made.folder / "png" / f"{stem}.png").text["SYNTHETIC"].startswith("SYNTHETIC: ")
    assert len({pixels[..., band].tobytes() for band in range(len(case.bands))}) == len(case.bands)


@pytest.mark.slow
def test_generated_images_of_sixteen_bits_use_the_lower_eight(made):
    if made.case.dtype == "uint8":
        return
    pixels = np.stack([rasterio.open(path).read() for path in sorted((made.folder / "geotiff").glob("*.tif"))])
    assert np.unique(pixels).size > 256  # more than eight bits tell apart, however they are spread over sixteen
    assert np.unique(pixels & 255).size > 128


@pytest.mark.slow
def test_a_served_png_shows_the_display_bands(made):
    signatures = tf.saved_model.load(str(made.folder / "model" / "1")).signatures
    served = signatures["png_from_seed"](seed=tf.range(3, dtype=tf.int64), truncation=tf.ones([3]))["png_bytes"]
    grid = cells(read_png(made.folder / "png" / "grid.png"))
    for image, png in zip(grid, served.numpy(), strict=False):
        np.testing.assert_array_equal(tf.io.decode_png(png), image)
