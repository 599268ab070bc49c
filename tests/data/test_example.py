"""The message without TensorFlow against TensorFlow's own."""

import pytest
import tensorflow as tf

from progan_tf.data.example import Example


def filled(example):
    features = example.features.feature
    features["shape"].int64_list.value[:] = [3, -4, 2**62]
    features["data"].bytes_list.value[:] = [b"\x00\xff", b""]
    features["weight"].float_list.value[:] = [0.1, -1e30]
    features["none"].int64_list.value[:] = []
    return example


def test_the_same_bytes_as_tensorflow():
    ours, theirs = filled(Example()), filled(tf.train.Example())
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)


def test_reads_what_tensorflow_wrote():
    features = Example.FromString(filled(tf.train.Example()).SerializeToString()).features.feature
    assert list(features["shape"].int64_list.value) == [3, -4, 2**62]
    assert list(features["data"].bytes_list.value) == [b"\x00\xff", b""]
    assert features["weight"].WhichOneof("kind") == "float_list"


def test_anything_else_is_refused():
    with pytest.raises(Exception, match="parsing"):
        Example.FromString(b"\xff\xff\xff")
