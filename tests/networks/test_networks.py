"""The growing networks at tiny widths: shapes, fading, what a graph contains and which weights it uses."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import NetworkConfig
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from progan_tf.networks.growing import GrowingNetwork

FINAL_LEVEL = 5
BATCH = 8  # two groups of the minibatch standard deviation; no other axis has this length
# Every graph of a network that grows to FINAL_LEVEL: (level, fading).
GRAPHS = [(level, fading) for level in range(2, FINAL_LEVEL + 1) for fading in (False, True) if level > 2 or not fading]
FADES = [level for level, fading in GRAPHS if fading]


def config(resolution: int = 2**FINAL_LEVEL, **settings) -> NetworkConfig:
    """Widths of 1 to 4 feature maps."""
    return NetworkConfig(
        **{"channels": 3, "latent_size": 7, "fmap_base": 64, "fmap_max": 4, **settings}, resolution=resolution
    )


class Pair:
    """Both networks of one configuration, with biases that are not zero, and inputs for them."""

    def __init__(self, config: NetworkConfig):
        self.config = config
        self.generator, self.discriminator = Generator(config), Discriminator(config)
        rng = np.random.default_rng(0)
        for network in (self.generator, self.discriminator):
            for name, variable in network.variables.items():
                if name.endswith("bias"):
                    variable.assign(rng.normal(0, 0.3, variable.shape))
        self.latents = tf.constant(rng.normal(size=(BATCH, config.latent_size)), tf.float32)
        self.labels = tf.one_hot(np.arange(BATCH) % max(1, config.labels), config.labels)
        self.models = cache(lambda kind, level, fading: getattr(self, kind).model_at(level, fading))

    def generate(self, level: int, fading: bool = False, alpha: float = 1.0) -> tf.Tensor:
        return self.models("generator", level, fading)([self.latents, self.labels, tf.constant(alpha)])

    def discriminate(self, level: int, fading: bool = False, alpha: float = 1.0, images: np.ndarray | None = None):
        images = self.images(level) if images is None else images
        return self.models("discriminator", level, fading)([tf.constant(images), tf.constant(alpha)])

    def images(self, level: int) -> np.ndarray:
        shape = (BATCH, 2**level, 2**level, self.config.channels)
        return np.random.default_rng(level).uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(config(labels=5))


def network_inputs(pair: Pair, kind: str, level: int, alpha: float) -> list:
    if kind == "generator":
        return [pair.latents, pair.labels, tf.constant(alpha)]
    return [tf.constant(pair.images(level)), tf.constant(alpha)]


def close(actual, expected) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128, 256])
def test_every_resolution_builds_and_maps_latents_to_images_to_scores(resolution):
    pair = Pair(config(resolution, fmap_base=resolution, fmap_max=2))
    level = resolution.bit_length() - 1
    images = pair.generate(level)
    assert images.shape == (BATCH, resolution, resolution, 3)
    assert [output.shape for output in pair.discriminate(level, images=images)] == [(BATCH, 1), (BATCH, 0)]


@pytest.mark.parametrize("fading", [False, True])
@pytest.mark.parametrize("level", [9, 10])
def test_the_largest_levels_map_a_latent_to_an_image_to_a_score(level, fading):
    side = 2**level
    settings = config(side, fmap_base=side, fmap_max=2)
    generator, discriminator = (network(settings).model_at(level, fading) for network in (Generator, Discriminator))
    images = generator([tf.ones([1, 7]), tf.zeros([1, 0]), tf.constant(0.5)])
    assert images.shape == (1, side, side, 3)
    assert np.isfinite(images).all() and np.std(images) > 0
    score, _ = discriminator([images, tf.constant(0.5)])
    assert np.isfinite(score).all() and score.shape == (1, 1)


@pytest.mark.parametrize("labels", [0, 5])
@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_any_bands_and_labels(channels, labels):
    pair = Pair(config(8, channels=channels, labels=labels))
    for level, fading in ((2, False), (3, True), (3, False)):
        images = pair.generate(level, fading, 0.5)
        assert images.shape == (BATCH, 2**level, 2**level, channels)
        scores, logits = pair.discriminate(level, fading, 0.5, images)
        assert (scores.shape, logits.shape) == ((BATCH, 1), (BATCH, labels))
        assert np.isfinite(images).all() and np.isfinite(scores).all() and np.isfinite(logits).all()


@pytest.mark.parametrize("latent_size", [1, 7, 100])
def test_any_latent_size(latent_size):
    assert Pair(config(8, latent_size=latent_size)).generate(3).shape == (BATCH, 8, 8, 3)


@pytest.mark.parametrize("batch_size", [None, 1, 6])
def test_batch_is_free_or_fixed(pair, batch_size):
    generator, discriminator = (
        network.model_at(3, True, batch_size) for network in (pair.generator, pair.discriminator)
    )
    assert generator.input_shape == [(batch_size, 7), (batch_size, 5), ()]
    assert generator.output_shape == (batch_size, 8, 8, 3)
    assert discriminator.input_shape == [(batch_size, 8, 8, 3), ()]
    assert discriminator.output_shape == [(batch_size, 1), (batch_size, 5)]


@pytest.mark.parametrize("level", FADES)
def test_generator_begins_a_fade_with_the_upscaled_image_of_the_level_below(pair, level):
    np.testing.assert_array_equal(
        pair.generate(level, True, 0.0), np.kron(pair.generate(level - 1), np.ones((1, 2, 2, 1)))
    )


@pytest.mark.parametrize("level", FADES)
def test_generator_fades_in_a_straight_line(pair, level):
    old, new = pair.generate(level, True, 0.0).numpy(), pair.generate(level).numpy()
    for alpha in (0.25, 0.9):
        close(pair.generate(level, True, alpha), (1 - alpha) * old + alpha * new)


@pytest.mark.parametrize("level", FADES)
def test_discriminator_begins_a_fade_with_the_level_below_on_the_image_of_half_the_size(pair, level):
    images = pair.images(level)
    half = images.reshape(BATCH, 2 ** (level - 1), 2, 2 ** (level - 1), 2, 3).mean(axis=(2, 4))
    for actual, expected in zip(
        pair.discriminate(level, True, 0.0, images), pair.discriminate(level - 1, images=half), strict=True
    ):
        close(actual, expected)


@pytest.mark.parametrize("level", FADES)
def test_a_fade_ends_as_the_stable_level(pair, level):
    close(pair.generate(level, True, 1.0), pair.generate(level))
    for actual, expected in zip(pair.discriminate(level, True, 1.0), pair.discriminate(level), strict=True):
        close(actual, expected)


@pytest.mark.parametrize("level", FADES)
def test_a_fade_under_way_is_neither_of_its_ends(pair, level):
    halfway = pair.discriminate(level, True, 0.5)[0].numpy()
    for end in (0.0, 1.0):
        assert np.abs(halfway - pair.discriminate(level, True, end)[0]).max() > 1e-3


@pytest.mark.parametrize("level", range(2, FINAL_LEVEL + 1))
def test_alpha_does_not_matter_where_nothing_fades(pair, level):
    np.testing.assert_array_equal(pair.generate(level, alpha=0.3), pair.generate(level, alpha=1.0))
    np.testing.assert_array_equal(pair.discriminate(level, alpha=0.3)[0], pair.discriminate(level, alpha=1.0)[0])


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
@pytest.mark.parametrize("level, fading", GRAPHS)
def test_a_graph_holds_nothing_larger_than_its_level(pair, kind, level, fading):
    model = pair.models(kind, level, fading)
    graph = tf.function(lambda *inputs: model(list(inputs))).get_concrete_function(
        *network_inputs(pair, kind, level, 0.5)
    ).graph  # fmt: skip
    sides = [
        max(output.shape[1:3])
        for operation in graph.get_operations()
        for output in operation.outputs
        if output.shape.rank == 4 and output.shape[0] == BATCH
    ]
    assert max(sides) == 2**level


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
@pytest.mark.parametrize("level, fading", GRAPHS)
def test_variables_used_are_those_with_a_gradient(pair, kind, level, fading):
    network, model = getattr(pair, kind), pair.models(kind, level, fading)
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(model(network_inputs(pair, kind, level, 0.5)))
        total = tf.add_n([tf.reduce_sum(output**2) for output in outputs])
    gradients = tape.gradient(total, {name: variable.value for name, variable in network.variables.items()})
    with_gradient = {name for name, gradient in gradients.items() if gradient is not None}
    assert set(network.variables_used(level, fading)) == with_gradient
    assert with_gradient <= set(network.variables_at(level))


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_one_set_of_variables_serves_all_levels(kind):
    network: GrowingNetwork = {"generator": Generator, "discriminator": Discriminator}[kind](config(16))
    before = {name: id(variable) for name, variable in network.variables.items()}
    in_models = set()
    for level, fading in ((2, False), (3, True), (3, False), (4, True), (4, False)):
        in_models |= {id(variable) for variable in network.model_at(level, fading).weights}
    assert in_models == set(before.values())
    assert {name: id(variable) for name, variable in network.variables.items()} == before


@pytest.mark.parametrize("network_class", [Generator, Discriminator])
def test_variables_of_a_level_are_those_of_smaller_networks(network_class):
    network = network_class(config(32))
    for level in (3, 4, 5):
        smaller = network_class(config(2**level)).variables
        assert set(network.variables_at(level)) == set(smaller)
        for name, variable in network.variables_at(level).items():
            np.testing.assert_array_equal(variable, smaller[name], err_msg=name)


@pytest.mark.parametrize("network_class", [Generator, Discriminator])
def test_parameters_are_counted(network_class):
    network = network_class(config(16))
    assert network.parameters == sum(np.prod(variable.shape) for variable in network.variables.values())


@pytest.mark.parametrize("network_class", [Generator, Discriminator])
def test_initial_kernels_depend_on_the_seed_and_biases_are_zero(network_class):
    first, again, other = (network_class(config(16), seed=seed).variables for seed in (0, 0, 1))
    assert list(first) == list(again) == list(other)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name], err_msg=name)
        if name.endswith("bias"):
            assert np.all(first[name].numpy() == 0), name
        else:
            assert not np.any(first[name].numpy() == other[name].numpy()), name


def test_no_two_kernels_start_alike():
    networks = (Generator(config(32)), Discriminator(config(32)), Generator(config(32), name="other"))
    first_values = [
        float(variable.numpy().ravel()[0])
        for network in networks
        for name, variable in network.variables.items()
        if name.endswith("kernel")
    ]
    assert len(set(first_values)) == len(first_values)


def test_generator_without_labels_looks_at_the_direction_of_a_latent_alone():
    pair = Pair(config(8))
    before = pair.generate(3)
    pair.latents = pair.latents * 8
    close(pair.generate(3), before)


def test_generator_and_discriminator_depend_on_every_input(pair):
    for kind in ("generator", "discriminator"):
        inputs = network_inputs(pair, kind, 3, 0.5)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.add_n([tf.reduce_sum(o**2) for o in tf.nest.flatten(pair.models(kind, 3, True)(inputs))])
        for gradient in tape.gradient(total, inputs):
            assert np.abs(gradient).max() > 0


def test_images_of_a_batch_do_not_depend_on_each_other(pair):
    model = pair.models("generator", 4, False)
    alone = model([pair.latents[1:2], pair.labels[1:2], tf.constant(1.0)])
    close(alone, pair.generate(4)[1:2])


def test_scores_of_a_batch_do_depend_on_each_other(pair):
    images = pair.images(3)
    changed = np.concatenate([images[:1], np.zeros_like(images[1:])])
    assert abs(float((pair.discriminate(3, images=changed)[0] - pair.discriminate(3, images=images)[0])[0, 0])) > 1e-5
