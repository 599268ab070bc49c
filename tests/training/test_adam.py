"""Adam against its textbook, and a step that is left out."""

import keras
import numpy as np
import tensorflow as tf

from progan_tf.config import OptimizerConfig
from progan_tf.training.adam import SkippingAdam

RATE = 0.002


def make(values, config=OptimizerConfig()):  # noqa: B008, the config is frozen
    variable = keras.Variable(values, dtype="float32")
    optimizer = SkippingAdam(config, name="adam")
    optimizer.build([variable])
    optimizer.learning_rate = RATE
    return optimizer, variable


def textbook(weights, gradients, config):
    m = v = np.zeros_like(weights)
    for t, gradient in enumerate(gradients, start=1):
        m = config.beta1 * m + (1 - config.beta1) * gradient
        v = config.beta2 * v + (1 - config.beta2) * gradient**2
        rate = RATE * np.sqrt(1 - config.beta2**t) / (1 - config.beta1**t)
        weights = weights - rate * m / (np.sqrt(v) + config.epsilon)
    return weights


def test_five_steps_equal_the_textbook():
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(50), rng.standard_normal((5, 50)) * 10.0 ** rng.integers(-9, 3, (5, 50))
    for config in (OptimizerConfig(), OptimizerConfig(beta1=0.5, beta2=0.9, epsilon=1e-4)):
        optimizer, variable = make(start, config)
        for gradient in gradients:
            optimizer.apply_if(tf.constant(True), [tf.constant(gradient, tf.float32)], [variable])
        np.testing.assert_allclose(variable.numpy(), textbook(start, gradients, config), atol=1e-6)


def test_a_skipped_step_leaves_weights_moments_and_counter_even_with_nan():
    optimizer, variable = make([1.0, -2.0])
    optimizer.apply_if(tf.constant(True), [tf.constant([0.3, 0.1])], [variable])
    state = {"w": variable} | optimizer.named_state({"w": variable})
    before = {name: value.numpy().copy() for name, value in state.items()}
    optimizer.apply_if(tf.constant(False), [tf.constant([np.nan, np.inf])], [variable])
    assert {name: value.numpy().tobytes() for name, value in state.items()} == {
        name: value.tobytes() for name, value in before.items()
    }


def test_steps_around_a_skipped_one_are_those_without_it():
    (one, a), (two, b) = make([1.0, -2.0]), make([1.0, -2.0])
    for proceed, gradient in ((True, [0.3, 0.1]), (False, [9.0, 9.0]), (True, [-0.2, 0.4])):
        one.apply_if(tf.constant(proceed), [tf.constant(gradient)], [a])
        if proceed:
            two.apply_if(tf.constant(True), [tf.constant(gradient)], [b])
    assert a.numpy().tobytes() == b.numpy().tobytes()


def test_reset_starts_over_with_the_same_rate():
    optimizer, variable = make([1.0, -2.0])
    optimizer.apply_if(tf.constant(True), [tf.constant([0.3, 0.1])], [variable])
    optimizer.reset()
    fresh, other = make(variable.numpy())
    for each, target in ((optimizer, variable), (fresh, other)):
        each.apply_if(tf.constant(True), [tf.constant([-0.5, 0.2])], [target])
    assert variable.numpy().tobytes() == other.numpy().tobytes()
