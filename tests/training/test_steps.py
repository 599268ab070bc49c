"""What surrounds the losses in a step, against NumPy and by hand: reals, random numbers, averages, penalty scale."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation.policies import POLICIES
from progan_tf.config import AugmentationConfig, Config, LossConfig, NetworkConfig, TrainingConfig
from progan_tf.metrics import symmetries
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep, shares

BATCH = 8
CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=3, labels=2, latent_size=4, fmap_base=64, fmap_max=4),
    augmentation=AugmentationConfig(symmetries="all"),
    training=TrainingConfig(seed=3),
)
# One image of the first class, three of the second.
LABELS = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], np.float32)
TURNS = np.array([5, 0, 3, 1, 7, 2, 4, 6], np.int32)
ONE = tf.constant(1.0)


def make(level: int = 3, fading: bool = False, **settings) -> TrainStep:
    """A step of CONFIG, with sections of it or arguments of the step as `settings`."""
    sections = {name: settings.pop(name) for name in ("loss", "augmentation", "training") if name in settings}
    config = dataclasses.replace(CONFIG, **sections)
    arguments = {"batch_size": BATCH, "replicas": 1, "label_table": LABELS, **settings}
    return TrainStep(Networks(config), config, level=level, fading=fading, **arguments)


def pixels(dtype: str, side: int = 8) -> np.ndarray:
    """Random images of a dtype; the first pixel is 0, the second the largest there is."""
    top = np.iinfo(dtype).max
    images = np.random.default_rng(0).integers(0, top + 1, (BATCH, side, side, 3), dtype)
    images[0, 0, :2] = [[0], [top]]
    return images


def turned_by_hand(images: np.ndarray) -> np.ndarray:
    return np.stack([symmetries.transform(image, turn) for image, turn in zip(images, TURNS, strict=True)])


@pytest.mark.parametrize(("dtype", "value_range"), [("uint8", 255.0), ("uint16", 65535.0)])
def test_reals_go_from_minus_one_to_one_each_under_its_symmetry(dtype, value_range):
    images = pixels(dtype)
    reals = make(value_range=value_range).reals(tf.constant(images), tf.constant(TURNS), ONE)
    np.testing.assert_allclose(reals, turned_by_hand(images / (value_range / 2) - 1), atol=1e-6)
    assert (np.min(reals), np.max(reals)) == (-1, 1)


def test_reals_are_as_they_are_without_symmetries():
    images = pixels("uint8")
    step = make(augmentation=AugmentationConfig())
    np.testing.assert_allclose(step.reals(tf.constant(images), tf.constant(TURNS), ONE), images / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_reals_are_as_coarse_as_the_fade_leaves_the_fakes(alpha):
    images = pixels("uint8")
    fine = turned_by_hand(images / 127.5 - 1)
    coarse = np.kron(fine.reshape(BATCH, 4, 2, 4, 2, 3).mean(axis=(2, 4)), np.ones((1, 2, 2, 1)))
    reals = make(fading=True).reals(tf.constant(images), tf.constant(TURNS), tf.constant(alpha))
    np.testing.assert_allclose(reals, alpha * fine + (1 - alpha) * coarse, atol=1e-6)


MANY = 4096


@pytest.fixture(scope="module")
def many() -> TrainStep:
    """A step whose batch is large enough to count in."""
    return make(level=2, batch_size=MANY, augmentation=AugmentationConfig("all", "diffaugment"))


def numbers(step: TrainStep, at: int) -> dict[str, np.ndarray]:
    return {name: values.numpy().astype(np.float32) for name, values in step.draw(tf.constant(at))._asdict().items()}


def test_random_numbers_have_their_distributions(many):
    drawn = numbers(many, 0)
    for name in ("d_latents", "g_latents"):
        assert drawn[name].shape == (MANY, 4)
        assert abs(drawn[name].mean()) < 0.03 and abs(drawn[name].std() - 1) < 0.03
    assert abs(drawn["mix"].mean() - 0.5) < 0.03 and 0 <= drawn["mix"].min() < 0.01 < 0.99 < drawn["mix"].max() < 1
    for name in ("real_augment", "d_augment", "g_augment"):
        assert drawn[name].shape == (MANY, POLICIES["diffaugment"].draws)
        np.testing.assert_allclose(drawn[name].mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(np.bincount(drawn["symmetries"].astype(int)) / MANY, np.full(8, 1 / 8), atol=0.03)


@pytest.mark.parametrize(("names", "count"), [("none", 1), ("mirror", 2), ("all", 8)])
def test_symmetries_are_drawn_from_the_first_so_many(names, count):
    step = make(level=2, batch_size=256, augmentation=AugmentationConfig(names))
    np.testing.assert_array_equal(np.unique(step.draw(tf.constant(0)).symmetries), range(count))


def test_labels_of_the_generator_come_as_often_as_among_the_images(many):
    labels = numbers(many, 0)["g_labels"]
    np.testing.assert_allclose(labels.mean(axis=0), [0.25, 0.75], atol=0.03)
    assert {tuple(row) for row in labels} == {(1, 0), (0, 1)}


def test_random_numbers_of_different_purposes_and_steps_have_nothing_in_common(many):
    columns = [values.reshape(MANY, -1)[:, 0] for at in (0, 1) for values in numbers(many, at).values()]
    correlations = np.corrcoef(columns)
    assert np.abs(correlations - np.eye(len(columns))).max() < 0.1


def test_random_numbers_are_a_function_of_seed_and_step(many):
    augmentation = AugmentationConfig("all", "diffaugment")
    step, again = (make(level=2, augmentation=augmentation) for _ in range(2))
    other = make(level=2, augmentation=augmentation, training=dataclasses.replace(CONFIG.training, seed=4))
    for name, values in numbers(step, 5).items():
        np.testing.assert_array_equal(values, numbers(again, 5)[name], err_msg=name)
        assert (values != numbers(other, 5)[name]).any(), name


@pytest.mark.parametrize("replicas", [2])
def test_replicas_share_the_random_numbers_of_the_whole_batch(replicas, monkeypatch):
    augmentation = AugmentationConfig("all", "diffaugment")
    whole, part = (make(level=2, replicas=count, augmentation=augmentation) for count in (1, replicas))
    drawn = []
    for replica in range(replicas):
        context = SimpleNamespace(replica_id_in_sync_group=replica)
        monkeypatch.setattr(tf.distribute, "get_replica_context", lambda context=context: context)
        drawn.append(numbers(part, 5))
    monkeypatch.undo()
    for name, values in numbers(whole, 5).items():
        for replica, mine in enumerate(shares(BATCH, replicas, CONFIG.network.stddev_group)):
            np.testing.assert_array_equal(drawn[replica][name], values[mine], err_msg=name)


def values(variables: dict) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in variables.items()}


@pytest.mark.parametrize(
    ("settings", "decay"),
    [({"ema_decay": 0.9}, 0.9), ({"ema_decay": 0.9, "ema_half_life_kimg": 0.016}, 0.5**0.5)],
)
def test_averages_move_towards_the_generator_as_it_was(settings, decay):
    """8 images are half a half-life of 16."""
    config = dataclasses.replace(CONFIG, training=TrainingConfig(**settings))
    networks = Networks(config)
    step = TrainStep(networks, config, level=2, fading=False, batch_size=BATCH, replicas=1, label_table=LABELS)
    for average in networks.averaged.variables.values():
        average.assign(tf.ones_like(average.value))
    generator = values(networks.generator.variables)
    step(tf.constant(pixels("uint8", 4)), tf.constant(np.tile(LABELS, (2, 1))), tf.constant(0), ONE)
    assert (networks.generator.variables["4x4/dense/kernel"].numpy() != generator["4x4/dense/kernel"]).all()
    for name, average in values(networks.averaged.variables).items():
        moved = name.startswith("4x4/")  # the level in use
        expected = decay * 1 + (1 - decay) * generator[name] if moved else np.ones_like(average)
        np.testing.assert_allclose(average, expected, atol=1e-6, err_msg=name)


def test_half_of_an_average_is_left_after_the_half_life_whatever_the_batches():
    """16 images in batches of 8, 4 and 4, with a generator that stays as it is."""
    config = dataclasses.replace(CONFIG, training=TrainingConfig(ema_half_life_kimg=0.016))
    networks = Networks(config)
    networks.set_learning_rate(0.0)
    average, weight = (network.variables["4x4/dense/kernel"] for network in (networks.averaged, networks.generator))
    average.assign(tf.ones_like(average.value))
    for number, batch in enumerate((8, 4, 4)):
        step = TrainStep(networks, config, level=2, fading=False, batch_size=batch, replicas=1, label_table=LABELS)
        labels = np.tile(LABELS, (2, 1))[:batch]
        step(tf.constant(pixels("uint8", 4)[:batch]), tf.constant(labels), tf.constant(number), ONE)
    np.testing.assert_allclose(average.numpy(), (1 + weight.numpy()) / 2, atol=1e-6)


@pytest.mark.parametrize(("penalty_scale", "factor"), [("official", 0.5), ("per_level", 1.0)])
def test_gradient_norm_is_that_of_the_full_image_or_of_the_level(penalty_scale, factor):
    """At 4 x 4 of 8 x 8 one level is to come, which halves the published norm."""
    step = make(level=2, loss=LossConfig(penalty_scale=penalty_scale))
    labels, drawn = tf.constant(np.tile(LABELS, (2, 1))), step.draw(tf.constant(0))
    reals = tf.constant(pixels("uint8", 4) / 127.5 - 1, tf.float32)
    fakes = step.generator([drawn.d_latents, labels, ONE])
    mixed = reals + (fakes - reals) * drawn.mix[:, None, None, None]
    with tf.GradientTape() as tape:
        tape.watch(mixed)
        score = tf.reduce_sum(step.discriminator([mixed, ONE])[0])
    norms = np.linalg.norm(tape.gradient(score, mixed).numpy().reshape(BATCH, -1), axis=1)
    np.testing.assert_allclose(step.update(reals, labels, drawn, ONE).gradient_norm, norms * factor, rtol=1e-5)


def test_reals_and_fakes_are_augmented_alike_each_by_numbers_of_its_own():
    """Recorded before the discriminator: reals, fakes and their mixtures, then the fakes that the generator made."""
    step = make(augmentation=AugmentationConfig(policy="diffaugment"), loss=LossConfig("relativistic_r1_r2"))
    labels, drawn = tf.constant(np.tile(LABELS, (2, 1))), step.draw(tf.constant(0))
    reals = tf.constant(pixels("uint8") / 127.5 - 1, tf.float32)
    fakes = step.generator([drawn.d_latents, labels, ONE]), step.generator([drawn.g_latents, drawn.g_labels, ONE])
    seen, discriminator = [], step.discriminator

    def recorder(inputs):
        seen.append(inputs[0].numpy())
        return discriminator(inputs)

    step.discriminator = recorder
    step.update(reals, labels, drawn, ONE)
    # The generator has not learnt yet when it makes its second images, so they are those of before.
    d_real, d_fake, g_real, g_fake = seen
    for images, numbers, actual in (
        (reals, drawn.real_augment, d_real),
        (fakes[0], drawn.d_augment, d_fake),
        (reals, drawn.real_augment, g_real),
        (fakes[1], drawn.g_augment, g_fake),
    ):
        expected = POLICIES["diffaugment"].apply(images, numbers, ONE)
        np.testing.assert_allclose(actual, expected, atol=1e-6)
        assert np.abs(actual - images).max() > 0.1


@pytest.mark.parametrize(("name", "policy"), [("logistic_r1", "ada"), ("relativistic_r1_r2", "diffaugment")])
def test_what_is_drawn_for_an_image_stays_with_it_in_microbatches(name, policy):
    results = []
    for microbatch in (0, 4):
        config = dataclasses.replace(
            CONFIG,
            loss=LossConfig(name, conditioning="projection"),
            augmentation=AugmentationConfig("all", policy),
            training=TrainingConfig(seed=3, microbatch={4: microbatch}),
        )
        networks = Networks(config)
        networks.augment_p.variables["augment_p"].assign(0.5)
        step = TrainStep(networks, config, level=2, fading=False, batch_size=BATCH, replicas=1, label_table=LABELS)
        images, labels = tf.constant(pixels("uint8", 4)), tf.constant(np.tile(LABELS, (2, 1)))
        metrics = tf.function(step)(images, labels, tf.constant(0), ONE)
        results.append(metrics._asdict() | networks.variables)
    assert results[0]["augment_p"] == 0.5
    for key, whole in results[0].items():
        np.testing.assert_allclose(results[1][key], whole, rtol=1e-4, atol=1e-6, err_msg=key)


def test_the_probability_of_ada_follows_the_reals_scores():
    """Up by 4 batches of 32,000 images where all reals score above 0, down where they score below."""
    augmentation = AugmentationConfig(policy="ada", ada_kimg=0.064)
    config = dataclasses.replace(CONFIG, loss=LossConfig("logistic_r1"), augmentation=augmentation)
    networks = Networks(config)
    networks.set_learning_rate(0.0)
    step = TrainStep(networks, config, level=2, fading=False, batch_size=BATCH, replicas=1, label_table=LABELS)
    images, labels, graph = tf.constant(pixels("uint8", 4)), tf.constant(np.tile(LABELS, (2, 1))), tf.function(step)
    seen = []
    for number in range(13):
        bias = 100.0 if number < 8 else -100.0
        networks.discriminator.variables["4x4/output/bias"].assign([bias, 0, 0])
        seen.append(float(graph(images, labels, tf.constant(number), ONE).augment_p))
    np.testing.assert_allclose(seen, [0] * 4 + [0.5] * 4 + [0.8] * 4 + [0.3], atol=1e-6)
