"""The step of scene extension."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import AugmentationConfig, Config, ExtensionConfig, NetworkConfig, TrainingConfig
from progan_tf.extension.discount import discount, mean_over
from progan_tf.extension.step import ExtensionStep, _judge
from progan_tf.extension.task import extension
from progan_tf.training.state import Networks
from tests.training.test_xla import DYNAMIC, HOST

BATCH = 8
CONFIG = Config(
    network=NetworkConfig(resolution=32, channels=2, latent_size=4, fmap_base=64, fmap_max=8, stddev_group=4),
    augmentation=AugmentationConfig(symmetries="all"),
    training=TrainingConfig(task="extension"),
    extension=ExtensionConfig(attention="off", seam_crops=2, gamma=0.9),
)
IMAGES = np.random.default_rng(0).integers(0, 256, (BATCH, 32, 32, 2), np.uint8)


def make(config: Config = CONFIG, level: int = 5, fading: bool = False) -> tuple[Networks, ExtensionStep]:
    task = extension(config)
    networks = Networks(config, task.generator, task.discriminator)
    networks.set_learning_rate(0.001)
    step = task.step(
        networks, config, level=level, fading=fading, batch_size=BATCH, replicas=1, label_table=np.zeros((BATCH, 0))
    )
    return networks, step


def of(level: int) -> np.ndarray:
    side = 2 ** (5 - level)
    return IMAGES.reshape(BATCH, 2**level, side, 2**level, side, 2).mean(axis=(2, 4)).astype(np.uint8)


def train(config: Config, steps: int, level: int = 5, fading: bool = False) -> tuple[dict[str, np.ndarray], list]:
    networks, step = make(config, level, fading)
    run = tf.function(step)
    labels = tf.zeros([BATCH, 0])
    told = [run(tf.constant(of(level)), labels, tf.constant(i, tf.int64), tf.constant(0.5)) for i in range(steps)]
    return {name: variable.numpy() for name, variable in networks.variables.items()}, told


def changed(**settings: object) -> Config:
    return dataclasses.replace(CONFIG, extension=dataclasses.replace(CONFIG.extension, **settings))


@pytest.mark.parametrize(("level", "fading"), [(2, False), (3, True), (4, True), (5, False)])
def test_every_weight_in_use_learns_at_every_level(level, fading):
    networks, step = make(level=level, fading=fading)
    before = {name: variable.numpy() for name, variable in networks.variables.items()}
    for at in range(2):  # in the first the generator learns its colours alone, which are 0 until then
        step(tf.constant(of(level)), tf.zeros([BATCH, 0]), tf.constant(at, tf.int64), tf.constant(0.5))
    used = {f"generator/{name}" for name in networks.generator.variables_used(level, fading)}
    used |= {f"discriminator/{name}" for name in networks.discriminator.variables_used(level, fading)}
    for name, values in before.items():
        if name.startswith(("generator/", "discriminator/")):
            moved = (networks.variables[name].numpy() != values).any()
            assert moved == (name in used), name


def test_gradients_and_figures_of_microbatches_are_those_of_the_whole_batch():
    """Roll-outs and second windows, of one image a group, among them."""
    parts = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, microbatch={4: 4}))
    (whole, told), (apart, told_apart) = train(CONFIG, 1), train(parts, 1)
    for name, wanted in whole.items():
        if "optimizer/m/" in name:
            np.testing.assert_allclose(apart[name], wanted, atol=2e-5 * max(1, np.abs(wanted).max()), err_msg=name)
    for figure, wanted in told[0]._asdict().items():
        np.testing.assert_allclose(
            told_apart[0]._asdict()[figure].numpy().mean(), wanted.numpy().mean(), rtol=1e-4, err_msg=figure
        )


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    other = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, seed=1))
    (first, _), (second, _), (third, _) = train(CONFIG, 2, 3), train(CONFIG, 2, 3), train(other, 2, 3)
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != third[name]).any() for name in first)


def test_weights_of_zero_leave_their_losses_out():
    """The generator's loss is what is named, no more."""
    none = changed(seam_weight=0, reconstruction_weight=0, diversity_weight=0, rollouts=False)
    _, step = make(none)
    told = step(tf.constant(IMAGES), tf.zeros([BATCH, 0]), tf.constant(0, tf.int64), tf.constant(1.0))
    _, step = make(none)
    drawn = step.draw(tf.constant(0, tf.int64))
    reals = step.reals(tf.constant(IMAGES), drawn.symmetries, tf.constant(1.0))
    scalars = (tf.constant(1.0), tf.constant(0.0), tf.constant(1.0))
    _, d = step.d_gradients(reals, tf.zeros([BATCH, 0]), drawn, *scalars)
    np.testing.assert_allclose(d.loss, told.d_loss, rtol=1e-5)
    assert not np.abs(d.seam_real_score).any()
    given = step.given(reals, drawn, scalars[0])
    fakes = step.generator([given.images, given.known, *drawn.g, scalars[0]])
    scores, _ = step.discriminator([tf.concat([fakes, given.known], axis=-1), scalars[0]])
    _, g = step.g_gradients(reals, tf.zeros([BATCH, 0]), drawn, *scalars)
    np.testing.assert_allclose(g.loss, -scores[:, 0], atol=1e-5)
    wanted = mean_over(tf.abs(fakes - reals), discount(given.known, 0.9))
    np.testing.assert_allclose(g.reconstruction, wanted, atol=1e-5)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_the_discount_of_a_level_is_that_of_the_grown_window(level):
    """A pixel of a level half as large lies twice as far from what is known, counted in grown pixels."""
    _, step = make(changed(rollouts=False), level)
    drawn, alpha = step.draw(tf.constant(0, tf.int64)), tf.constant(1.0)
    reals = step.reals(tf.constant(of(level)), drawn.symmetries, alpha)
    _, g = step.g_gradients(reals, tf.zeros([BATCH, 0]), drawn, alpha, tf.constant(0.0), tf.constant(1.0))
    given = step.given(reals, drawn, alpha)
    fakes = step.generator([given.images, given.known, *drawn.g, alpha])
    gamma = {5: 0.9, 4: 0.9**2, 3: 0.9**4}[level]
    wanted = mean_over(tf.abs(fakes - reals), discount(given.known, gamma))
    np.testing.assert_allclose(g.reconstruction, wanted, atol=1e-5)
    assert np.asarray(wanted).any()


