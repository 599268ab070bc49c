"""Procedural scenes: the same bytes for the same seed, every kind at every size, kinds that tell themselves apart."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from data_prep import procedural
from data_prep.procedural import KINDS, scene, scenes, write_scenes
from progan_tf.errors import InputError


@pytest.fixture(scope="module")
def samples() -> dict[str, np.ndarray]:
    """Three scenes of every kind, float [3, 256, 256, 3]."""
    return {kind: np.stack([scene(seed, 256, kind) for seed in range(3)]).astype(float) for kind in KINDS}


def mean(pictures: np.ndarray) -> np.ndarray:
    return pictures.mean((0, 1, 2))


def edges(pictures: np.ndarray) -> float:
    """Mean difference of brightness between neighbours."""
    bright = pictures.mean(-1)
    return abs(np.diff(bright, axis=1)).mean() + abs(np.diff(bright, axis=2)).mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [64, 100])
def test_every_kind_at_small_and_odd_sizes(kind, size):
    picture = scene(7, size, kind)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 2
    assert np.array_equal(picture, scene(7, size, kind))


@pytest.mark.parametrize("size", [257, 512])
def test_sizes_beyond_the_least_canvas(size):
    assert scene(2, size, "wadis").shape == (size, size, 3)
    assert scene(6, size, "farmland").shape == (size, size, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_finite_before_rounding(kind):
    for seed in range(100, 103):
        picture = getattr(scenes, kind)(np.random.default_rng(seed), 256)
        assert picture.shape == (256, 256, 3)
        assert np.isfinite(picture).all()
        assert picture.min() > -60
        assert np.quantile(picture, 0.9) < 300


def test_seeds_are_independent():
    pictures = [scene(seed, 64, "town").astype(float).ravel() for seed in range(4)]
    correlation = np.corrcoef(pictures)[np.triu_indices(4, 1)]
    assert abs(correlation).max() < 0.3


def test_global_random_state_is_neither_read_nor_changed():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = scene(3, 64)
    assert np.array_equal(before, np.random.get_state()[1])
    np.random.seed(2)
    assert np.array_equal(first, scene(3, 64))


def test_the_seed_chooses_the_kind_in_turn():
    for seed in (0, 5, len(KINDS) + 1):
        assert np.array_equal(scene(seed, 64), scene(seed, 64, KINDS[seed % len(KINDS)]))


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match="glacier.*" + ".*".join(KINDS)):
        scene(0, 64, "glacier")
    with pytest.raises(InputError, match="-1"):
        scene(-1, 64)
    with pytest.raises(InputError, match="8"):
        scene(0, 8)


def test_water_is_bluer_and_sand_warmer_than_everything_else(samples):
    warmth = {kind: mean(pictures)[0] - mean(pictures)[2] for kind, pictures in samples.items()}
    assert warmth["dunes"] > max(warmth[kind] for kind in KINDS if kind not in ("dunes", "pivots")) + 5
    assert min(warmth, key=warmth.get) in ("coast", "lakes", "forest")
    for kind in ("coast", "lakes", "river"):
        blue = samples[kind][..., 2] > samples[kind][..., 0] + 8
        smooth = np.stack([ndimage.uniform_filter(b.astype(float), 9) > 0.9 for b in blue])
        assert smooth.mean() > 0.03, kind
    assert ((samples["dunes"][..., 2] > samples["dunes"][..., 0]).mean()) < 0.02


def test_forest_is_dark_and_green(samples):
    red, green, blue = mean(samples["forest"])
    assert green > red and green > blue
    assert mean(samples["forest"]).mean() < min(mean(samples[kind]).mean() for kind in ("dunes", "pivots", "town"))


def test_settlements_have_the_most_edges(samples):
    density = {kind: edges(pictures) for kind, pictures in samples.items()}
    assert density["town"] > 1.1 * max(density[kind] for kind in KINDS if kind not in ("town", "mountains"))
    assert density["pivots"] < density["farmland"] < density["town"]


def test_light_falls_from_the_north_west():
    hill = 20 * np.exp(-(np.hypot(*np.mgrid[-32:32, -32:32]) ** 2) / 200).astype(np.float32)
    shade = procedural.scenes.shapes.hillshade(hill)
    assert shade[24, 24] > 1 > shade[40, 40]


def test_water_never_flows_uphill():
    water = procedural.scenes.shapes.drainage(np.random.default_rng(0), 40, 8)
    flows = water.receiver != np.arange(1600)
    assert (water.height[flows] > water.height[water.receiver[flows]]).all()
    assert water.area[~flows].sum() == 1600


def test_writing_is_repeatable_and_keeps_what_is_there(tmp_path):
    first = list(write_scenes(tmp_path / "new", 3, 64, 10))
    assert [path.name for path in first] == [f"{KINDS[seed % len(KINDS)]}_{seed}.png" for seed in (10, 11, 12)]
    assert np.array_equal(np.asarray(Image.open(first[1])), scene(11, 64))
    written = [path.stat().st_mtime_ns for path in first]
    assert list(write_scenes(tmp_path / "new", 3, 64, 10)) == first
    assert [path.stat().st_mtime_ns for path in first] == written
    assert Image.open(next(write_scenes(tmp_path / "new", 1, 48, 10))).size == (48, 48)


def test_an_interrupted_write_leaves_no_half_picture(tmp_path, monkeypatch):
    def cut_off(self, file, **kwargs):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", cut_off)
        with pytest.raises(KeyboardInterrupt):
            list(write_scenes(tmp_path, 1, 64, 0))
    assert not list(tmp_path.glob("*.png"))
    (path,) = write_scenes(tmp_path, 1, 64, 0)
    assert [path] == list(tmp_path.iterdir())
