"""The rates that the demo's length is chosen by and training is measured against."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.machine import Others, convolution, convolution_rate
from tests.graphs import compiled_from_now_on, multiplications


def test_the_rate_is_one_of_a_computer():
    assert 1e8 < convolution_rate(size=8, channels=8, batch=1, seconds=0.2) < 1e15


@pytest.mark.parametrize(("gradients", "passes"), [(False, 1), (True, 3)])
def test_all_that_is_counted_is_computed(gradients, passes, monkeypatch):
    """TensorFlow leaves out what no result needs, such as a convolution of which gradients alone are asked for."""
    compiled = compiled_from_now_on(monkeypatch)
    convolution(8, 4, 2, gradients=gradients)
    graph = compiled[0].get_concrete_function().graph
    assert multiplications(graph) == passes * 2 * 8**2 * 9 * 4**2


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux tells what others compute")
def test_what_a_process_computes_is_told_where_it_is_not_ours():
    work = "import time\nwhile time.process_time() < 1.5: pass\nprint(flush=True)\ntime.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", work], stdout=subprocess.PIPE)
    try:
        begin = time.monotonic()
        ours, theirs = Others([other.pid]), Others([])
        other.stdout.readline()
        computed = (theirs.cores() - ours.cores()) * (time.monotonic() - begin)
    finally:
        other.kill()
        other.communicate()
    assert 1.2 < computed < 1.6  # its start may have come before
