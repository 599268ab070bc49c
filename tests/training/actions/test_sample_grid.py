"""The picture of a tick: what the averaged generator makes of latents that stay the same."""

import numpy as np
import pytest
from PIL import Image

from progan_tf.config import Config, NetworkConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.schedule import Phase
from progan_tf.training.actions.sample_grid import SampleGrid
from progan_tf.training.progress import Progress
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from tests import datasets

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=4, latent_size=4, fmap_base=64, fmap_max=4),
    training=TrainingConfig(grid_columns=3, grid_rows=2),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    images = datasets.landscape(8, 8)
    folder = datasets.write(tmp_path_factory.mktemp("data") / "small", np.concatenate([images, images[..., :1]], -1))
    return pipeline.open_dataset(str(folder))


@pytest.fixture
def networks() -> Networks:
    return Networks(CONFIG)


@pytest.fixture
def draw(dataset, networks, tmp_path):
    """The pictures of a run's ticks, each a function of the tick's number: uint8 [2 * 8, 3 * 8, 3]."""
    grids = SampleGrid(tmp_path / "samples", CONFIG, dataset, Sampler(CONFIG.network, "uint8"))
    grids.start(networks, Progress())

    def tick(number: int) -> np.ndarray:
        images = 1000 * (number + 1)
        grids.tick(networks, Tick(number, images, Phase(2, 1.0, 8, 0.001), {}, 0, 1.0, 1.0, 1.0, 1.0))
        picture = np.asarray(Image.open(tmp_path / "samples" / f"kimg_{images / 1000:011.3f}.png"))
        np.testing.assert_array_equal(picture, grids.latest)
        return picture

    return tick


def test_a_grid_shows_the_averaged_generator_and_not_the_raw_one(draw, networks):
    """Weights of zero leave the last bias: -1, 0 and 1 are black, grey and white."""
    networks.averaged.variables["4x4/to_rgb/kernel"].assign(np.zeros((1, 1, 4, 4)))
    networks.averaged.variables["4x4/to_rgb/bias"].assign([-1, 0, 1, 0.5])
    picture = draw(0)
    assert picture.shape == (16, 24, 3)
    assert (picture == [0, 128, 255]).all()


def test_every_tick_shows_the_same_latents_and_every_cell_another(draw):
    first, second = draw(0), draw(7)
    np.testing.assert_array_equal(first, second)
    cells = first.reshape(2, 8, 3, 8, 3).swapaxes(1, 2).reshape(6, -1)
    assert len({cell.tobytes() for cell in cells}) == 6


def test_pixels_of_a_small_level_are_enlarged_to_full_size(draw):
    picture = draw(0)
    np.testing.assert_array_equal(picture, picture[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))
