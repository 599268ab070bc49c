"""Models in other formats than SavedModel, each run in a runtime of its own."""

import functools
import importlib.util
import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import Config, NetworkConfig, TrainingConfig
from progan_tf.errors import Failed, InputError
from progan_tf.export import description as descriptions
from progan_tf.export import formats, saved_model, standard_layers
from progan_tf.training import run_directory
from tests import runs

OTHERS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            any(importlib.util.find_spec(package) is None for package in kind.packages),
            reason=f"needs pip install 'progan-tf[{name}]'",
        ),
    )
    for name, kind in formats.FORMATS.items()
    if name != "saved_model"
]
# Opened where neither this project nor its custom layers are.
STANDALONE = """
import importlib.util, sys
sys.path.append(sys.argv[1])
assert importlib.util.find_spec("progan_tf") is None, "the project can be imported, so this would show nothing"
import keras, numpy as np
images = keras.saving.load_model(sys.argv[2])({"latents": np.ones([2, 16], "float32")})["images"]
print(images.shape, images.dtype)
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """Grown to 16 x 16, RGB of 8 bits."""
    folder = tmp_path_factory.mktemp("plain")
    runs.write(folder / "run", images=10000)
    return folder / "run"


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> Path:
    """Fading in to 32 x 32 by a quarter, seven bands of 16 bits, three classes."""
    folder = tmp_path_factory.mktemp("rich")
    runs.write(folder / "run", images=5250, resolution=32, channels=7, labels=3, dtype="uint16")
    return folder / "run"


@pytest.fixture(scope="module")
def export(plain, rich, tmp_path_factory) -> Callable[[str, str], saved_model.Exported]:
    """Exports a run, by its name, in a format; each once."""
    runs_by_name, folder = {"plain": plain, "rich": rich}, tmp_path_factory.mktemp("exports")

    @functools.cache
    def exported(run: str, form: str) -> saved_model.Exported:
        return saved_model.export(runs_by_name[run], folder / f"{run}-{form}", form=form)

    return exported


def of_signature(folder: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What the SavedModel gives for the same inputs, called as any user of it would."""
    loaded = tf.saved_model.load(str(folder))
    given = {name: tf.constant(array) for name, array in inputs.items()}
    return loaded.signatures["serving_default"](**given)["images"].numpy()


@pytest.mark.parametrize("run", ["plain", "rich"])
@pytest.mark.parametrize("name", OTHERS)
def test_images_are_those_of_the_saved_model_at_any_batch_size(name, run, export):
    reference, exported = export(run, "saved_model"), export(run, name)
    predict = formats.load(name, exported.path)
    for count in (1, 5):
        latents = np.random.default_rng(count).standard_normal((count, 16), np.float32)
        inputs = {"latents": latents}
        if exported.description.labels:
            inputs["labels"] = np.arange(count, dtype=np.int32) % 3
        wanted, got = of_signature(reference.path, inputs), predict(inputs)
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        grey_level = {"uint8": 1, "uint16": 257}[exported.description.dtype]
        assert np.abs(got.astype(np.int64) - wanted).max() <= grey_level
        assert wanted.std() > 20 * grey_level
    assert descriptions.read(exported.path) == exported.description


@pytest.mark.parametrize("name", OTHERS)
def test_a_label_that_is_no_class_counts_as_none_in_every_runtime(name, export):
    predict = formats.load(name, export("rich", name).path)
    latents = np.random.default_rng(0).standard_normal((1, 16), np.float32).repeat(4, axis=0)
    images = predict({"latents": latents, "labels": np.array([-1, 3, 2, -1000], np.int32)})
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[3])
    assert (images[0] != images[2]).any()


def test_a_keras_file_opens_without_the_project(export, tmp_path):
    script = tmp_path / "standalone.py"
    script.write_text(STANDALONE)
    file = export("plain", "keras").path / "model.keras"
    command = [sys.executable, "-I", "-S", str(script), sysconfig.get_path("purelib"), str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "(2, 16, 16, 3) <dtype: 'uint8'>"


def test_keras_in_bfloat16_is_near(plain, tmp_path):
    exported = saved_model.export(plain, tmp_path / "other", "bfloat16", form="keras")
    assert exported.difference.reference == "the SavedModel"
    assert 0 < exported.difference.mean <= 2


def test_a_file_that_differs_from_the_saved_model_is_not_kept(plain, tmp_path, monkeypatch):
    right = standard_layers.model

    def tampered(folded, description):
        folded.to_rgb.kernel[0, 0, 0, 0] += 0.5
        return right(folded, description)

    monkeypatch.setattr(standard_layers, "model", tampered)
    with pytest.raises(Failed, match=r"differs from the SavedModel by \d+\.\d grey levels"):
        saved_model.export(plain, tmp_path / "new", form="keras")
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(importlib.util.find_spec("tf2onnx") is None, reason="needs pip install 'progan-tf[onnx]'")
def test_up_scaling_is_one_transposed_convolution_in_onnx(export):
    import onnx

    kinds = [node.op_type for node in onnx.load(export("plain", "onnx").path / "model.onnx").graph.node]
    assert kinds.count("ConvTranspose") == 2  # 4 to 8 to 16
    assert kinds.count("Conv") == 4  # one a level, and toRGB
    assert not {"Resize", "Upsample"} & set(kinds)


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs pip install 'progan-tf[openvino]'")
def test_up_scaling_is_one_transposed_convolution_in_openvino(export):
    import openvino

    read = openvino.Core().read_model(export("plain", "openvino").path / "model.xml")
    kinds = [node.get_type_name() for node in read.get_ops()]
    assert kinds.count("ConvolutionBackpropData") == 2
    assert kinds.count("Convolution") == 4
    assert not [kind for kind in kinds if kind.startswith("Interpolate")]


@pytest.mark.parametrize("name", ["keras", "onnx", "openvino"])
def test_an_extension_is_refused(name, tmp_path):
    config = Config(network=NetworkConfig(32, 3), training=TrainingConfig(task="extension"))
    run_directory.open_run(tmp_path / "run", config, {})
    with pytest.raises(InputError, match=f"--format={name} holds generators of images"):
        saved_model.export(tmp_path / "run", tmp_path / "other", form=name)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_bfloat16_is_refused_where_the_format_has_none(name):
    with pytest.raises(InputError, match=f"--format={name} holds float32 alone"):
        formats.require(name, "bfloat16", "images")


def test_what_is_not_installed_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(InputError, match=r"needs openvino; pip install 'progan-tf\[openvino\]'"):
        formats.require("openvino", "float32", "images")


def test_a_model_folder_holds_one_format(plain, tmp_path):
    saved_model.export(plain, tmp_path / "model", form="keras")
    assert saved_model.export(plain, tmp_path / "model", form="keras").path == tmp_path / "model" / "2"
    with pytest.raises(InputError, match="holds versions of --format=keras"):
        saved_model.export(plain, tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["1", "2"]


def test_the_description_lies_beside_the_file(export):
    exported = export("rich", "keras")
    assert sorted(path.name for path in exported.path.iterdir()) == ["assets.extra", "model.keras"]
    written = json.loads((exported.path / "assets.extra" / "model.json").read_text())
    assert (written["dtype"], len(written["bands"]), len(written["labels"])) == ("uint16", 7, 3)
