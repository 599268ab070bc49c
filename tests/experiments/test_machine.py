"""The rates that the demo's length is chosen by and training is measured against."""

import pytest

from experiments.machine import convolution, convolution_rate


def test_the_rate_is_one_of_a_computer():
    assert 1e8 < convolution_rate(size=8, channels=8, batch=1, seconds=0.2) < 1e15


@pytest.mark.parametrize("gradients", [False, True])
def test_all_that_is_counted_is_computed(gradients, monkeypatch):
    """TensorFlow leaves out what no result needs; the operations run are those of the profile, not of the formula."""
    import tensorflow as tf

    traced = []
    monkeypatch.setattr(tf, "function", lambda function: traced.append(tf_function(function)) or traced[-1])
    convolution(8, 4, 2, gradients=gradients)
    (graph,) = (function.get_concrete_function().graph for function in traced)
