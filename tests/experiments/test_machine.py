"""The rate that the demo's length is chosen by."""

from experiments.machine import convolution_rate


def test_the_rate_is_one_of_a_computer():
    assert 1e8 < convolution_rate(size=8, channels=8, batch=1, seconds=0.2) < 1e15
