"""Scene extension from windows to a SavedModel, by the commands as their users meet them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import datasets, runs

PROJECT = Path(__file__).parents[2]
TINY = (
    "network.fmap_base=128",
    "network.fmap_max=8",
    "network.latent_size=8",
    "network.resolution=32",
    "schedule.total_kimg=0.64",
    'schedule.stable_kimg={"4":0.064}',
    'schedule.fade_kimg={"4":0.064}',
    "schedule.batch_size=16",
    "training.tick_kimg=0.32",
    "training.grid_columns=4",
    "training.grid_rows=2",
    "extension.attention_resolution=16",
)

STANDALONE = """
import sys

import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1]).signatures
assert not any(name.startswith("progan_tf") for name in sys.modules)
image = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
known = np.zeros((5, 32, 32), np.uint8)
known[:4, :, :16] = 1  # of the last nothing

def inputs(image, known, seed):
    return {"image": tf.constant(image), "known": tf.constant(known), "seed": tf.constant(seed, tf.int64)}

def extend(*given):
    return model["extend"](**inputs(*given))["images"].numpy()

seeds = list(range(5))
made = extend(image, known, seeds)
assert (made[known > 0] == image[known > 0]).all()
assert (extend(image * known[..., None], known, seeds) == made).all()
assert (extend(image, known, [7] * 5) != made).any()
assert extend(image[:0], known[:0], []).shape == (0, 32, 32, 3)
png = model["png_extend"](**inputs(image, known, seeds))["png_bytes"]
assert (tf.io.decode_png(png[2]).numpy() == made[2]).all()
print("fine")
"""


def run(command: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", f"experiments.{command}", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def train(data: Path, run_dir: Path, *more: str) -> subprocess.CompletedProcess:
    settings = [f"--set={setting}" for setting in TINY]
    return run("train", f"--data_dir={data}", f"--run_dir={run_dir}", "--preset=extension_64", *settings, *more)


@pytest.fixture(scope="module")
def windows(tmp_path_factory) -> Path:
    return datasets.write(tmp_path_factory.mktemp("data") / "windows", datasets.landscape(64, 32))


@pytest.fixture(scope="module")
def trained(windows, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    done = train(windows, folder / "run")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def model(trained) -> Path:
    done = run("export", f"--run_dir={trained / 'run'}", f"--output={trained / 'model'}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m experiments.extend" in done.stdout
    return trained / "model" / "1"


def test_a_run_leaves_grids_what_is_known_of_them_and_all_figures(trained):
    samples = trained / "run" / "samples"
    known, reals = (np.asarray(Image.open(samples / name)) for name in ("known.png", "reals.png"))
    last = np.asarray(Image.open(sorted(samples.glob("kimg_*.png"))[-1]))
    assert known.shape == reals.shape == last.shape == (64, 128, 3)
    here = (known != 127).any(axis=-1)
    assert 0.2 < here.mean() < 0.9
    np.testing.assert_array_equal(last[here], known[here])
    copied = np.asarray(Image.open(samples / "copied.png"))
    assert copied.shape == known.shape
    places = copied.reshape(16, 4, 32, 4, 3)  # attention looks at 8 x 8 places of 32 x 32 pixels
    assert (places == places[:, :1, :, :1]).all() and len(np.unique(places[:, 0, :, 0].reshape(-1, 3), axis=0)) > 8
    line = runs.timeless(trained / "run")[-1]
    for figure in ("reconstruction", "diversity", "seam_real_score", "seam_fake_score", "d_loss", "g_loss"):
        assert np.isfinite(line[figure])


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_bits(windows, trained, tmp_path):
    half = train(windows, tmp_path / "run", "--set=schedule.total_kimg=0.32")
    assert half.returncode == 0, half.stderr
    whole = train(windows, tmp_path / "run")
    assert whole.returncode == 0, whole.stderr
    assert runs.weights(tmp_path / "run") == runs.weights(trained / "run")


def test_the_model_continues_windows_of_any_batch_without_this_project(model):
    description = json.loads((model / "assets.extra" / "model.json").read_text())
    assert (description["task"], description["resolution"], description["tile"]) == ("extension", 32, 16)
    done = subprocess.run(
        [sys.executable, "-c", STANDALONE, str(model)],
        cwd=model,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "fine" in done.stdout, done.stderr


def test_an_export_in_bfloat16_keeps_known_pixels_and_is_close(trained):
    done = run("export", f"--run_dir={trained / 'run'}", f"--output={trained / 'small'}", "--precision=bfloat16")
    assert (done.returncode, done.stderr) == (0, "")
    assert "against the training network in float32" in done.stdout
    image = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    known = np.zeros((2, 32, 32), np.uint8)
    known[:, :16] = 1
    given = {"image": tf.constant(image), "known": tf.constant(known), "seed": tf.constant([1, 2], tf.int64)}
    model = tf.saved_model.load(str(trained / "small" / "1"))
    made = model.signatures["extend"](**given)["images"].numpy()
    np.testing.assert_array_equal(made[known > 0], image[known > 0])


def test_the_model_rolls_out_to_the_same_pixels_row_by_row_and_in_waves(model, tmp_path):
    """With real convolutions: an image of a batch does not depend on its row of it, nor on the others."""
    pixels = datasets.landscape(1, 32)[0]
    Image.fromarray(pixels).save(tmp_path / "town.png")
    made = {}
    for order in ("raster", "wavefront", "spiral"):
        output = tmp_path / f"{order}.png"
        flags = f"--model={model}", f"--input={tmp_path / 'town.png'}", f"--output={output}", f"--order={order}"
        done = run("extend", *flags, "--size=96x80")
        assert (done.returncode, done.stderr) == (0, "")
        made[order] = np.asarray(Image.open(output))
        provenance = np.asarray(Image.open(tmp_path / f"{order}_provenance.png"))
        assert (provenance > 0).all()
        np.testing.assert_array_equal(made[order][provenance == 1].reshape(pixels.shape), pixels)
    np.testing.assert_array_equal(made["raster"], made["wavefront"])
    assert (made["raster"] != made["spiral"]).any()


def test_the_model_is_measured_beside_the_baselines(model, windows, tmp_path):
    flags = f"--model={model}", f"--real={windows}", "--split=train", f"--output={tmp_path}", "--num=8", "--samples=2"
    done = run("evaluate_extension", *flags, "--metrics=errors,diversity,drift")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"metrics.json", "report.md", "contexts.png", "march.png"} <= {path.name for path in tmp_path.iterdir()}


def test_windows_are_never_resized(tmp_path):
    folder = datasets.write(tmp_path / "tiles", datasets.landscape(16, 64))
    done = train(folder, tmp_path / "run")
    assert done.returncode == 2
    assert "images of 64, and windows are never resized; convert with --resolution=32" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("image", "known", "seed", "said"),
    [(2, 1, 2, "known must have one row"), (2, 2, 1, "seed must have one row"), (2, 0, 2, "known must")],
)
def test_rows_that_do_not_match_are_refused(model, image, known, seed, said):
    extend = tf.saved_model.load(str(model)).signatures["extend"]
    given = {
        "image": tf.zeros([image, 32, 32, 3], tf.uint8),
        "known": tf.zeros([known, 32, 32], tf.uint8),
        "seed": tf.zeros([seed], tf.int64),
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        extend(**given)


def test_a_mask_of_255_is_refused(model):
    extend = tf.saved_model.load(str(model)).signatures["extend"]
    known = tf.fill([1, 32, 32], tf.constant(255, tf.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="known must be 0 or 1"):
        extend(image=tf.zeros([1, 32, 32, 3], tf.uint8), known=known, seed=tf.zeros([1], tf.int64))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.use_labels=true", "training.use_labels is True; it must be False where training.task is extension"),
        ("augmentation.policy=diffaugment", "augmentation.policy is diffaugment"),
        ("network.resolution=16", "network.resolution is 16; it must be 32 or more"),
        ("extension.tile=32", "extension.tile is 32; it must be under 32"),
        ("extension.gamma=0", "extension.gamma is 0"),
        ("extension.attention=some", "extension.attention is some"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_line(windows, tmp_path, setting, said):
    done = train(windows, tmp_path / "run", f"--set={setting}")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_task_is_not_gone_on_with(windows, trained):
    done = run("train", f"--data_dir={windows}", f"--run_dir={trained / 'run'}", "--task=images")
    assert done.returncode == 2
    assert "task" in done.stderr


def test_a_run_of_extension_is_no_set_of_images(windows, trained, tmp_path):
    done = run(
        "evaluate", f"--real={windows}", f"--generated={trained / 'run'}", f"--output={tmp_path}", "--metrics=swd"
    )
    assert done.returncode == 2
    assert "evaluate_extension" in done.stderr
