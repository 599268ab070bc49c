"""The container against TensorFlow's writer."""

import io

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


def saved(path, records) -> list[int]:
    """Writes records by TensorFlow; returns where their frames begin."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return [sum(len(record) + tfrecord.FRAME_BYTES for record in records[:number]) for number in range(len(records))]


def test_any_record_is_read_by_where_it_begins(tmp_path):
    records = [b"a", b"", b"\x00" * 100_000, bytes(range(256)) * 33]
    starts = saved(tmp_path / "file", records)
    size = (tmp_path / "file").stat().st_size
    with (tmp_path / "file").open("rb") as file:
        assert list(tfrecord.frames(file, size)) == list(zip(starts, [*starts[1:], size], strict=True))
        for start, record in reversed(list(zip(starts, records, strict=True))):
            assert tfrecord.read(file, start) == record


def test_every_bit_that_flips_is_noticed(tmp_path):
    (start,) = saved(tmp_path / "file", [b"some pixels"])
    content = (tmp_path / "file").read_bytes()
    for bit in range(8 * len(content)):
        harmed = bytearray(content)
        harmed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="at byte 0"):
            tfrecord.read(io.BytesIO(harmed), start)
    for length in range(len(content)):
        with pytest.raises(ValueError, match="at byte 0"):
            tfrecord.read(io.BytesIO(content[:length]), start)
        assert list(tfrecord.frames(io.BytesIO(content[:length]), length)) == ([(0, None)] if length else [])
