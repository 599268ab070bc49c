"""Exported models: what they compute, what they promise, and when there is none."""

import dataclasses
import hashlib
import io
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from progan_tf import imaging
from progan_tf.errors import Failed, InputError
from progan_tf.export import description as descriptions
from progan_tf.export import saved_model
from progan_tf.export.saved_model import Exported
from progan_tf.export.seeds import latents_of
from progan_tf.networks.generator import Generator
from progan_tf.training import run_directory
from progan_tf.training.progress import Progress, where_it_stands
from tests import runs

STANDALONE = """
import importlib.util, sys
sys.path.append(sys.argv[1])
assert importlib.util.find_spec("progan_tf") is None, "the project can be imported, so this would show nothing"
import hashlib
import tensorflow as tf
model = tf.saved_model.load(sys.argv[2])
images = model.signatures["from_seed"](seed=tf.range(5, dtype=tf.int64), truncation=tf.ones([5]))["images"]
print([hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images])
print("keras" in sys.modules)
"""


@dataclasses.dataclass(frozen=True)
class Case:
    averaged: Generator
    exported: Exported
    loaded: Any

    def call(self, signature: str, **inputs: Any) -> np.ndarray:
        count = len(next(iter(inputs.values())))
        if self.exported.description.labels and "labels" not in inputs:
            inputs["labels"] = tf.range(count) % len(self.exported.description.labels)
        ((_, output),) = self.loaded.signatures[signature](**inputs).items()
        return output.numpy()

    def of_seeds(self, seeds: list[int], truncation: float = 1.0, signature: str = "from_seed", **more) -> np.ndarray:
        seeds = tf.constant(seeds, tf.int64)
        return self.call(signature, seed=seeds, truncation=tf.fill(seeds.shape, truncation), **more)

    def latents(self, count: int) -> tf.Tensor:
        return tf.stack([latents_of(seed, self.exported.description.latent_size) for seed in range(count)])


def _case(folder: Path, **options) -> Case:
    averaged = runs.write(folder / "run", **options)
    exported = saved_model.export(folder / "run", folder / "model")
    return Case(averaged, exported, tf.saved_model.load(str(exported.path)))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Case:
    """Grown to 16 x 16, RGB of 8 bits."""
    return _case(tmp_path_factory.mktemp("plain"), images=10000)


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> Case:
    """Fading in to 32 x 32 by a quarter, four bands of 16 bits, three classes."""
    folder = tmp_path_factory.mktemp("rich")
    return _case(folder, images=5250, resolution=32, channels=4, labels=3, dtype="uint16")


@pytest.fixture(params=["plain", "rich"])
def case(request) -> Case:
    return request.getfixturevalue(request.param)


def test_signatures_are_those_of_the_contract(case):
    model = case.exported.description
    labels = {"labels": tf.TensorSpec([None], tf.int32, "labels")} if model.labels else {}
    seeds = {
        "seed": tf.TensorSpec([None], tf.int64, "seed"),
        "truncation": tf.TensorSpec([None], tf.float32, "truncation"),
        **labels,
    }
    shape = [None, model.resolution, model.resolution, model.channels]
    images = {"images": tf.TensorSpec(shape, model.dtype, "images")}
    wanted = {
        "serving_default": ({"latents": tf.TensorSpec([None, 16], tf.float32, "latents"), **labels}, images),
        "from_seed": (seeds, images),
        "png_from_seed": (seeds, {"png_bytes": tf.TensorSpec([None], tf.string, "png_bytes")}),
    }
    found = {
        name: (function.structured_input_signature[1], function.structured_outputs)
        for name, function in case.loaded.signatures.items()
    }
    assert found == wanted


def test_any_batch_size_none_included(case):
    model = case.exported.description
    shape = (model.resolution, model.resolution, model.channels)
    for count in (0, 1, 5):
        assert case.call("serving_default", latents=case.latents(5)[:count]).shape == (count, *shape)
        assert case.of_seeds(list(range(count))).shape == (count, *shape)
        assert case.of_seeds(list(range(count)), signature="png_from_seed").shape == (count,)


