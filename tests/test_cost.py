"""The arithmetic of cost against published figures, and against the layers and the graphs that really compute."""

import math

import numpy as np
import pytest
import tensorflow as tf

from progan_tf import cost
from progan_tf.config import Config, LossConfig, NetworkConfig
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep
from tests.graphs import multiplications

SMALL = NetworkConfig(resolution=16, channels=5, labels=3, latent_size=24, fmap_base=128, fmap_max=20)


@pytest.mark.parametrize(
    ("resolution", "forward", "step"),
    [(32, 9.25, 167), (64, 18.38, 331), (128, 27.51, 495), (256, 36.65, 660), (512, 45.80, 824), (1024, 54.98, 990)],
)
def test_the_published_network_costs_what_its_own_graph_does(resolution, forward, step):
    """Billions of operations an image, counted on the graph of the published code."""
    config, level = NetworkConfig(resolution, 3), resolution.bit_length() - 1
    assert cost.forward_flops(cost.generator(config, level)) / 1e9 == pytest.approx(forward, abs=0.005)
    assert cost.forward_flops(cost.discriminator(config, level)) / 1e9 == pytest.approx(forward, abs=0.005)
    assert cost.step_flops(Config(network=config), level) / 1e9 == pytest.approx(step, abs=0.6)


@pytest.mark.parametrize("fading", [False, True])
@pytest.mark.parametrize("level", [2, 3, 4])
@pytest.mark.parametrize(("network", "layers"), [(Generator, cost.generator), (Discriminator, cost.discriminator)])
def test_layers_have_the_names_weights_and_outputs_of_those_that_compute(network, layers, level, fading):
    if level == 2 and fading:
        pytest.skip("the first level does not fade in")
    built = network(SMALL)
    used = {name.rpartition("/")[0] for name in built.variables_used(level, fading)}
    found = layers(SMALL, level, fading)
    assert {layer.name for layer in found} == used
    model = built.model_at(level, fading, batch_size=1)
    for layer in found:
        mine = built.layers[layer.name]
        assert layer.weights == mine.count_params(), layer.name
        assert layer.outputs == math.prod(model.get_layer(mine.name).output.shape), layer.name


@pytest.mark.parametrize(("level", "fading"), [(2, False), (3, True), (4, False)])
def test_a_step_costs_what_the_convolutions_and_products_of_its_graph_do(level, fading):
    # What nobody asks for is not computed: the gradient of the latents, that of the images but in the gradient of the
    # penalty and in G's turn, and the scores of the mixtures, of whose gradient alone the penalty is made.
    first = cost.generator(SMALL, level, fading)[:1]
    ends = [layer for layer in cost.discriminator(SMALL, level, fading) if layer.name.endswith("from_rgb")]
    last = cost.discriminator(SMALL, level, fading)[-1:]
    spared = cost.forward_flops(first) + 3 * cost.forward_flops(ends) + 4 * cost.forward_flops(last)
    config = Config(network=SMALL)
    assert counted(config, level, fading) == cost.step_flops(config, level, fading) - spared


@pytest.mark.parametrize("loss", ["logistic_r1", "least_squares", "relativistic_r1_r2"])
def test_the_other_losses_cost_what_their_graphs_do_but_for_the_ends(loss):
    config = Config(network=SMALL, loss=LossConfig(loss))
    assert counted(config, 4) == pytest.approx(cost.step_flops(config, 4), rel=0.02)


def counted(config: Config, level: int, fading: bool = False) -> float:
    """Operations an image of the graph that a step runs."""
    batch, labels = 8, np.eye(SMALL.labels, dtype=np.float32)
    step = TrainStep(
        Networks(config), config, level=level, fading=fading, batch_size=batch, replicas=1, label_table=labels
    )
    images = tf.zeros((batch, 2**level, 2**level, SMALL.channels), tf.uint8)
    run = tf.function(lambda at: step(images, tf.zeros((batch, SMALL.labels)), at, tf.constant(0.5)))
    return 2 * multiplications(run.get_concrete_function(tf.TensorSpec([], tf.int64)).graph) / batch
