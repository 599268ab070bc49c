"""Least squares, against its definition in float64."""

import functools

import pytest

from tests.losses import critics
from tests.losses.critics import FAKES, ONE_HOT, REALS, WEIGHTS, close, cross_entropy, labelling, norm, score

d_loss = functools.partial(critics.d_loss, "least_squares")
g_loss = functools.partial(critics.g_loss, "least_squares")


def test_reals_are_to_score_one_and_fakes_nothing():
    close(d_loss().loss, (score(REALS) - 1) ** 2 / 2 + score(FAKES) ** 2 / 2)


def test_the_generator_wants_fakes_to_score_one():
    close(g_loss(), (score(FAKES) - 1) ** 2 / 2)


@pytest.mark.parametrize("norm_scale", [1.0, 0.25])
def test_the_norm_at_the_reals_is_told_and_not_penalised(norm_scale):
    result = d_loss(critics.quadratic, norm_scale=norm_scale)
    close(result.gradient_norm, norm(WEIGHTS * REALS) * norm_scale)
    close(result.loss, (score(REALS**2 / 2) - 1) ** 2 / 2 + score(FAKES**2 / 2) ** 2 / 2)


def test_labels_add_the_cross_entropy():
    labels = cross_entropy(REALS) + cross_entropy(FAKES)
    close(d_loss(labelling, ONE_HOT).loss, (score(REALS) - 1) ** 2 / 2 + score(FAKES) ** 2 / 2 + labels)
    close(g_loss(labelling, ONE_HOT), (score(FAKES) - 1) ** 2 / 2 + cross_entropy(FAKES))
