"""The high-water mark of memory, against memory that was taken and given back."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.training import high_water


def test_the_mark_stays_where_it_was_highest():
    before = high_water.cpu_gb()
    assert 0.05 < before < 100
    taken = np.ones(2 * 10**9 // 8)  # 2 GB, written to
    during = high_water.cpu_gb()
    assert during >= 2.0 and taken[-1] == 1
    del taken
    assert high_water.cpu_gb() >= during


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is one")
def test_there_is_no_gpu_memory_without_a_gpu():
    assert high_water.peak_gpu_gb() == 0
