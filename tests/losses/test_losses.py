"""What all losses have in common, and the two ways to judge labels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import LossConfig
from progan_tf.errors import InputError
from progan_tf.losses import registry
from progan_tf.losses.critic import judge, judge_steepness
from tests.losses import critics
from tests.losses.critics import (
    CLASSES,
    FAKES,
    LABEL_WEIGHTS,
    MIX,
    NO_LABELS,
    ONE_HOT,
    REAL_CLASSES,
    REAL_ONE_HOT,
    REALS,
    WEIGHTS,
    N,
    Recorder,
    close,
    cross_entropy,
    half,
    labelling,
    linear,
    logits,
    norm,
    score,
)

NAMES = list(registry.LOSSES)
PROJECTION = LossConfig(conditioning="projection")


def test_configuration_and_registry_know_the_same_losses():
    assert len(NAMES) == 4
    for name in NAMES:
        assert type(registry.make(LossConfig(name))) is registry.LOSSES[name]
    with pytest.raises(InputError, match=" or ".join(NAMES)):
        LossConfig("none")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conditioning", ["acgan", "projection"])
def test_losses_are_one_float32_an_image_even_of_a_half_precision_critic(name, conditioning):
    d = critics.d_loss(name, half, ONE_HOT, conditioning=conditioning)
    g = critics.g_loss(name, half, ONE_HOT, REAL_ONE_HOT, conditioning=conditioning)
    for values in (*d, g):
        assert (values.shape, values.dtype) == ((N,), tf.float32)
    whole = critics.d_loss(name, labelling, ONE_HOT, conditioning=conditioning)
    np.testing.assert_allclose(d.real_score, whole.real_score, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_scores_told_are_the_critics(name):
    result = critics.d_loss(name)
    close(result.real_score, score(REALS))
    close(result.fake_score, score(FAKES))


@pytest.mark.parametrize("name", NAMES)
def test_a_linear_critic_is_as_steep_as_its_weights_wherever_a_loss_looks(name):
    close(critics.d_loss(name).gradient_norm, norm(WEIGHTS))
    close(critics.d_loss(name, norm_scale=0.125).gradient_norm, norm(WEIGHTS) / 8)


@pytest.mark.parametrize("name", NAMES)
def test_reals_and_fakes_are_shown_apart(name):
    recorder = Recorder()
    critics.d_loss(name, recorder)
    mixtures = REALS + (FAKES - REALS) * MIX[:, None, None, None]
    shown = [REALS, FAKES, mixtures] if name == "wgan_gp" else [REALS, FAKES]
    assert len(recorder.seen) == len(shown)
    close(recorder.seen, shown)


@pytest.mark.parametrize("name", NAMES)
def test_the_generators_loss_looks_at_reals_only_to_compare(name):
    recorder = Recorder()
    critics.g_loss(name, recorder)
    shown = [REALS, FAKES] if name == "relativistic_r1_r2" else [FAKES]
    assert len(recorder.seen) == len(shown)
    close(recorder.seen, shown)


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_is_reached_through_the_fakes_and_pulls_them_up(name):
    """On a linear critic the way of each fake is along the weights: to a higher score, but least squares wants 1."""
    loss, fakes = registry.make(LossConfig(name)), tf.constant(FAKES)
    with tf.GradientTape() as tape:
        tape.watch(fakes)
        values = loss.g_loss(linear, fakes, tf.constant(NO_LABELS), tf.constant(REALS), tf.constant(NO_LABELS))
    slope = {
        "wgan_gp": -np.ones(N),
        "logistic_r1": -1 / (1 + np.exp(score(FAKES))),
        "least_squares": score(FAKES) - 1,
        "relativistic_r1_r2": -1 / (1 + np.exp(score(FAKES) - score(REALS))),
    }[name]
    close(tape.gradient(values, fakes), slope[:, None, None, None] * WEIGHTS)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_computes_the_same_in_a_graph(name, jit_compile):
    loss = registry.make(LossConfig(name))

    @tf.function(jit_compile=jit_compile)
    def graph(*images):
        return loss.d_loss(labelling, *images, 0.5)

    expected = critics.d_loss(name, labelling, ONE_HOT, norm_scale=0.5)
    for actual, values in zip(graph(REALS, FAKES, ONE_HOT, MIX), expected, strict=True):
        close(actual, values)


def test_an_auxiliary_classifier_leaves_the_score_alone():
    verdict = judge(LossConfig(label_weight=0.5), labelling, tf.constant(FAKES), tf.constant(ONE_HOT))
    close(verdict.score, score(FAKES))
    close(verdict.label_loss, cross_entropy(FAKES) / 2)


def test_a_projection_adds_the_output_of_the_label_to_the_score():
    verdict = judge(PROJECTION, labelling, tf.constant(FAKES), tf.constant(ONE_HOT))
    close(verdict.score, score(FAKES) + logits(FAKES)[np.arange(N), CLASSES])
    close(verdict.label_loss, 0)


def test_without_labels_both_are_the_score_alone():
    for config in (LossConfig(), PROJECTION):
        verdict = judge(config, linear, tf.constant(FAKES), tf.constant(NO_LABELS))
        close(verdict.score, score(FAKES))
        close(verdict.label_loss, 0)


def test_the_gradient_of_a_projection_is_that_of_the_whole_score():
    for config, weights in (
        (LossConfig(), np.broadcast_to(WEIGHTS, (N, *WEIGHTS.shape))),
        (PROJECTION, np.stack([WEIGHTS + LABEL_WEIGHTS[..., label] for label in CLASSES])),
    ):
        _, squares = judge_steepness(config, labelling, tf.constant(REALS), tf.constant(ONE_HOT), factor=1.0)
        close(squares, norm(weights) ** 2)


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_judges_reals_and_fakes_with_their_own_labels(name):
    """A projection of the labels is a critic of its own for every class; the unlabelled losses know what to do."""

    def of(classes):
        chosen = np.stack([WEIGHTS + LABEL_WEIGHTS[..., label] for label in classes])
        return lambda images: (tf.reduce_sum(images * chosen, axis=[1, 2, 3])[:, None], tf.zeros([N, 0]))

    loss = registry.make(LossConfig(name))
    d_expected = critics.d_loss(name, of(CLASSES))
    d_actual = critics.d_loss(name, labelling, ONE_HOT, conditioning="projection")
    for actual, expected in zip(d_actual, d_expected, strict=True):
        close(actual, expected)

    config = dataclasses.replace(loss.config, conditioning="projection")
    images = [tf.constant(values) for values in (FAKES, ONE_HOT, REALS, REAL_ONE_HOT)]
    actual = registry.make(config).g_loss(labelling, *images)
    fakes, reals = (of(CLASSES)(FAKES)[0][:, 0].numpy(), of(REAL_CLASSES)(REALS)[0][:, 0].numpy())
    close(actual, {
        "wgan_gp": -fakes,
        "logistic_r1": np.logaddexp(0, -fakes),
        "least_squares": (fakes - 1) ** 2 / 2,
        "relativistic_r1_r2": np.logaddexp(0, reals - fakes),
    }[name])  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_gradients_too_small_for_float16_are_kept_by_the_factor(name):
    """A critic that computes in float16, with gradients of about 1e-9: without a factor its norm is 0."""

    def faint(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores, logits = critics.linear(tf.cast(tf.cast(images, tf.float16), tf.float32))
        return scores * 1e-9, logits

    wanted = critics.d_loss(name).gradient_norm * 1e-9
    np.testing.assert_allclose(critics.d_loss(name, faint, factor=2.0**20).gradient_norm, wanted, rtol=1e-2)
    assert (critics.d_loss(name, faint).gradient_norm.numpy() == 0).all()