def test_roll_outs_continue_what_the_generator_made():
    """The last image of every group: its known half is the half that was made of the real one's other half."""
    _, step = make()
    drawn = step.draw(tf.constant(0, tf.int64))
    drawn = drawn._replace(masks=tf.concat([drawn.masks[:, :-1], tf.zeros([BATCH, 1])], axis=1))  # nothing turned
    reals = step.reals(tf.constant(IMAGES), drawn.symmetries, tf.constant(1.0))
    given = step.given(reals, drawn, tf.constant(1.0))
    np.testing.assert_array_equal(given.truth, [1] * 6 + [0] * 2)
    known = np.zeros((2, 32, 32, 1), np.float32)
    known[:, :, :16] = 1
    np.testing.assert_array_equal(given.known[6:], known)
    latents, noise = drawn.before
    made = step._few([reals[6:], tf.constant(known), latents[6:], noise[6:], tf.constant(1.0)])
    np.testing.assert_array_equal(given.images[6:, :, :16], made[:, :, 16:])
    np.testing.assert_array_equal(given.images[:6], reals[:6])
    assert (make(level=5, fading=True)[1].given(reals, drawn, tf.constant(0.5)).truth.numpy() == 1).all()
    alone = dataclasses.replace(CONFIG, network=dataclasses.replace(CONFIG.network, stddev_group=1))
    assert (make(alone)[1].given(reals, drawn, tf.constant(1.0)).truth.numpy() == 1).all()  # or none had a truth
    assert (make(changed(rollouts=False))[1].given(reals, drawn, tf.constant(1.0)).truth.numpy() == 1).all()


