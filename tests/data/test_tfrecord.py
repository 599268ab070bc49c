"""The container against TensorFlow's writer."""

import pytest
import tensorflow as tf

from progan_tf.data import tfrecord


@pytest.mark.parametrize("records", [[], [b""], [b"a", b"", b"\x00" * 100_000, bytes(range(256)) * 33]])
def test_the_same_bytes_as_tensorflow(records, tmp_path):
    with (tmp_path / "ours").open("wb") as file:
        for record in records:
            tfrecord.write(file, record)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
