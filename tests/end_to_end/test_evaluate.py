"""Evaluation as a person runs it: all kinds of sets, in training, and nonsense."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from progan_tf.export import saved_model
from progan_tf.training import run_directory
from tests import datasets, runs

N = 24


def run(module: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", f"experiments.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def flags(**values: object) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


def figures(output: Path) -> dict[str, dict]:
    return json.loads((output / "metrics.json").read_text())["figures"]


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    found = datasets.landscape(4 * N, 16)
    return found[np.random.default_rng(0).permutation(len(found))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiles) -> dict[str, Path]:
    """Folders of PNG files: real, fresh (other real ones) and repeated (one image)."""
    root = tmp_path_factory.mktemp("folders")
    repeated = np.repeat(tiles[np.argmax(tiles.std(axis=(1, 2, 3)))][None], N, axis=0)
    for name, images in (("real", tiles[: 2 * N]), ("fresh", tiles[2 * N : 3 * N]), ("repeated", repeated)):
        (root / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(root / name / f"{number:03}.png")
    return {path.name: path for path in root.iterdir()}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, tiles) -> Path:
    return datasets.write(tmp_path_factory.mktemp("data") / "small", tiles, shards=2)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory) -> Path:
    """A SavedModel of random features, named for what it is."""
    folder = tmp_path_factory.mktemp("models") / "random"
    kernel = tf.constant(np.random.default_rng(0).standard_normal((48, 32)), tf.float32)

    class Features(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")])
        def __call__(self, images):
            small = tf.image.resize(images, [4, 4], method="area")
            return {"features": tf.nn.relu(tf.reshape(small, [-1, 48]) / 255 @ kernel)}

    module = Features()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.__call__})
    return folder


def test_folders_with_every_metric_that_needs_no_weights(folders, tmp_path):
    arguments = flags(real=folders["real"], generated=folders["repeated"], output=tmp_path / "out", metrics="pixels")
    done = run("evaluate", *arguments)
    found = figures(tmp_path / "out")
    assert {figure["metric"] for figure in found.values()} == {
        "swd", "ms_ssim", "ssim", "spectrum", "bands", "birthday", "memorization"
    }  # fmt: skip
    assert found["birthday"]["value"] == 1 and found["birthday"]["floor"] == 0
    assert found["ms_ssim"]["value"] == pytest.approx(1)
    assert all(figure["n"] == N and figure["extractor"] is None for figure in found.values())
    assert "MS-SSIM" in done.stdout and done.stdout.splitlines()[-1] == f"report     {tmp_path / 'out' / 'report.html'}"
    assert (tmp_path / "out" / "figures" / "closest_generated.png").exists()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "metrics.json", "figures"}


def test_a_dataset_and_a_run_through_a_network_of_the_users_with_features_kept(data_dir, extractor, tmp_path):
    runs.write(tmp_path / "run", images=9000)
    common = flags(
        real=data_dir, generated=tmp_path / "run", metrics="fid,kid,coverage", num=N, extractor=extractor,
        cache=tmp_path / "cache",
    )  # fmt: skip
    run("evaluate", *common, f"--output={tmp_path / 'out'}")
    first = figures(tmp_path / "out")
    assert set(first) == {"fd-random", "kid", "coverage"}
    assert first["kid"]["extractor"].startswith("FD-random ") and first["kid"]["bands"] == "red, green, blue"
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert len(kept) == 3  # reference, others, generated
    run("evaluate", *common, f"--output={tmp_path / 'again'}")
    assert figures(tmp_path / "again") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == kept


@pytest.mark.slow
def test_all_of_a_model_leaves_out_what_the_images_do_not_allow_and_says_so(data_dir, extractor, tmp_path):
    runs.write(tmp_path / "run", images=9000)
    model = saved_model.export(tmp_path / "run", tmp_path / "model").path.parent
    common = flags(real=data_dir, generated=model, num=N, extractor=extractor, cache=tmp_path / "cache")
    done = run("evaluate", *common, f"--output={tmp_path / 'out'}")
    assert "left out   cas: cas needs the classes of images" in done.stdout
    assert len({figure["metric"] for figure in figures(tmp_path / "out").values()}) == 14
    text = (tmp_path / "out" / "report.html").read_text()
    assert "left out" in text and "Generated, closest by features" in text
    numbers = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert numbers["generated"]["images"] == N and numbers["real"]["images"] == 2 * N
    assert "seed 0" in numbers["nearest_real"]


@pytest.mark.slow
def test_sixteen_bits_and_four_bands(tiles, tmp_path):
    deep = np.concatenate([tiles, tiles[..., :1]], axis=-1).astype(np.uint16) * 257
    data = datasets.write(tmp_path / "data", deep)
    runs.write(tmp_path / "run", images=9000, channels=4, dtype="uint16")
    sets = flags(real=data, generated=tmp_path / "run", num=N)
    run("evaluate", *sets, f"--output={tmp_path / 'out'}", "--metrics=swd,spectrum,bands,memorization")
    found = figures(tmp_path / "out")
    assert found["bands"]["value"] > 3 * found["bands"]["floor"]
    assert found["bands/wasserstein/band 4"]["value"] > 0


@pytest.mark.slow
def test_verdicts_and_held_out_images(folders, tmp_path):
    common = flags(real=folders["real"], generated=folders["fresh"], metrics="memorization", held_out=folders["fresh"])
    run("evaluate", *common, f"--output={tmp_path / 'out'}")
    numbers = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (
        numbers["figures"]["memorization/held_out_distance"]["value"]
        == (numbers["figures"]["memorization/generated_distance"]["value"])
    )
    closest = numbers["closest_pairs"]["closest_generated"]
    assert closest["support"]["duplicated"] == 0
    pair = next(pair for pair in closest["pairs"] if not pair["featureless"])
    verdicts = {"verdicts": [{"set": closest["set"], "keys": pair["keys"][::-1], "verdict": "same"}]}
    (tmp_path / "verdicts.json").write_text(json.dumps(verdicts))
    run("evaluate", *common, f"--output={tmp_path / 'out'}", f"--verdicts={tmp_path / 'verdicts.json'}")
    again = json.loads((tmp_path / "out" / "metrics.json").read_text())["closest_pairs"]["closest_generated"]
    assert again["support"]["duplicated"] == again["support"]["batches"] == 1


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--metrics=fid,fdi"], "no metric fdi; there are fid, kid"),
        (["--metrics=swd,kid", "--inception_path=/nowhere.npz"], "/nowhere.npz: there is no such file"),
        (["--metrics=swd", "--real=/nowhere"], "no images at /nowhere"),
        (["--metrics=swd", "--verdicts=/nowhere.json"], "verdicts /nowhere.json cannot be read"),
        (["--metrics=kid", "--extractor=/nowhere"], "--extractor=/nowhere is no SavedModel"),
        (["--metrics=ms_ssim", "--num=3"], "ms_ssim needs 4 images a side"),
        (["--resize=sideways"], "resize"),
        (["--num=1"], "num"),
        (["stray"], "unexpected stray"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(folders, tmp_path, extra, complaint):
    done = run(
        "evaluate", *flags(real=folders["real"], generated=folders["fresh"], output=tmp_path / "out"), *extra, code=2
    )
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "out" / "report.html").exists()


def test_help_answers_at_once_with_every_flag():
    started = time.monotonic()
    done = run("evaluate", "--help")
    assert time.monotonic() - started < 5  # without TensorFlow, also on a busy machine
    assert {"--real", "--held_out", "--verdicts", "--duplicate_threshold"} <= set(done.stdout.split())


def test_without_weights_the_command_says_where_to_get_them(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    done = run("evaluate", *flags(real=folders["real"], generated=folders["fresh"], output=tmp_path / "out"), code=2)
    assert "python -m progan_tf.metrics.inception --fetch" in done.stderr and "--inception_path" in done.stderr


def test_training_evaluates_keeps_the_best_and_compare_and_export_find_it(data_dir, tmp_path):
    settings = {
        "network.resolution": 8, "network.latent_size": 8, "network.fmap_base": 64, "network.fmap_max": 8,
        "schedule.stable_kimg": 0.064, "schedule.fade_kimg": 0.064, "schedule.total_kimg": 0.384,
        "schedule.batch_size": 16, "training.tick_kimg": 0.064, "training.grid_columns": 4, "training.grid_rows": 2,
        "training.shuffle_mb": 1, "evaluation.num": 16, "evaluation.best": "bands/p50",
    }  # fmt: skip
    sets = [f"--set={name}={value}" for name, value in settings.items()]
    short = ["--eval_every_kimg=0.1", "--eval_metrics=bands,spectrum"]
    run_dir = tmp_path / "run"
    done = run("train", *flags(data_dir=data_dir, run_dir=run_dir, preset="official_1gpu"), *sets, *short)
    assert done.stdout.count("evaluated on 16 images in ") == 4
    config = run_directory.read_config(run_dir).evaluation
    assert (config.every_kimg, config.metrics, config.best) == (0.1, "bands,spectrum", "bands/p50")
    evaluated = [line for line in run_directory.read_metrics(run_dir) if "evaluation" in line]
    assert [line["images"] for line in evaluated] == [128, 256, 320, 384]
    assert {"bands", "bands/p50", "spectrum", "spectrum/slope_gap"} <= set(evaluated[0]["evaluation"])
    (kept,) = (run_dir / "best").iterdir()

    compared = run("compare", str(run_dir), "--metric=bands/p50", f"--output={tmp_path / 'plot.png'}")
    assert str(kept) in compared.stdout and (tmp_path / "plot.png").stat().st_size > 5000
    exported = run("export", *flags(run_dir=run_dir, output=tmp_path / "model", checkpoint="best"))
    assert f"{int(kept.name) / 1000:,.1f} kimg" in exported.stdout


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        (["--set=evaluation.best=fid"], "evaluation.best is fid; it must be empty, or a figure of evaluation.metrics"),
        (["--eval_every_kimg=1", "--eval_metrics=fdi"], "no metric fdi"),
        (["--eval_every_kimg=-1"], "evaluation.every_kimg is -1.0"),
    ],
)
def test_a_wrong_evaluation_is_told_before_training(data_dir, tmp_path, setting, complaint):
    arguments = flags(data_dir=data_dir, run_dir=tmp_path / "run", preset="official_1gpu")
    done = run("train", *arguments, "--set=network.fmap_base=64", "--set=network.fmap_max=8", *setting, code=2)
    assert complaint in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