def test_masks_of_a_group_are_of_one_kind():
    """That of its first image, each placed and turned on its own; the last image of a group is a roll-out's."""
    _, step = make()
    drawn = step.draw(tf.constant(0, tf.int64))
    kinds = tf.constant([[0.95], [0.1], *[[0.7]] * 6])  # nothing known; three quadrants
    turns = tf.range(BATCH, dtype=tf.float32)[:, tf.newaxis] / 8
    drawn = drawn._replace(masks=tf.concat([kinds, drawn.masks[:, 1:-1], turns], axis=1))
    reals = step.reals(tf.constant(IMAGES), drawn.symmetries, tf.constant(1.0))
    known = step.given(reals, drawn, tf.constant(1.0)).known.numpy()
    assert not known[[0, 2, 4]].any()
    np.testing.assert_allclose(known[[1, 3, 5]].mean(axis=(1, 2, 3)), 0.75)
    assert len(np.unique(known[[1, 3, 5]], axis=0)) > 1


def test_critics_have_no_gradient_where_real_and_made_windows_are_alike():
    """At known pixels; but at all of a window whose known half the generator made, in which a critic is not free."""
    _, step = make()
    drawn = step.draw(tf.constant(0, tf.int64))
    reals = step.reals(tf.constant(IMAGES), drawn.symmetries, tf.constant(1.0))
    given = step.given(reals, drawn, tf.constant(1.0))
    with tf.GradientTape() as tape:
        tape.watch(reals)
        scores, _ = _judge(step.discriminator, given.known, given.alike, tf.constant(1.0))(reals)
    gradient, known = tape.gradient(scores, reals).numpy(), given.known.numpy()[..., 0] > 0
    made = given.truth.numpy() == 0
    assert list(np.flatnonzero(made)) == [6, 7] and known[made].any()
    free = ~known | made[:, np.newaxis, np.newaxis]
    assert not gradient[~free].any()
    assert np.abs(gradient[free]).min() > 0
    fakes = step.generator([given.images, given.known, *drawn.d, tf.constant(1.0)]).numpy()
    np.testing.assert_array_equal(fakes[~free], reals.numpy()[~free])


def test_diversity_is_the_distance_of_two_windows_far_from_the_join():
    _, step = make(changed(rollouts=False))
    drawn = step.draw(tf.constant(0, tf.int64))
    reals = step.reals(tf.constant(IMAGES), drawn.symmetries, tf.constant(1.0))
    known = step.given(reals, drawn, tf.constant(1.0)).known
    _, g = step.g_gradients(reals, tf.zeros([BATCH, 0]), drawn, tf.constant(1.0), tf.constant(0.0), tf.constant(1.0))
    first, second = (
        step._few([reals[:2], known[:2], *(part[:2] for part in made), tf.constant(1.0)]).numpy()
        for made in (drawn.g, drawn.again)
    )
    weights = ((1 - known) * (1 - discount(known, 0.9)))[:2].numpy()
    apart = (np.abs(first - second).mean(axis=-1, keepdims=True) * weights).sum(axis=(1, 2, 3))
    wanted = apart / weights.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(g.diversity, [*(wanted * 4), *[0] * 6], rtol=1e-3)


def test_steps_on_one_image_bring_the_error_down():
    """From that of the smooth continuation, where the critics have little to say in it."""
    config = dataclasses.replace(changed(rollouts=False, reconstruction_weight=1e3), augmentation=AugmentationConfig())
    networks, step = make(config, 3)
    networks.set_learning_rate(0.01)
    run, batch = tf.function(step), tf.constant(of(3)[[0] * BATCH])
    told = [run(batch, tf.zeros([BATCH, 0]), tf.constant(at, tf.int64), tf.constant(1.0)) for at in range(240)]
    first, last = (np.mean([step.reconstruction.numpy().mean() for step in part]) for part in (told[:5], told[-5:]))
    assert last < 0.75 * first


def test_a_whole_step_compiles_with_fixed_shapes_and_without_the_host():
    """As a TPU needs it: masks, roll-outs, crops and attention of the grown network too."""
    _, step = make(changed(attention="gated", attention_resolution=16))
    whole = tf.function(step, jit_compile=True)
    arguments = (tf.constant(IMAGES), tf.zeros([BATCH, 0]), tf.constant(0, tf.int64), tf.constant(1.0))
    program = whole.experimental_get_compiler_ir(*arguments)(stage="hlo")
    assert "convolution(" in program
    assert [word for word in (*HOST, *DYNAMIC) if word in program] == []
