"""The measures of extension as a person runs them, with a model that makes noise."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import procedural
from experiments.extension_evaluation import masks, measures
from experiments.extension_evaluation.baselines import Method, replicate
from tests import datasets, extenders
from tests.metrics.extractors import RandomFilters

WINDOW = 64


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.evaluate_extension", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return extenders.save_noisy(tmp_path_factory.mktemp("models") / "noisy", WINDOW)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "scene.png"
    Image.fromarray(procedural.scene(3, size=512)).save(path)
    return path


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, model, scene) -> tuple[Path, str]:
    output = tmp_path_factory.mktemp("evaluated") / "out"
    arguments = (f"--model={model}", f"--real={scene}", f"--output={output}", "--num=10", "--samples=2", "--masks=all")
    return output, run(*arguments, "--metrics=seam,errors,diversity,drift").stdout


def test_all_of_the_figures_are_there_beside_the_control_and_the_baselines(evaluated):
    output, _ = evaluated
    found = json.loads((output / "metrics.json").read_text())
    assert set(found["methods"]) == {"model", "edge replicate", "mirror", "real tile pasted", "quilting"}
    for method in found["methods"].values():
        assert method["seam"]["joins"] == found["real"]["seam"]["joins"] > 10
        assert {"0-2", "2-4", "4-8", "8-16", "0-16", "all"} <= method["errors"].keys()
        assert len(method["rings"]) == len(method["ring_seams"]) == 8 and method["area"] is None
        assert method["errors"]["0-16"]["best_l1"] <= method["errors"]["0-16"]["l1"]
    assert found["published_2019"]["seam_ratio"] == [1.72, 1.65]


def test_what_noise_is_told_about_itself(evaluated):
    output, told = evaluated
    found = json.loads((output / "metrics.json").read_text())
    noise = found["methods"]["model"]
    # It joins what is real with a line, and what is noise already with none.
    assert noise["ring_seams"][0] > 1.15 and noise["ring_seams"][1:] == pytest.approx([1] * 7, abs=0.15)
    assert found["methods"]["mirror"]["ring_seams"][0] == pytest.approx(1, abs=0.3)
    assert noise["seam"]["mean"] > 1.15 and noise["diversity"]["all"] > 5
    # Two normal numbers of deviation 25 are 25 * 2 / sqrt(pi) apart.
    assert noise["diversity"]["all"] == pytest.approx(25 * 2 / np.sqrt(np.pi), rel=0.05)
    goals = {goal["name"]: goal["met"] for goal in found["goals"]}
    assert goals["seam ratio"] is False and "MISSED  seam ratio" in told
    assert goals["gradient energy of ring 8"] is True and "met     gradient energy" in told


def test_the_report_names_everything_and_its_pictures_open(evaluated):
    output, told = evaluated
    page = (output / "report.md").read_text()
    for name in ("contexts.png", "march.png", "curves.png"):
        assert f"({name})" in page
        with Image.open(output / name) as picture:
            assert np.asarray(picture.convert("RGB")).std() > 10
    for text in (page, told):
        assert "quilting" in text and "2019 roll-out" in text and "2.49 / 1.85" in text
    assert "; seam 1.72 / 1.65" in page
    assert not list(output.glob("*.tmp"))


@pytest.mark.slow
def test_windows_of_a_dataset_and_the_classifier(model, tmp_path):
    data = datasets.write(tmp_path / "data", datasets.landscape(12, 128))
    arguments = (f"--model={model}", f"--real={data}", "--split=train", f"--output={tmp_path / 'out'}", "--num=24")
    told = run(*arguments, "--samples=2", "--metrics=classifier").stdout
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["methods"]["model"]["area"] > 0.9 and abs(found["real"]["area"] - 0.5) < 0.2
    assert found["methods"]["model"]["seam"] is None and "open    seam ratio" in told


def test_wrong_use_is_one_line(model, scene, tmp_path):
    images = extenders.save_noisy(tmp_path / "images", WINDOW, task="images")
    small = tmp_path / "small.png"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(small)
    given = {"model": model, "real": scene, "output": tmp_path / "out", "num": 4}
    for changes, expected in (
        ({"model": tmp_path / "none"}, "no model"),
        ({"model": images}, "--task=extension"),
        ({"masks": "third"}, "choose of half"),
        ({"metrics": "beauty"}, "choose of seam"),
        ({"real": tmp_path / "nothing.png"}, "nothing is there"),
        ({"real": small}, "small.png"),
        ({"inception_path": tmp_path / "weights.pt", "metrics": "fid"}, "weights.pt"),
    ):
        told = run(*(f"--{name}={value}" for name, value in (given | changes).items()), code=2).stderr
        assert expected in told and told.count("\n") == 1 and "Traceback" not in told


def test_marches_go_on_from_their_own_work():
    windows = datasets.landscape(3, WINDOW)
    seen = []

    def shifted(images, known, seeds):
        seen.append((images.copy(), seeds))
        return np.where(known[..., None], images, np.roll(images, WINDOW // 2, axis=2) + 1)

    strips = measures.march(shifted, windows, WINDOW // 2, rings=4, seed=7)
    assert strips.shape == (3, WINDOW, WINDOW // 2 * 5, 3)
    for ring in range(5):
        tile = strips[:, :, ring * 32 : (ring + 1) * 32]
        np.testing.assert_array_equal(tile, windows[:, :, :32] + np.uint8(ring))
    assert not seen[0][0][:, :, 32:].any()  # the truth was not given
    assert [seeds[0] for _, seeds in seen] == [7, 10, 13, 16]


def test_the_truth_is_hidden_from_methods_and_samples_have_seeds_of_their_own():
    windows, asked = datasets.landscape(4, WINDOW), []
    known = np.zeros((4, WINDOW, WINDOW), bool)
    known[:, :, :32] = True

    def extend(images, known, seeds):
        asked.append(seeds)
        assert not images[~known].any()
        return replicate(images, known, seeds)

    setting = measures.Setting(windows, known, 32, samples=3, seed=5, metrics=("errors",), extractor=None)
    assert measures.draw(Method("any", extend, random=True), setting).shape == (3, 4, WINDOW, WINDOW, 3)
    assert sorted(np.concatenate(asked)) == list(range(5, 17))


def test_quadrants_are_compared_through_the_network_that_is_given():
    tiles = datasets.landscape(24, WINDOW)
    known = masks.masks(["half", "quadrant"], 12, WINDOW)
    names = ("fid", "kid", "drift")
    setting = measures.Setting(tiles[:12], known, 32, samples=2, seed=0, metrics=names, extractor=RandomFilters())
    assert len(setting.quadrants) == 6 * 2 + 6
    assert not any(known[place].any() for place in setting.quadrants)
    real, truth = measures.real(setting, tiles[12:]), Method("truth", None, random=False)
    perfect = measures.measure(truth, setting, tiles[None, :12], None)
    assert len(real.ring_kid) == 1 and len(real.rings) == 1
    assert perfect.fid == pytest.approx(0, abs=1e-6 * real.fid) and perfect.kid < real.kid
    method = Method("replicate", replicate, random=False)
    strips = measures.march(replicate, tiles[:12], 32)
    poor = measures.measure(method, setting, measures.draw(method, setting), strips)
    assert poor.fid > 0.1 and poor.kid > perfect.kid
    assert len(poor.ring_kid) == 8 and min(poor.ring_kid) > perfect.kid
