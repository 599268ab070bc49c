"""Samples of an extension in training."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import Config, ExtensionConfig, NetworkConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.extension.sampler import ExtensionSampler
from progan_tf.extension.task import extension
from progan_tf.schedule import Phase
from progan_tf.training.state import Networks
from tests import datasets

CONFIG = Config(
    network=NetworkConfig(resolution=32, channels=3, latent_size=4, fmap_base=64, fmap_max=8),
    training=TrainingConfig(task="extension"),
    extension=ExtensionConfig(attention="off"),
)


@pytest.fixture(scope="module")
def sampler(tmp_path_factory) -> tuple[ExtensionSampler, Networks]:
    folder = datasets.write(tmp_path_factory.mktemp("data") / "windows", datasets.landscape(40, 32))
    task = extension(CONFIG)
    networks = Networks(CONFIG, task.generator, task.discriminator)
    return ExtensionSampler(CONFIG, pipeline.open_dataset(str(folder))), networks


def latents(count: int) -> tf.Tensor:
    return tf.random.stateless_normal([count, 4], (1, 2))


def test_known_pixels_of_a_sample_are_those_of_its_window(sampler):
    sample, networks = sampler
    made = sample(networks, Phase(5, 1.0, 8, 0.001), latents(11), tf.zeros([11, 0]))
    windows, known = sample.contexts(latents(11).numpy())
    assert made.shape == windows.shape == (11, 32, 32, 3)
    inside = known[..., 0] > 0
    np.testing.assert_array_equal(made[inside], windows[inside])
    assert (made[~inside] != windows[~inside]).any()


def test_a_sample_follows_from_its_latents_alone(sampler):
    sample, networks = sampler
    phase, labels = Phase(4, 0.5, 8, 0.001), tf.zeros([20, 0])
    together = sample(networks, phase, latents(20), labels)
    apart = sample(networks, phase, latents(20)[9:14], labels[9:14])
    np.testing.assert_allclose(apart.astype(int), together[9:14], atol=1)
    assert len({window.tobytes() for window in together}) > 10
