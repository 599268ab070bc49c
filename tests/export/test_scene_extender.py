"""Scenes continued in Python."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan_tf.config import Config, ExtensionConfig, NetworkConfig
from progan_tf.errors import InputError
from progan_tf.export.saved_model import _tile
from progan_tf.export.scene_extender import SceneExtender
from tests.extension import stand_in

PROJECT = Path(__file__).parents[2]
IMAGE = np.random.default_rng(0).integers(1, 256, (20, 30, 3), np.uint8)


@pytest.fixture(scope="module", params=[8, 4])
def model(request, tmp_path_factory) -> Path:
    """Of a window of 16 that goes on by half of it, and by a quarter."""
    return stand_in.save(tmp_path_factory.mktemp("model"), tile=request.param)


def test_pixels_are_those_of_the_command(model, tmp_path):
    made = SceneExtender.load(model).extend(IMAGE, top=5, right=21, order="wavefront", blend=2, seed=3)
    Image.fromarray(IMAGE).save(tmp_path / "town.png")
    options = ["--top=5px", "--right=21px", "--order=wavefront", "--blend=2", "--seed=3"]
    where = [f"--model={model}", f"--input={tmp_path / 'town.png'}", f"--output={tmp_path / 'wide.png'}"]
    subprocess.run([sys.executable, "-m", "experiments.extend", *where, *options], cwd=PROJECT, check=True)
    np.testing.assert_array_equal(made.pixels, np.asarray(Image.open(tmp_path / "wide.png")))
    np.testing.assert_array_equal(made.provenance, np.asarray(Image.open(tmp_path / "wide_provenance.png")))


def test_known_pixels_stay_and_all_others_are_made(model):
    known = np.ones((20, 30), bool)
    known[5:12, 8:20] = False
    extender = SceneExtender.load(model)
    made = extender.extend(IMAGE, known=known, left=9)
    assert made.pixels.shape == (20, 39, 3) and made.provenance.min() == 1
    np.testing.assert_array_equal(made.provenance[:, 9:] == 1, known)
    np.testing.assert_array_equal(made.pixels[:, 9:][known], IMAGE[known])
    assert (made.provenance[:, :9] > 1).all()
    other = extender.extend(IMAGE, known=known, left=9, variant=1)
    assert (other.pixels[:, :9] != made.pixels[:, :9]).mean() > 0.9


def test_from_nothing(model):
    made = SceneExtender.load(model).extend(np.zeros((0, 0, 3), np.uint8), bottom=33, right=41)
    assert made.pixels.shape == (33, 41, 3) and made.provenance.min() == 2
    assert len(np.unique(made.pixels.reshape(-1, 3), axis=0)) > 1000


@pytest.mark.parametrize(
    "image, options, said",
    [
        (IMAGE, {}, "nothing to extend; give top"),
        (IMAGE, {"known": np.ones((20, 30))}, "nothing to extend"),
        (np.zeros((0, 0, 3), np.uint8), {"left": 4}, "nothing to extend"),
        (IMAGE[..., :2], {"left": 1}, r"\[20, 30, 2\] of uint8; the model continues \[height, width, 3\] of uint8"),
        (IMAGE.astype(np.uint16), {"left": 1}, "of uint16; the model continues"),
        (IMAGE, {"known": np.ones((30, 20)), "left": 1}, r"known is \[30, 20\] where the image has \[20, 30\]"),
        (IMAGE, {"left": -1}, "give 0 or more"),
        (IMAGE, {"left": 1, "order": "zigzag"}, "choose one of spiral"),
        (IMAGE, {"left": 1, "blend": 9}, "does not fit"),
    ],
)
def test_what_cannot_be_is_refused(model, image, options, said):
    with pytest.raises(InputError, match=said):
        SceneExtender.load(model).extend(image, **options)


def test_the_tile_of_a_network_that_still_grows_is_the_same_share_of_its_window():
    config = Config(network=NetworkConfig(resolution=64), extension=ExtensionConfig(tile=16))
    assert [_tile(config, size) for size in (64, 32, 8, 4, 2)] == [16, 8, 2, 1, 1]
    assert _tile(Config(network=NetworkConfig(resolution=64)), 32) == 16
