"""The published loss, against NumPy on critics whose gradients are known by pencil and paper."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.losses import critics
from tests.losses.critics import (
    FAKES,
    MIX,
    ONE_HOT,
    REALS,
    WEIGHTS,
    N,
    Recorder,
    close,
    cross_entropy,
    labelling,
    norm,
    quadratic,
    score,
)

d_loss = functools.partial(critics.d_loss, "wgan_gp")
g_loss = functools.partial(critics.g_loss, "wgan_gp")


def test_real_scores_are_the_critics():
    result = d_loss()
    close(result.real_score, score(REALS))


def test_fake_scores_are_the_critics():
    close(d_loss().fake_score, score(FAKES))


def test_gradient_norm_of_a_linear_critic_is_that_of_its_weights():
    close(d_loss().gradient_norm, norm(WEIGHTS))


@pytest.mark.parametrize("mix, where", [(0.0, REALS), (1.0, FAKES), (0.5, (REALS + FAKES) / 2)])
def test_gradient_is_taken_between_real_and_fake(mix, where):
    close(d_loss(quadratic, mix=np.full(N, mix, np.float32)).gradient_norm, norm(WEIGHTS * where))


def test_every_image_has_a_mixture_of_its_own():
    mixtures = REALS + (FAKES - REALS) * MIX[:, None, None, None]
    close(d_loss(quadratic).gradient_norm, norm(WEIGHTS * mixtures))


@pytest.mark.parametrize("norm_scale", [1.0, 0.5, 2.0**-6])
def test_norm_scale_multiplies_the_norm_before_the_penalty(norm_scale):
    result = d_loss(norm_scale=norm_scale, drift_weight=0.0)
    close(result.gradient_norm, norm(WEIGHTS) * norm_scale)
    close(result.loss, score(FAKES) - score(REALS) + 10 * (norm(WEIGHTS) * norm_scale - 1) ** 2)


@pytest.mark.parametrize("weight, target", [(10.0, 1.0), (10.0, 750.0), (3.0, 2.5), (0.0, 1.0)])
def test_penalty_is_the_squared_distance_to_the_target_over_its_square(weight, target):
    result = d_loss(gradient_weight=weight, gradient_target=target, drift_weight=0.0)
    close(result.loss, score(FAKES) - score(REALS) + weight * (norm(WEIGHTS) - target) ** 2 / target**2)


def test_no_penalty_at_the_target():
    result = d_loss(gradient_target=float(norm(WEIGHTS)), drift_weight=0.0)
    close(result.loss, score(FAKES) - score(REALS))


@pytest.mark.parametrize("drift", [0.001, 2.0])
def test_drift_is_the_squared_score_of_the_reals(drift):
    result = d_loss(gradient_weight=0.0, drift_weight=drift)
    close(result.loss, score(FAKES) - score(REALS) + drift * score(REALS) ** 2)


@pytest.mark.parametrize("label_weight", [1.0, 0.25, 0.0])
def test_labels_add_the_cross_entropy_of_reals_and_fakes(label_weight):
    result = d_loss(labelling, ONE_HOT, gradient_weight=0.0, drift_weight=0.0, label_weight=label_weight)
    labels = label_weight * (cross_entropy(REALS) + cross_entropy(FAKES))
    close(result.loss, score(FAKES) - score(REALS) + labels)


def test_all_terms_together_with_the_published_weights():
    penalty = 10 * (norm(WEIGHTS) - 1) ** 2
    expected = score(FAKES) - score(REALS) + penalty + 0.001 * score(REALS) ** 2
    close(d_loss().loss, expected)
    close(d_loss(labelling, ONE_HOT).loss, expected + cross_entropy(REALS) + cross_entropy(FAKES))


def test_generator_loss_is_minus_the_score():
    close(g_loss(), -score(FAKES))


@pytest.mark.parametrize("label_weight", [1.0, 0.25])
def test_generator_loss_adds_the_cross_entropy(label_weight):
    close(g_loss(labelling, ONE_HOT, label_weight=label_weight), label_weight * cross_entropy(FAKES) - score(FAKES))


def test_reals_fakes_and_mixtures_are_shown_in_three_separate_calls():
    recorder = Recorder()
    d_loss(recorder)
    mixtures = REALS + (FAKES - REALS) * MIX[:, None, None, None]
    assert len(recorder.seen) == 3
    for seen, expected in zip(recorder.seen, (REALS, FAKES, mixtures), strict=True):
        close(seen, expected)


def test_penalty_can_be_differentiated_by_the_weights_of_the_critic():
    """d/dw of 10 (|w| - 1)^2 is 20 (|w| - 1) w / |w|, and that of the scores the difference of the images."""
    weights = tf.Variable(WEIGHTS)

    def critic(images):
        return tf.tensordot(images, weights, 3)[:, None], tf.zeros([N, 0])

    with tf.GradientTape() as tape:
        loss = d_loss(critic, drift_weight=0.0).loss
    size = norm(WEIGHTS)
    expected = (FAKES - REALS).sum(axis=0) + N * 20 * (size - 1) * WEIGHTS / size
    np.testing.assert_allclose(tape.gradient(loss, weights), expected, rtol=1e-4, atol=1e-4)
