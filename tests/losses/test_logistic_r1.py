"""The logistic loss with R1, against its definition in float64."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from tests.losses import critics
from tests.losses.critics import FAKES, ONE_HOT, REALS, WEIGHTS, N, close, cross_entropy, labelling, norm, score

d_loss = functools.partial(critics.d_loss, "logistic_r1")
g_loss = functools.partial(critics.g_loss, "logistic_r1")


def surprise(sign: int, images: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the probability that the critic gives to real (1) or fake (-1)."""
    return -np.log(expit(sign * score(images)))


def test_without_penalty_it_is_the_surprise_at_what_is_real_and_what_is_not():
    close(d_loss(gradient_weight=0.0).loss, surprise(1, REALS) + surprise(-1, FAKES))


def test_generator_is_surprised_by_the_fakes_being_taken_for_fakes():
    close(g_loss(), surprise(1, FAKES))


@pytest.mark.parametrize("gamma", [10.0, 0.5])
@pytest.mark.parametrize("norm_scale", [1.0, 0.25])
def test_penalty_is_half_gamma_times_the_squared_norm_at_the_reals(gamma, norm_scale):
    result = d_loss(critics.quadratic, gradient_weight=gamma, norm_scale=norm_scale)
    squares = (norm(WEIGHTS * REALS) * norm_scale) ** 2
    logistic = np.logaddexp(0, -score(REALS**2 / 2)) + np.logaddexp(0, score(FAKES**2 / 2))
    close(result.loss, logistic + gamma / 2 * squares)
    close(result.gradient_norm, squares**0.5)


def test_labels_add_the_cross_entropy():
    result = d_loss(labelling, ONE_HOT, gradient_weight=0.0)
    close(result.loss, surprise(1, REALS) + surprise(-1, FAKES) + cross_entropy(REALS) + cross_entropy(FAKES))
    close(g_loss(labelling, ONE_HOT), surprise(1, FAKES) + cross_entropy(FAKES))


def test_scores_far_from_zero_do_not_overflow():
    def sure(images):
        return tf.fill([len(images), 1], -200.0) + 0 * tf.reduce_sum(images), tf.zeros([len(images), 0])

    close(d_loss(sure).loss, 200.0)
    close(g_loss(sure), 200.0)


def test_penalty_can_be_differentiated_by_the_weights_of_a_critic_whose_gradient_is_zero():
    """d/dw of gamma / 2 |w|^2 is gamma w, which at w = 0 is 0 and not the NaN of a root's derivative."""
    weights = tf.Variable(tf.zeros_like(WEIGHTS))

    def critic(images):
        return tf.tensordot(images, weights, 3)[:, None], tf.zeros([N, 0])

    for value in (0.0 * WEIGHTS, WEIGHTS):
        weights.assign(value)
        with tf.GradientTape() as tape:
            loss = d_loss(critic).loss
        real, fake = (np.tensordot(images, value, 3) for images in (REALS, FAKES))
        logistic = np.tensordot(expit(fake), FAKES, 1) - np.tensordot(expit(-real), REALS, 1)
        np.testing.assert_allclose(tape.gradient(loss, weights), logistic + N * 10 * value, rtol=1e-4, atol=1e-4)
