"""Extenders of exported models, and the one size of batches."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.errors import InputError
from progan_tf.extension import extender
from tests.extension import stand_in


def windows(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    known = chance.integers(0, 2, (count, 16, 16)).astype(bool)
    return chance.integers(0, 256, (count, 16, 16, 3), np.uint8), known, np.arange(count) + 2**62


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_any_number_of_windows_goes_in_batches_of_one_size(count):
    sizes = []

    def extend(images, known, seeds):
        sizes.append((len(images), len(known), len(seeds)))
        return stand_in.extend(images, known, seeds)

    made = extender.in_batches(extend, 3)(*windows(count))
    assert sizes == [(3, 3, 3)] * -(-count // 3)
    np.testing.assert_array_equal(made, stand_in.extend(*windows(count)))


def test_an_exported_model_continues_windows(tmp_path):
    extend = extender.load(stand_in.save(tmp_path) / "1", 4)
    images, known, seeds = windows(6)
    made = extend(images, known, seeds)
    assert (made.shape, made.dtype) == (images.shape, np.uint8)
    np.testing.assert_array_equal(made[known], images[known])
    np.testing.assert_array_equal(extend(images * known[..., np.newaxis], known.astype(np.uint8), seeds), made)
    np.testing.assert_array_equal(extend(images[4:], known[4:], seeds[4:]), made[4:])
    assert (extend(images, known, seeds + 1) != made)[~known].mean() > 0.9


def test_a_model_that_extends_nothing_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(InputError, match="no signature named extend"):
        extender.load(tmp_path, 1)
