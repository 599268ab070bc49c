"""The rates that the demo's length is chosen by and training is measured against."""

import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from experiments.machine import Others, convolution, convolution_rate
from tests.graphs import multiplications


def test_the_rate_is_one_of_a_computer():
    assert 1e8 < convolution_rate(size=8, channels=8, batch=1, seconds=0.2) < 1e15


@pytest.mark.parametrize(("gradients", "passes"), [(False, 1), (True, 3)])
def test_all_that_is_counted_is_computed(gradients, passes, monkeypatch):
    """TensorFlow leaves out what no result needs, such as a convolution of which gradients alone are asked for."""
    compiled, function = [], tf.function
    monkeypatch.setattr(tf, "function", lambda passes: compiled.append(function(passes)) or compiled[-1])
    convolution(8, 4, 2, gradients=gradients)
    graph = compiled[0].get_concrete_function().graph
    assert multiplications(graph) == passes * 2 * 8**2 * 9 * 4**2


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux tells what others compute")
def test_what_others_compute_is_told_and_what_we_do_is_not():
    busy = "import time; end = time.monotonic() + {}\nwhile time.monotonic() < end: pass"
    other = subprocess.Popen([sys.executable, "-c", busy.format(60)])
    try:
        ours, theirs = Others([other.pid]), Others([])
        exec(busy.format(2))
        both, ourselves = theirs.cores(), ours.cores()
    finally:
        other.kill()
        other.wait()
    assert 0.2 < both - ourselves < 1.2  # a core, or less where there are too few