def test_images_are_those_of_the_training_network(case):
    model = case.exported.description
    classes = len(model.labels)
    latents = tf.random.stateless_normal([6, 16], [3, 4])
    labels = tf.range(6) % max(1, classes)
    network = case.averaged.model_at(model.level, model.alpha < 1)
    images = network([latents, tf.one_hot(labels, classes), tf.constant(model.alpha)]).numpy()
    wanted = imaging.to_pixels(images, model.dtype)
    got = case.call("serving_default", latents=latents)
    assert got.dtype == wanted.dtype == model.dtype
    grey_level = {"uint8": 1, "uint16": 257}[model.dtype]
    assert np.abs(got.astype(np.int64) - wanted).max() <= grey_level
    assert wanted.std() > 20 * grey_level


def test_it_stands_where_the_run_stands(plain, rich):
    assert (plain.exported.description.resolution, plain.exported.description.alpha) == (16, 1)
    assert (rich.exported.description.resolution, rich.exported.description.alpha) == (32, 0.25)
    assert "mid-fade: 32 x 32 at weight 0.250" in rich.exported.description.growth


def test_a_stretch_that_nothing_was_learnt_of_does_not_count(tmp_path):
    runs.write(tmp_path / "run", images=1001)
    config = run_directory.read_config(tmp_path / "run")
    assert where_it_stands(config, Progress(images=1001, stage=(2, False))) == (2, 1.0)
    assert where_it_stands(config, Progress(images=2001, stage=(3, True))) == (3, 1.0)
    assert where_it_stands(config, Progress(images=1500, stage=(3, True))) == (3, 0.5)


def test_a_seed_is_one_image_whatever_the_batch(case):
    labels = {"labels": [1] * 8} if case.exported.description.labels else {}
    whole = case.of_seeds([7, 0, 1, 2, 3, 4, 5, 6], **labels)
    for seeds in ([7], [2, 3, 7], [0, 1, 7, 2, 7, 3, 4, 5]):
        some = case.of_seeds(seeds, **{name: values[: len(seeds)] for name, values in labels.items()})
        for place, seed in enumerate(seeds):
            np.testing.assert_array_equal(some[place], whole[(seed + 1) % 8])


