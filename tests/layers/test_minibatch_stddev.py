"""Minibatch standard deviation, against the definition written as loops over groups, pixels and features."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from progan_tf.layers.minibatch_stddev import MinibatchStddev

BATCHES = [(1, 4), (2, 4), (3, 4), (4, 4), (8, 4), (12, 4), (6, 2), (6, 3), (5, 1), (14, 16), (32, 16)]


def features(count: int, size: int = 3, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(count).normal(0, 2, (count, size, size, channels)).astype(np.float32)


def statistics(x: np.ndarray, group_size: int) -> list[float]:
    """The appended number of every image: that of its group, image n being in group n mod (N / G)."""
    count = len(x)
    groups = count // min(group_size, count)
    of_group = []
    for group in range(groups):
        members = [x[n].astype(np.float64) for n in range(count) if n % groups == group]
        deviations = []
        for index in np.ndindex(*x.shape[1:]):
            values = [member[index] for member in members]
            mean = sum(values) / len(values)
            variance = sum((value - mean) ** 2 for value in values) / len(values)
            deviations.append((variance + 1e-8) ** 0.5)
        of_group.append(sum(deviations) / len(deviations))
    return [of_group[n % groups] for n in range(count)]


@pytest.mark.parametrize("count, group_size", BATCHES)
def test_appends_the_mean_deviation_within_strided_groups(count, group_size):
    x = features(count)
    result = MinibatchStddev(group_size)(x).numpy()
    expected = np.broadcast_to(np.reshape(statistics(x, group_size), (count, 1, 1)), (count, 3, 3))
    np.testing.assert_allclose(result[..., -1], expected, rtol=1e-5)


@pytest.mark.parametrize("count, group_size", BATCHES)
def test_passes_the_features_through_unchanged(count, group_size):
    np.testing.assert_array_equal(MinibatchStddev(group_size)(features(count))[..., :-1], features(count))


def test_groups_are_strided_not_consecutive():
    images = np.zeros((8, 1, 1, 1), np.float32)
    images[0::2] = 5  # groups of 4 among 8 images: the even and the odd ones, all alike within
    np.testing.assert_allclose(MinibatchStddev(4)(images)[..., -1], 1e-4, rtol=1e-4)


def test_variance_is_the_biased_one():
    images = np.float32([0, 2]).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(MinibatchStddev(4)(images)[..., -1], 1, rtol=1e-6)


def test_a_group_is_not_touched_by_the_others():
    x = features(8)
    changed = x.copy()
    changed[1::2] *= 3
    before, after = MinibatchStddev(4)(x).numpy()[..., -1], MinibatchStddev(4)(changed).numpy()[..., -1]
    np.testing.assert_array_equal(before[0::2], after[0::2])
    assert np.all(after[1::2] > 2 * before[1::2])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_kept_and_statistics_are_taken_in_float32(dtype):
    values = np.float32([0, 1000, 0, 1000]).reshape(4, 1, 1, 1)  # the variance, 250000, is no float16
    result = MinibatchStddev(4, dtype=dtype)(tf.constant(values, dtype))
    assert result.dtype == dtype
    np.testing.assert_array_equal(tf.cast(result[..., -1], tf.float32), np.full((4, 1, 1), 500))
    np.testing.assert_array_equal(tf.cast(result[..., :-1], tf.float32), values)


def test_config_makes_the_same_layer_again():
    layer = MinibatchStddev(2, name="stddev")
    again = MinibatchStddev.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(features(6)), layer(features(6)))


def test_output_shape_is_told_beforehand():
    assert MinibatchStddev().compute_output_shape((4, 3, 3, 2)) == MinibatchStddev()(features(4)).shape == (4, 3, 3, 3)
    assert MinibatchStddev()(keras.Input((4, 4, 512))).shape == (None, 4, 4, 513)


def test_one_graph_serves_any_batch():
    graph = tf.function(MinibatchStddev(4), input_signature=[tf.TensorSpec([None, None, None, 2])])
    for count in (1, 3, 4, 8):
        np.testing.assert_allclose(graph(features(count)), MinibatchStddev(4)(features(count)), rtol=1e-6)


def test_a_batch_that_groups_cannot_share_is_an_error():
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        MinibatchStddev(4)(features(6))


def test_default_group_is_four():
    np.testing.assert_array_equal(MinibatchStddev()(features(8)), MinibatchStddev(4)(features(8)))
