"""Records: round trips, the official bytes, and finding damage."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from progan_tf.data import records


def images(count: int, side: int = 8, channels: int = 3, dtype: str = "uint8") -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, np.iinfo(dtype).max, (side, side, channels), dtype, endpoint=True) for _ in range(count)]


def write(path: Path, serialized: list[bytes]) -> list[int]:
    """Writes records and returns the byte offset of each."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)
    return [sum(len(record) + 16 for record in serialized[:i]) for i in range(len(serialized))]


@settings(deadline=None, max_examples=50)
@given(
    dtype=st.sampled_from(["uint8", "uint16"]),
    channels=st.sampled_from([1, 3, 4, 13]),
    side=st.sampled_from([4, 8, 16]),
    key=st.none() | st.text(max_size=20),
    label=st.none() | st.integers(0, 1000),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(dtype, channels, side, key, label, seed):
    image = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (side, side, channels), dtype, endpoint=True)
    read, read_key, read_label = records.deserialize(records.serialize(image, key, label), dtype)
    np.testing.assert_array_equal(read, image)
    assert (read_key, read_label) == (key, label)


def test_bytes_are_channels_first_and_little_endian():
    image = np.arange(2 * 2 * 3, dtype=np.uint16).reshape(2, 2, 3) + 256
    features = tf.train.Example.FromString(records.serialize(image)).features.feature
    assert list(features["shape"].int64_list.value) == [3, 2, 2]
    planes = [image[y, x, c] for c in range(3) for y in range(2) for x in range(2)]
    assert features["data"].bytes_list.value[0] == struct.pack("<12H", *planes)


@pytest.mark.parametrize("dtype, channels", [("uint8", 1), ("uint8", 3), ("uint16", 13)])
def test_batches_are_parsed_in_a_graph(dtype, channels):
    originals = images(3, channels=channels, dtype=dtype)
    batch = tf.constant([records.serialize(image, label=label) for label, image in enumerate(originals, 5)])
    read = tf.function(lambda raw: records.parse_batch(raw, (8, 8, channels), dtype))(batch)
    np.testing.assert_array_equal(read, originals)
    np.testing.assert_array_equal(tf.function(records.parse_labels)(batch), [5, 6, 7])


def test_batches_of_another_shape_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError):
        records.parse_batch(tf.constant([records.serialize(image) for image in images(2)]), (16, 16, 3), "uint8")


@pytest.mark.parametrize(
    "record", [b"nonsense", b"", tf.train.Example().SerializeToString()], ids=["no example", "empty", "no features"]
)
def test_what_is_no_record_is_a_value_error(record):
    with pytest.raises(ValueError):
        records.deserialize(record)


def test_data_of_the_wrong_length_is_a_value_error():
    with pytest.raises(ValueError, match=r"192 bytes of uint16 where shape \[3, 8, 8\] needs 384"):
        records.deserialize(records.serialize(images(1)[0]), "uint16")


@pytest.mark.parametrize("level", range(2, 7))
def test_official_records_are_written_byte_for_byte(level, tmp_path, golden):
    official = golden / "official_tfrecords/eurosat16" / f"eurosat16-r{level:02d}.tfrecords"
    read = [records.deserialize(raw) for raw in tf.data.TFRecordDataset(str(official)).as_numpy_iterator()]
    assert [(image.shape, key, label) for image, key, label in read] == [((2**level, 2**level, 3), None, None)] * 16
    write(tmp_path / "again", [records.serialize(image) for image, _, _ in read])
    assert (tmp_path / "again").read_bytes() == official.read_bytes()


def test_scan_of_a_sound_file_is_one_run(tmp_path):
    write(tmp_path / "file", [records.serialize(image) for image in images(5)])
    good, bad = records.scan(str(tmp_path / "file"), (8, 8, 3), "uint8")
    assert good == [records.Run(str(tmp_path / "file"), offset=0, first=0, count=5)]
    assert bad == []


@pytest.mark.parametrize("index", [0, 2, 4])
@pytest.mark.parametrize("byte", [12, 60, -5, -1], ids=["first byte", "inside", "last byte", "checksum"])
def test_scan_finds_a_flipped_bit(tmp_path, index, byte):
    path, serialized = tmp_path / "file", [records.serialize(image) for image in images(5)]
    offsets = write(path, serialized)
    damaged = bytearray(path.read_bytes())
    end = offsets[index] + len(serialized[index]) + 16
    damaged[byte + (offsets[index] if byte >= 0 else end)] ^= 4
    path.write_bytes(damaged)

    good, bad = records.scan(str(path), (8, 8, 3), "uint8")

    assert [record.index for record in bad] == [index]
    assert sorted(run.first + i for run in good for i in range(run.count)) == [i for i in range(5) if i != index]
    assert all(run.offset == offsets[run.first] for run in good)
    columns = zip(*((run.file, run.offset, run.count, run.first) for run in good), strict=True)
    files, *numbers = map(list, columns)
    runs = tf.data.Dataset.from_tensor_slices((files, *(np.int64(column) for column in numbers)))
    expected = [(serialized[i], i) for i in range(5) if i != index]
    assert list(runs.flat_map(records.read_run).as_numpy_iterator()) == expected


@pytest.mark.parametrize("cut", [1, 100, 240], ids=["last byte", "half a record", "into the header"])
def test_scan_finds_a_truncated_end(tmp_path, cut):
    path = tmp_path / "file"
    offsets = write(path, [records.serialize(image) for image in images(3)])
    assert 0 < offsets[1] - 240 < 12  # so the last case cuts the header
    path.write_bytes(path.read_bytes()[:-cut])
    good, bad = records.scan(str(path), (8, 8, 3), "uint8")
    assert [(record.index, "ends in" in record.reason) for record in bad] == [(2, True)]
    assert [run.count for run in good] == [2]
    with pytest.raises(records.RecordError, match="record 2 is cut short"):
        records.count(str(path))


def test_scan_past_a_destroyed_length_gives_up_the_rest(tmp_path):
    path = tmp_path / "file"
    offsets = write(path, [records.serialize(image) for image in images(5)])
    damaged = bytearray(path.read_bytes())
    damaged[offsets[2] + 1] ^= 64
    path.write_bytes(damaged)
    good, bad = records.scan(str(path), (8, 8, 3), "uint8")
    assert [run.count for run in good][:1] == [2]
    assert bad[0].index == 2


def test_scan_finds_records_of_another_shape(tmp_path):
    write(tmp_path / "file", [records.serialize(image) for image in images(2) + images(1, side=4) + images(1)])
    good, bad = records.scan(str(tmp_path / "file"), (8, 8, 3), "uint8")
    assert [(record.index, record.reason) for record in bad] == [(2, "shape [4, 4, 3] where [8, 8, 3] is expected")]
    assert [(run.first, run.count) for run in good] == [(0, 2), (3, 1)]


def test_shape_and_count_are_told_from_the_file(tmp_path):
    write(tmp_path / "file", [records.serialize(image) for image in images(3, channels=4)])
    assert records.shape_of_first(str(tmp_path / "file")) == (8, 8, 4)
    assert records.count(str(tmp_path / "file")) == 3


@pytest.mark.parametrize("content", [b"", b"nothing like a record, but long enough for one"], ids=["empty", "text"])
def test_files_without_records_are_named(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(records.RecordError, match=r"file: "):
        records.shape_of_first(str(tmp_path / "file"))