def test_it_needs_nothing_of_the_project_and_gives_the_same_bytes_there(plain, tmp_path):
    script = tmp_path / "standalone.py"
    script.write_text(STANDALONE)
    # -I -S: neither this folder nor the .pth file of an editable install is on the path, so the project is not.
    command = [sys.executable, "-I", "-S", str(script), sysconfig.get_path("purelib"), str(plain.exported.path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    here = [hashlib.sha256(image.tobytes()).hexdigest() for image in plain.of_seeds([0, 1, 2, 3, 4])]
    assert done.stdout.splitlines()[0] == str(here)


def test_png_shows_the_display_bands(case):
    model = case.exported.description
    images = case.of_seeds([3, 4])
    for pixels, png in zip(images, case.of_seeds([3, 4], signature="png_from_seed"), strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(decoded, imaging.to_display(pixels, tuple(model.display_bands)))


def test_truncation_one_is_the_network_as_trained(case):
    of_latents = case.call("serving_default", latents=case.latents(4)).astype(np.int64)
    grey_level = {"uint8": 1, "uint16": 257}[case.exported.description.dtype]
    assert np.abs(case.of_seeds([0, 1, 2, 3]) - of_latents).max() <= grey_level


def test_truncation_makes_images_more_alike(case):
    labels = {"labels": [0] * 8} if case.exported.description.labels else {}

    def distance(truncation: float) -> float:
        images = case.of_seeds(list(range(8)), truncation, **labels).astype(np.float64)
        return np.abs(images[:, np.newaxis] - images[np.newaxis]).mean()

    assert distance(0.1) < distance(0.5) < distance(1.0)


def test_a_wrong_label_is_refused(rich):
    for label in (-1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be"):
            rich.of_seeds([0], labels=[label])


def test_the_description_is_complete(rich):
    written = json.loads((rich.exported.path / "assets.extra" / "model.json").read_text())
    assert written == dataclasses.asdict(rich.exported.description)
    assert descriptions.read(rich.exported.path) == rich.exported.description
    assert written["name"] == "model"
    assert written["training_data"] == {"name": "small", "images": 123}
    assert written["kimg"] == 5.25
    assert written["labels"] == ["class 0", "class 1", "class 2"]
    assert "SYNTHETIC" in written["synthetic"]


def test_a_model_of_an_earlier_release_is_read_and_a_damaged_one_refused(rich, tmp_path):
    (tmp_path / "assets.extra").mkdir()
    path = tmp_path / "assets.extra" / "model.json"
    fields = dataclasses.asdict(rich.exported.description)
    del fields["physical_values"]
    path.write_text(json.dumps(fields))
    assert descriptions.read(tmp_path).scaling == fields["scaling"]
    del fields["bands"]
    path.write_text(json.dumps(fields))
    with pytest.raises(InputError, match="is no model of this project"):
        descriptions.read(tmp_path)


def test_bfloat16_is_near_and_half_the_size(plain, tmp_path):
    run = plain.exported.path.parents[1] / "run"
    exported = saved_model.export(run, tmp_path / "model", "bfloat16")
    assert 0 < exported.difference.mean <= 2
    assert exported.difference.mean < exported.difference.most <= min(exported.difference.largest, 16)
    assert exported.description.precision == "bfloat16"
    data = Path("variables") / "variables.data-00000-of-00001"
    assert (exported.path / data).stat().st_size < 0.8 * (plain.exported.path / data).stat().st_size


@pytest.mark.parametrize("mean, most", [(2.1, 15), (1.9, 17)])
def test_bfloat16_too_far_off_is_refused_with_its_figures_and_the_remedy(plain, tmp_path, monkeypatch, mean, most):
    far = saved_model.Difference("the training network", 40, mean, most)
    monkeypatch.setattr(saved_model, "compare", lambda *arguments: far)
    told = f"{mean:.2f} in the mean and 99.9 % within {most:.1f}, .*give --precision=float32"
    with pytest.raises(Failed, match=told):
        saved_model.export(plain.exported.path.parents[1] / "run", tmp_path / "model", "bfloat16")
    assert not (tmp_path / "model").exists()


def test_versions_count_up_and_a_model_that_differs_is_not_kept(plain, tmp_path, monkeypatch):
    run, output = plain.exported.path.parents[1] / "run", tmp_path / "model"
    (output / "9").mkdir(parents=True)
    assert saved_model.export(run, output).path == output / "10"

    fold = saved_model.fold

    def tampered(*arguments):
        folded = fold(*arguments)
        folded.to_rgb.kernel[0, 0, 0, 0] += 0.5
        return folded

    monkeypatch.setattr(saved_model, "fold", tampered)
    with pytest.raises(Failed, match=r"differs from the training network by \d+\.\d grey levels"):
        saved_model.export(run, output)
    assert sorted(path.name for path in output.iterdir()) == ["10", "9"]
    for form in ("saved_model", "keras"):
        with pytest.raises(Failed):
            saved_model.export(run, tmp_path / "new", form=form)
        assert not (tmp_path / "new").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path):
    averaged = runs.write(tmp_path / "run", images=500)
    exported = saved_model.export(tmp_path / "run", tmp_path / "model")
    averaged.variables["4x4/conv/bias"].assign(np.full(16, np.nan))
    with pytest.raises(Failed, match="not finite"):
        saved_model.compare(exported.path, averaged, exported.description)


def test_a_torn_checkpoint_is_passed_over(tmp_path):
    runs.write(tmp_path / "run", images=500)
    runs.write(tmp_path / "run", images=700)
    newest = tmp_path / "run" / "checkpoints" / f"{700:012d}"
    (newest / "weights.index").write_bytes(b"torn")
    assert saved_model.export(tmp_path / "run", tmp_path / "model").description.kimg == 0.5
    (newest.with_name(f"{500:012d}") / "weights.index").write_bytes(b"torn")
    with pytest.raises(InputError, match=r"every checkpoint .* is damaged"):
        saved_model.export(tmp_path / "run", tmp_path / "model")


def test_there_must_be_a_run_and_a_checkpoint(plain, tmp_path):
    with pytest.raises(InputError, match="no run at"):
        saved_model.export(tmp_path / "nowhere", tmp_path / "model")
    (tmp_path / "run").mkdir()
    shutil.copy(plain.exported.path.parents[1] / "run" / "config.json", tmp_path / "run")
    with pytest.raises(InputError, match="no checkpoint yet"):
        saved_model.export(tmp_path / "run", tmp_path / "model")
    assert not (tmp_path / "model").exists()
