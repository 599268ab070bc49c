"""How ADA's probability goes up and down."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation import ada
from progan_tf.config import AugmentationConfig
from progan_tf.training.augment_probability import AugmentProbability

SURE, BEATEN, TORN = [1.0, 5.0, 0.1, 9.0], [-1.0, -5.0, -0.1, -9.0], [1.0, -5.0, 0.1, -9.0]
LEARNT, SKIPPED = tf.constant(0.0), tf.constant(1.0)


def make(**settings) -> AugmentProbability:
    return AugmentProbability(AugmentationConfig(policy="ada", **settings))


def run(probability: AugmentProbability, *scores: list[float], batch_size: int = 100) -> list[float]:
    """The probability after each of some steps."""
    seen = []
    for row in scores:
        probability.update(tf.constant(row), LEARNT, batch_size)
        seen.append(round(float(probability.value()), 6))
    return seen


def test_it_starts_at_nothing_and_stays_for_four_steps():
    probability = make(ada_kimg=4.0)
    assert float(probability.value()) == 0
    assert run(probability, *[SURE] * 9) == [0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2]


@pytest.mark.parametrize("batch_size", [4, 64])
def test_it_goes_from_nothing_to_one_in_so_many_images(batch_size):
    probability = make(ada_kimg=500.0)
    steps = 0.1 * 500_000 / batch_size
    for _ in range(int(steps) // 4 * 4):
        probability.update(tf.constant(SURE), LEARNT, batch_size)
        if float(probability.value()) > 0.01:
            break
    part = 4 * batch_size / 500_000
    assert float(probability.value()) == pytest.approx(np.ceil(0.01 / part) * part, rel=1e-3)


def test_the_mean_of_four_steps_counts_against_the_target():
    """Three steps of sign 1 and one of 0 make 0.75, over 0.6 and not over 0.8."""
    assert run(make(ada_kimg=4.0), SURE, TORN, SURE, SURE)[-1] == pytest.approx(0.1)
    below = make(ada_kimg=4.0, ada_target=0.8)
    below.variables["augment_p"].assign(0.5)
    assert run(below, SURE, TORN, SURE, SURE)[-1] == pytest.approx(0.4)


def test_it_stays_between_nothing_and_the_limit():
    probability = make(ada_kimg=1.0)
    assert run(probability, *[SURE] * 12)[3::4] == pytest.approx([0.4, 0.8, ada.LIMIT])
    assert run(probability, *[BEATEN] * 12)[3::4] == pytest.approx([0.4, 0, 0])


def test_steps_that_were_skipped_do_not_count():
    probability = make(ada_kimg=4.0)
    run(probability, SURE, SURE, SURE)
    before = {name: float(value) for name, value in probability.variables.items()}
    probability.update(tf.constant(BEATEN), SKIPPED, 100)
    probability.update(tf.constant([float("nan"), 1, 1, 1]), SKIPPED, 100)
    probability.update(tf.constant([float("nan"), 1, 1, 1]), LEARNT, 100)  # where a loss scale is being sought
    assert {name: float(value) for name, value in probability.variables.items()} == before
    assert run(probability, SURE) == pytest.approx([0.1])
