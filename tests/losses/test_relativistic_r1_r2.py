"""The relativistic pairing loss with R1 and R2, against its definition in float64."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.losses import critics
from tests.losses.critics import (
    FAKES,
    NO_LABELS,
    ONE_HOT,
    REAL_ONE_HOT,
    REALS,
    WEIGHTS,
    N,
    close,
    cross_entropy,
    labelling,
    norm,
    score,
)

d_loss = functools.partial(critics.d_loss, "relativistic_r1_r2")
g_loss = functools.partial(critics.g_loss, "relativistic_r1_r2")
LEAD = score(REALS) - score(FAKES)  # of each real over the fake it is paired with


def test_discriminator_wants_each_real_above_its_fake_and_the_generator_below():
    close(d_loss(gradient_weight=0.0).loss, np.log(1 + np.exp(-LEAD)))
    close(g_loss(), np.log(1 + np.exp(LEAD)))


def test_a_constant_added_to_all_scores_changes_nothing():
    def shifted(images):
        scores, logits = critics.quadratic(images)
        return scores + 7.0, logits

    close(d_loss(shifted).loss, d_loss(critics.quadratic).loss)
    close(g_loss(shifted), g_loss(critics.quadratic))


@pytest.mark.parametrize("gamma", [10.0, 0.5])
@pytest.mark.parametrize("norm_scale", [1.0, 0.25])
def test_both_penalties_are_half_gamma_times_the_squared_norm(gamma, norm_scale):
    result = d_loss(critics.quadratic, gradient_weight=gamma, norm_scale=norm_scale)
    real, fake = norm(WEIGHTS * REALS) * norm_scale, norm(WEIGHTS * FAKES) * norm_scale
    lead = score(REALS**2 / 2) - score(FAKES**2 / 2)
    close(result.loss, np.logaddexp(0, -lead) + gamma / 2 * (real**2 + fake**2))
    close(result.gradient_norm, (real + fake) / 2)


def test_labels_add_the_cross_entropy_of_what_learns():
    labels = cross_entropy(REALS) + cross_entropy(FAKES)
    close(d_loss(labelling, ONE_HOT, gradient_weight=0.0).loss, np.log(1 + np.exp(-LEAD)) + labels)
    close(g_loss(labelling, ONE_HOT, REAL_ONE_HOT), np.log(1 + np.exp(LEAD)) + cross_entropy(FAKES))


def test_penalties_can_be_differentiated_by_the_weights_of_the_critic():
    """Of gamma / 2 (|w|^2 + |w|^2) by w: 2 gamma w."""
    weights = tf.Variable(WEIGHTS)

    def critic(images):
        return tf.tensordot(images, weights, 3)[:, None], tf.zeros([N, 0])

    with tf.GradientTape() as tape:
        loss = d_loss(critic, NO_LABELS).loss
    difference = FAKES.astype(np.float64) - REALS
    relativistic = np.tensordot(1 / (1 + np.exp(LEAD)), difference, 1)
    np.testing.assert_allclose(tape.gradient(loss, weights), relativistic + N * 20 * WEIGHTS, rtol=1e-4, atol=1e-4)
