"""The compiled loop: what it feeds to the steps of a phase, all of them on one graph."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.dataset_options_pb2 import Options

from progan_tf.config import Config, NetworkConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.schedule import Phase
from progan_tf.training import strategy
from progan_tf.training.loop import CompiledLoop, prefetched
from progan_tf.training.state import Networks
from tests import datasets

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=4, latent_size=4, fmap_base=64, fmap_max=4),
    training=TrainingConfig(shuffle_mb=1),
)
# Four bands of 8 x 8 pixels of which every four are one, so that nothing is rounded at 4 x 4, whatever the dtype.
IMAGES = datasets.landscape(16, 4).repeat(2, axis=1).repeat(2, axis=2)[..., [0, 1, 2, 1]]
FAST, SLOW = (Phase(level=2, alpha=1.0, batch_size=8, learning_rate=rate) for rate in (4e-3, 5e-4))


def open_images(folder, images: np.ndarray) -> Dataset:
    return pipeline.open_dataset(str(datasets.write(folder, images)))


def make(dataset: Dataset, networks: Networks) -> CompiledLoop:
    return CompiledLoop(networks, CONFIG, dataset, strategy.make("one"), FAST, start=0)


@pytest.fixture(scope="module")
def eight(tmp_path_factory) -> Dataset:
    return open_images(tmp_path_factory.mktemp("data") / "eight", IMAGES)


def test_a_step_is_as_long_as_the_rate_of_its_phase(eight):
    """The first step of Adam after a reset is the learning rate, whatever the gradient."""
    networks = Networks(CONFIG)
    loop = make(eight, networks)
    for number, phase in enumerate((FAST, SLOW)):
        networks.reset_optimizers()
        before = {name: variable.numpy() for name, variable in networks.variables.items()}
        loop([phase], number)
        for network in ("generator", "discriminator"):
            moved = [
                np.abs(variable.numpy() - before[name]).max()
                for name, variable in networks.variables.items()
                if name.startswith(network)
            ]
            np.testing.assert_allclose(max(moved), phase.learning_rate, rtol=1e-3)


def test_images_of_sixteen_bits_train_like_the_same_of_eight(eight, tmp_path):
    sixteen = open_images(tmp_path / "sixteen", IMAGES.astype(np.uint16) * 257)
    histories = [make(dataset, Networks(CONFIG))([FAST], 0) for dataset in (eight, sixteen)]
    for name, expected in histories[0].items():
        np.testing.assert_allclose(histories[1][name], expected, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_shorter_calls_run_on_the_same_graph(eight, alpha):
    phase = Phase(level=3, alpha=alpha, batch_size=8, learning_rate=1e-3)
    loop = CompiledLoop(Networks(CONFIG), CONFIG, eight, strategy.make("one"), phase, start=0)
    for steps in (4, 2, 3):
        assert len(loop([phase] * steps, 0)["d_loss"]) == steps
    assert loop._run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("devices", ["one", "mirrored"])
def test_no_thread_tunes_what_is_fed(eight, devices):
    """As whoever lets go of it may wait a minute for that thread."""
    fed = prefetched(pipeline.batches(eight, 2, 8), strategy.make(devices))
    told = tf.raw_ops.GetOptions(input_dataset=tf.data.experimental.to_variant(fed)).numpy()
    assert Options.FromString(told).autotune_options.WhichOneof("optional_enabled") == "enabled"
    assert not Options.FromString(told).autotune_options.enabled
