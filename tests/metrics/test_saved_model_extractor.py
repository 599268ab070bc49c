"""A SavedModel of the user's as an extractor."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.errors import InputError
from progan_tf.metrics.fid import Fid
from progan_tf.metrics.images import Images
from progan_tf.metrics.saved_model_extractor import SavedModelExtractor


def export(
    folder: Path, dtype: tf.DType = tf.uint8, factor: float = 1.0, name: str = "images", outputs: int = 1
) -> Path:
    """A network of colour means and deviations, times a weight."""
    model = tf.Module()
    model.factor = tf.Variable(factor)

    def features(images: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.cast(images, tf.float32) * model.factor
        found = tf.concat([tf.reduce_mean(x, (1, 2)), tf.math.reduce_std(x, (1, 2))], axis=1)
        return {f"features_{number}": found for number in range(outputs)}

    signature = tf.function(features, input_signature=[tf.TensorSpec([None, None, None, 3], dtype, name)])
    tf.saved_model.save(model, str(folder), signatures={"serving_default": signature})
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return export(tmp_path_factory.mktemp("models") / "buildings")


def noise(count: int = 20, channels: int = 3, dtype: type = np.uint8) -> Images:
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, top, (count, 8, 8, channels), dtype, endpoint=True)
    return Images.of("noise", pixels)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
@pytest.mark.parametrize("channels", [1, 3, 13])
def test_it_gets_rgb_of_0_to_255(tmp_path, dtype, channels):
    images, counts = noise(channels=channels, dtype=np.uint16), []
    features = SavedModelExtractor(export(tmp_path / "model", dtype), counts.append)(images)
    rgb = images.rgb().astype(np.float64)
    expected = np.concatenate([rgb.mean(axis=(1, 2)), rgb.std(axis=(1, 2))], axis=1)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-4)
    assert sum(counts) == 20


def test_its_distance_is_not_called_fid(folder):
    extractor = SavedModelExtractor(folder)
    assert extractor.name == "FD-buildings"
    figures = dict(Fid(extractor).run(noise(), noise()))
    assert set(figures) == {"fd-buildings", "fd-buildings/se"}
    assert figures["fd-buildings"] == pytest.approx(0, abs=1e-4)


def test_the_digest_is_of_graph_and_weights(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    digest = SavedModelExtractor(copy).digest
    assert digest == SavedModelExtractor(folder).digest
    variables = next(copy.glob("variables/*.data-*"))
    content = bytearray(variables.read_bytes())
    content[0] ^= 1
    variables.write_bytes(content)
    assert SavedModelExtractor(copy).digest != digest


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path} is no SavedModel"):
        SavedModelExtractor(tmp_path)(noise())


@pytest.mark.parametrize("options, told", [
    ({"name": "pixels"}, "takes pixels and returns features_0"), ({"outputs": 2}, "returns features_0, features_1"),
])  # fmt: skip
def test_another_signature_is_refused(tmp_path, options, told):
    with pytest.raises(InputError, match=f"{told}; it has to take images and return one array"):
        SavedModelExtractor(export(tmp_path / "model", **options))(noise())


def test_features_that_are_not_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match="returns features that are not finite"):
        SavedModelExtractor(export(tmp_path / "model", factor=float("nan")))(noise())
