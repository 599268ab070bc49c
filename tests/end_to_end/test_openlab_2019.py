"""The talk's three studies on the command line: what they print and write, and what they refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.image_sets import open_pair
from experiments.openlab_2019 import six_rows
from progan_tf.export import saved_model
from progan_tf.metrics import birthday, inception_weights, symmetries, verdicts
from tests import datasets, runs

PROJECT = Path(__file__).parents[2]


def run(study: str, cache: Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", f"experiments.openlab_2019.{study}", *(f"--{k}={v}" for k, v in options.items())],
        cwd=PROJECT,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def write_pngs(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    """A dataset of 40 tiles, a run and its model, 16 x 16; 40 tiles as files, number 1 and 2 the same, 3 and 4 flat."""
    folder = tmp_path_factory.mktemp("sets")
    datasets.write(folder / "dataset", datasets.landscape(40, 32))
    runs.write(folder / "run", images=3500)
    saved_model.export(folder / "run", folder / "model")
    files = datasets.landscape(40, 16, seed=50)
    files[2], files[3:5] = files[1], 90
    write_pngs(folder / "files", files)
    return folder


def test_ssim_table_of_a_dataset_and_a_model(sets, tmp_path):
    given, output = (sets / "dataset", sets / "model"), tmp_path / "studies"
    options = {"real": given[0], "generated": given[1], "num": 30, "sample_size": 12, "repeats": 2, "seed": 5}
    done = run("ssim_table", tmp_path, output=output, range="talk2019", **options)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads((output / "ssim_table.json").read_text())
    both = open_pair(*map(str, given), num_real=30, num_generated=30, seed=5, folder=tmp_path)
    for scale in ("correct", "talk2019"):
        rows = six_rows.ssim_rows(*both, talk2019_range=scale == "talk2019", sample_size=12, repeats=2, seed=5)
        assert [tuple(row["values"]) for row in told[scale]] == [row.values for row in rows]
        for row in rows:
            assert f"{row.mean:.4f} +- {row.deviation:.4f}" in done.stdout
    assert np.mean([row["mean"] for row in told["talk2019"]]) > np.mean([row["mean"] for row in told["correct"]]) + 0.2
    assert (told["sample_size"], told["repeats"], told["real"]["sha256"]) == (12, 2, both[0].digest)
    assert told["pairing"] in done.stdout and "30 images of 16 x 16 x 3 uint8" in done.stdout
    assert Image.open(output / "ssim_table.png").size[0] > 1000
    assert sorted(path.name for path in output.iterdir()) == ["ssim_table.json", "ssim_table.png"]


def test_birthday_of_files_with_verdicts(sets, tmp_path):
    output, said, files = tmp_path / "studies", tmp_path / "verdicts.json", str(sets / "files")
    real, images = open_pair(str(sets / "dataset"), files, num_generated=40, folder=tmp_path)
    closest = list(birthday.closest_of_samples(images, 20, 4))
    called_same = next(pair for pair in closest[1] if not pair.featureless and pair.mse > 0)
    verdicts.write(said, {(files, frozenset(called_same.keys)): "same"})
    done = run(
        "birthday", tmp_path, real=sets / "dataset", generated=files, output=output, sample_size=20, samples=2,
        pairs=4, duplicate_threshold=0, verdicts=said,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")

    duplicates = {pair.keys for pairs in closest for pair in pairs if pair.mse == 0 and not pair.featureless}
    duplicates |= {called_same.keys}
    told = json.loads((output / "birthday_generated.json").read_text())["pairs"]
    pairs = [found for sample in told["samples"] for found in sample]
    assert [found["keys"] for found in pairs] == [list(pair.keys) for sample in closest for pair in sample]
    assert {tuple(found["keys"]) for found in pairs if found["duplicate"]} == duplicates
    assert [found["keys"] for found in pairs if found["verdict"]] == [list(called_same.keys)]
    flat = [found["keys"] for found in pairs if found["featureless"]]
    assert flat and all({"003.png", "004.png"} & set(keys) for keys in flat)
    for found in pairs:
        members = images.pixels[[images.keys.index(key) for key in found["keys"]]]
        near = symmetries.nearest(members, real.pixels)
        assert [known["key"] for known in found["nearest_real"]] == [real.keys[index] for index in near.index]
    held = sum(any(pair.keys in duplicates for pair in sample) for sample in closest)
    assert told["support"]["low"] == birthday.support(held, 2, 20).low and held >= 1
    assert f"{held} of 2 samples of 20 hold a duplicate" in done.stdout
    assert sorted(path.name for path in output.iterdir()) == [
        f"birthday_{side}.{kind}" for side in ("generated", "real") for kind in ("json", "png")
    ]


@pytest.fixture(scope="module")
def weights() -> Path:
    path = inception_weights.cached()
    if not path.exists():
        pytest.skip(f"no weights at {path}; python -m progan_tf.metrics.inception --fetch gets them")
    return path


def test_fid_table_of_files_and_a_run(sets, weights, tmp_path):
    output = tmp_path / "studies"
    done = run(
        "fid_table", tmp_path, real=sets / "files", generated=sets / "run", output=output, num=20, sample_size=8,
        repeats=2, inception_path=weights,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads((output / "fid_table.json").read_text())
    means = [row["mean"] for row in told["fid"]]
    assert min(means[2:]) > max(means[:2]) > 0
    assert told["network"].startswith("inception-2015-12-05 clean ") and told["network"].endswith("red, green, blue")
    assert told["network"] in done.stdout
    for mean in means[1:]:
        assert f"{mean - means[0]:.1f}" in done.stdout
    assert "199.0" in done.stdout
    assert (output / "fid_table.png").exists()


@pytest.mark.slow
def test_birthday_by_features(sets, weights, tmp_path):
    output = tmp_path / "studies"
    done = run(
        "birthday", tmp_path, real=sets / "dataset", generated=sets / "model", output=output, sample_size=10,
        samples=2, pairs=3, by="features", inception_path=weights,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads((output / "birthday_generated.json").read_text())
    assert told["network"].startswith("inception-2015-12-05 clean ")
    for sample in told["pairs"]["samples"]:
        distances = [found["feature_distance"] for found in sample]
        assert distances == sorted(distances) and distances[0] > 0


@pytest.mark.parametrize("study, options, message", [
    ("ssim_table", {"range": "talk"}, "--range"),
    ("ssim_table", {"sample_size": 1}, "--sample_size"),
    ("birthday", {"duplicate_threshold": -1}, "--duplicate_threshold"),
    ("birthday", {"by": "looks"}, "--by"),
    ("fid_table", {"resize": "nearest"}, "--resize"),
    ("fid_table", {"output": "FILE"}, "cannot be made"),
])  # fmt: skip
def test_wrong_use_is_one_line_and_exit_code_2(study, options, message, tmp_path):
    (tmp_path / "file").touch()
    options = {"real": tmp_path, "generated": tmp_path, "output": tmp_path / "out", **options}
    _is_refused(
        run(study, tmp_path, **{k: tmp_path / "file" if v == "FILE" else v for k, v in options.items()}), message
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("study, options, message", [
    ("birthday", {"sample_size": 200}, "has 40; give more, or --sample_size=40"),
    ("birthday", {"verdicts": "nothing.json"}, "verdicts nothing.json cannot be read"),
    ("fid_table", {"inception_path": "nothing.npz"}, "nothing.npz"),
])  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(sets, study, options, message, tmp_path):
    given = {"real": sets / "dataset", "generated": sets / "files", "resolution": 16, "output": tmp_path / "out"}
    _is_refused(run(study, tmp_path, **given, **options), message)
    assert list((tmp_path / "out").iterdir()) == []


def _is_refused(done: subprocess.CompletedProcess, message: str) -> None:
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
