"""The Inception network against features of its TorchScript, and what it makes of images of any kind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan_tf.errors import InputError
from progan_tf.metrics.fid import Fid, frechet_distance
from progan_tf.metrics.images import Images
from progan_tf.metrics.inception import Inception


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest distance of a row from what it should be, by its length."""
    return (np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)).max()


def tiles(folder: Path, files: np.ndarray) -> Images:
    return Images.of("tiles", np.stack([np.asarray(Image.open(folder / file)) for file in files]))


def noise(count: int, side: int = 64, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, top, (count, side, side, channels), dtype, endpoint=True)


@pytest.fixture(scope="module")
def inception(inception_network) -> Inception:
    return Inception(inception_network)


def test_features_are_those_of_the_torchscript(inception, fid_data):
    pixels = np.random.RandomState(0).randint(0, 256, (4, 299, 299, 3)).astype(np.uint8)
    features = inception(Images.of("oracle", pixels))
    assert (features.shape, features.dtype) == ((4, 2048), np.float32)
    assert relative(features, np.load(fid_data / "oracle_299.npz")["features"]) < 1e-4


def test_features_of_tiles_are_those_of_the_torchscript(inception_network, fid_data, tiles256):
    reference = np.load(fid_data / "reference_features.npz")
    some = slice(None, None, 20)  # 18 of the 360
    features = Inception(inception_network, "bilinear")(tiles(tiles256, reference["files"][some]))
    assert relative(features, reference["features"][some]) < 1e-3


@pytest.mark.slow
def test_distances_of_tiles_are_those_of_the_torchscript(inception_network, fid_data, tiles256):
    reference = np.load(fid_data / "reference_features.npz")
    features = Inception(inception_network, "bilinear")(tiles(tiles256, reference["files"]))
    assert relative(features, reference["features"]) < 1e-3
    order = np.random.RandomState(0).permutation(240)
    assert frechet_distance(features[order[:120]], features[order[120:]]) == pytest.approx(170.8, abs=0.05)
    assert frechet_distance(features[order[:120]], features[240:]) == pytest.approx(284.1, abs=0.05)


def test_images_pass_in_batches_and_are_counted(inception_network):
    counts = []
    inception = Inception(inception_network, progress=counts.append)
    images = Images.of("noise", noise(18))
    features = inception(images)
    assert counts == [16, 2]
    assert relative(features[15:], inception(images[15:])) < 1e-5


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_it_sees_the_bands_on_display_in_8_bits(inception, channels, dtype):
    images = Images.of("noise", noise(1, channels=channels, dtype=dtype))
    features = inception(images)
    seen = images.pixels[..., list(images.display_bands)]
    seen = seen >> 8 if dtype == np.uint16 else seen
    rgb = np.repeat(seen, 3 // seen.shape[-1], axis=-1).astype(np.uint8)
    np.testing.assert_allclose(features, inception(Images.of("rgb", rgb)), rtol=1e-5, atol=1e-6)


def test_constant_images_have_finite_and_equal_features(inception):
    features = inception(Images.of("black", np.zeros((2, 64, 64, 3), np.uint8)))
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features[0], features[1], rtol=1e-5, atol=1e-6)


def test_the_resize_is_part_of_what_it_is(inception_network):
    images = Images.of("noise", noise(2))
    by_resize = {how: Inception(inception_network, how) for how in ("clean", "legacy", "bilinear")}
    assert {extractor.name for extractor in by_resize.values()} == {
        "inception-2015-12-05 clean",
        "inception-2015-12-05 legacy",
        "inception-2015-12-05 bilinear",
    }
    features = [extractor(images) for extractor in by_resize.values()]
    assert relative(features[0], features[1]) > 0.01 and relative(features[1], features[2]) > 0.01


def test_bfloat16_is_near_and_says_so(inception_network, inception):
    images = Images.of("noise", noise(2))
    rough = Inception(inception_network, precision="bfloat16")
    assert rough.name == "inception-2015-12-05 clean bfloat16"
    assert 1e-4 < relative(rough(images), inception(images)) < 0.05


def test_without_the_weights_of_2015_it_has_another_name(inception_network, inception):
    other = Inception(dict(list(inception_network.items())[::-1]))
    assert other.name == "other inception-v3 clean"
    assert Fid(other).name == "fd-other inception-v3 clean"
    assert Fid(inception).name == "fid"


@pytest.mark.parametrize("options, message", [
    ({"resize": "cubic"}, "resize cubic is unknown; choose one of clean, legacy, bilinear"),
    ({"precision": "float16"}, "precision float16 is unknown; choose one of float32, bfloat16"),
])  # fmt: skip
def test_what_is_unknown_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        Inception({}, **options)
