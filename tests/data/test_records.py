"""Records: round trips, the official bytes, and finding damage."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from progan_tf.data import reading, records
from progan_tf.data.place import Place


def images(count: int, side: int = 8, channels: int = 3, dtype: str = "uint8") -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, np.iinfo(dtype).max, (side, side, channels), dtype, endpoint=True) for _ in range(count)]


def write(path: Path, serialized: list[bytes]) -> list[int]:
    """Writes records and returns the byte offset of each."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)
    return [sum(len(record) + 16 for record in serialized[:i]) for i in range(len(serialized))]


PLACES = st.builds(
    Place,
    scene=st.text(max_size=20),
    row=st.integers(-5, 10**6),
    column=st.integers(-5, 10**6),
    bounds=st.none() | st.tuples(*[st.floats(allow_nan=False)] * 4),
    crs=st.none() | st.sampled_from(["EPSG:32633", 'PROJCS["of nobody"]']),
    neighbours=st.tuples(*[st.text(max_size=9)] * 8),
)


@settings(deadline=None, max_examples=60)
@given(
    dtype=st.sampled_from(["uint8", "uint16"]),
    channels_and_encoding=st.sampled_from([(1, "raw"), (3, "raw"), (13, "raw"), (1, "png"), (2, "png"), (4, "png")]),
    side=st.sampled_from([4, 8, 16]),
    key=st.none() | st.text(max_size=20),
    label=st.none() | st.integers(0, 1000),
    place=st.none() | PLACES,
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(dtype, channels_and_encoding, side, key, label, place, seed):
    channels, encoding = channels_and_encoding
    image = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (side, side, channels), dtype, endpoint=True)
    record = records.serialize(image, key, label, place, encoding)
    read = records.deserialize(record, dtype, encoding)
    np.testing.assert_array_equal(read.image, image)
    assert read.image.dtype == dtype
    assert (read.key, read.label, read.place) == (key, label, place)
    assert records.place_of(record) == place


def test_what_a_record_carries_besides_is_what_the_format_says():
    neighbours = ("a", "", "b", "", "", "", "ä", "")
    place = Place("scene.tif", 3, 4, (500000.0, 0.1, 500640.0, 640.1), "EPSG:32633", neighbours)
    record = records.serialize(np.zeros((4, 4, 1), np.uint8), "k", 2, place)
    features = tf.train.Example.FromString(record).features.feature
    assert sorted(features) == [
        "bounds",
        "column",
        "crs",
        "data",
        "key",
        "label",
        "neighbours",
        "row",
        "scene",
        "shape",
    ]
    assert [features[name].int64_list.value[0] for name in ("label", "row", "column")] == [2, 3, 4]
    assert [features[name].bytes_list.value[0] for name in ("key", "scene", "crs")] == [
        b"k",
        b"scene.tif",
        b"EPSG:32633",
    ]
    assert struct.unpack("<4d", features["bounds"].bytes_list.value[0]) == place.bounds
    assert [key.decode() for key in features["neighbours"].bytes_list.value] == list(neighbours)


@pytest.mark.parametrize("feature", ["row", "column"])
def test_a_place_without_its_row_or_column_is_no_record(feature):
    example = tf.train.Example.FromString(records.serialize(np.zeros((4, 4, 1), np.uint8), place=Place("s", 1, 2)))
    del example.features.feature[feature]
    for read in (records.deserialize, records.place_of):
        with pytest.raises(ValueError, match="a feature that is not what it should be"):
            read(example.SerializeToString())


def test_what_is_not_known_takes_no_room():
    record = records.serialize(np.zeros((4, 4, 1), np.uint8), place=Place("s", 0, 0))
    assert sorted(tf.train.Example.FromString(record).features.feature) == ["column", "data", "row", "scene", "shape"]


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("dtype, channels", [("uint8", 3), ("uint16", 1), ("uint16", 4)])
def test_a_png_is_one_that_others_read(dtype, channels):
    rasterio_io = pytest.importorskip("rasterio.io")
    (image,) = images(1, channels=channels, dtype=dtype)
    features = tf.train.Example.FromString(records.serialize(image, encoding="png")).features.feature
    assert list(features["shape"].int64_list.value) == [channels, 8, 8]
    with rasterio_io.MemoryFile(features["data"].bytes_list.value[0]) as file, file.open() as png:
        assert png.driver == "PNG"
        np.testing.assert_array_equal(png.read().transpose(1, 2, 0), image)


def test_bytes_are_channels_first_and_little_endian():
    image = np.arange(2 * 2 * 3, dtype=np.uint16).reshape(2, 2, 3) + 256
    features = tf.train.Example.FromString(records.serialize(image)).features.feature
    assert list(features["shape"].int64_list.value) == [3, 2, 2]
    planes = [image[y, x, c] for c in range(3) for y in range(2) for x in range(2)]
    assert features["data"].bytes_list.value[0] == struct.pack("<12H", *planes)


@pytest.mark.parametrize(
    "dtype, channels, encoding",
    [("uint8", 1, "raw"), ("uint8", 3, "raw"), ("uint16", 13, "raw"), ("uint8", 4, "png"), ("uint16", 3, "png")],
)
def test_batches_are_parsed_in_a_graph(dtype, channels, encoding):
    originals = images(3, channels=channels, dtype=dtype)
    serialized = [records.serialize(image, label=n, encoding=encoding) for n, image in enumerate(originals, 5)]
    batch = tf.constant(serialized)
    read = tf.function(lambda raw: reading.parse_batch(raw, (8, 8, channels), dtype, encoding))(batch)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, originals)
    np.testing.assert_array_equal(tf.function(reading.parse_labels)(batch), [5, 6, 7])


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_batches_of_another_shape_are_refused(encoding):
    batch = tf.constant([records.serialize(image, encoding=encoding) for image in images(2)])
    with pytest.raises(tf.errors.InvalidArgumentError):
        reading.parse_batch(batch, (16, 16, 3), "uint8", encoding)


@pytest.mark.parametrize(
    "record", [b"nonsense", b"", tf.train.Example().SerializeToString()], ids=["no example", "empty", "no features"]
)
def test_what_is_no_record_is_a_value_error(record):
    with pytest.raises(ValueError):
        records.deserialize(record)


def test_data_of_the_wrong_length_is_a_value_error():
    with pytest.raises(ValueError, match=r"192 bytes of uint16 where shape \[3, 8, 8\] needs 384"):
        records.deserialize(records.serialize(images(1)[0]), "uint16")


def test_what_is_no_png_is_a_value_error():
    raw = records.serialize(images(1)[0])
    with pytest.raises(ValueError, match="no PNG that can be decoded"):
        records.deserialize(raw, encoding="png")
    features = tf.train.Example.FromString(records.serialize(images(1)[0], encoding="png"))
    features.features.feature["shape"].int64_list.value[1] = 4
    with pytest.raises(ValueError, match=r"a PNG of \[8, 8, 3\] where shape \[3, 4, 8\] is said"):
        records.deserialize(features.SerializeToString(), encoding="png")


@pytest.mark.parametrize("level", range(2, 7))
def test_official_records_are_written_byte_for_byte(level, tmp_path, golden):
    official = golden / "official_tfrecords/eurosat16" / f"eurosat16-r{level:02d}.tfrecords"
    read = [records.deserialize(raw) for raw in tf.data.TFRecordDataset(str(official)).as_numpy_iterator()]
    assert [record.image.shape for record in read] == [(2**level, 2**level, 3)] * 16
    assert {record[1:] for record in read} == {(None, None, None)}
    write(tmp_path / "again", [records.serialize(record.image) for record in read])
    assert (tmp_path / "again").read_bytes() == official.read_bytes()


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_scan_of_a_sound_file_is_one_run(tmp_path, encoding):
    write(tmp_path / "file", [records.serialize(image, encoding=encoding) for image in images(5)])
    good, bad = reading.scan(str(tmp_path / "file"), (8, 8, 3), "uint8", encoding)
    assert good == [reading.Run(str(tmp_path / "file"), offset=0, first=0, count=5)]
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

    good, bad = reading.scan(str(path), (8, 8, 3), "uint8")

    assert [record.index for record in bad] == [index]
    assert sorted(run.first + i for run in good for i in range(run.count)) == [i for i in range(5) if i != index]
    assert all(run.offset == offsets[run.first] for run in good)
    columns = zip(*((run.file, run.offset, run.skipped, run.count, run.first) for run in good), strict=True)
    files, *numbers = map(list, columns)
    runs = tf.data.Dataset.from_tensor_slices((files, *(np.int64(column) for column in numbers)))
    expected = [(serialized[i], i) for i in range(5) if i != index]
    assert list(runs.flat_map(reading.read_run).as_numpy_iterator()) == expected


@pytest.mark.parametrize("cut", [1, 100, 240], ids=["last byte", "half a record", "into the header"])
def test_scan_finds_a_truncated_end(tmp_path, cut):
    path = tmp_path / "file"
    offsets = write(path, [records.serialize(image) for image in images(3)])
    assert 0 < offsets[1] - 240 < 12  # so the last case cuts the header
    path.write_bytes(path.read_bytes()[:-cut])
    good, bad = reading.scan(str(path), (8, 8, 3), "uint8")
    assert [(record.index, "ends in" in record.reason) for record in bad] == [(2, True)]
    assert [run.count for run in good] == [2]
    with pytest.raises(reading.RecordError, match="record 2 is cut short"):
        reading.count(str(path))


def test_scan_past_a_destroyed_length_gives_up_the_rest(tmp_path):
    path = tmp_path / "file"
    offsets = write(path, [records.serialize(image) for image in images(5)])
    damaged = bytearray(path.read_bytes())
    damaged[offsets[2] + 1] ^= 64
    path.write_bytes(damaged)
    good, bad = reading.scan(str(path), (8, 8, 3), "uint8")
    assert [run.count for run in good][:1] == [2]
    assert bad[0].index == 2


def test_scan_finds_records_of_another_shape(tmp_path):
    write(tmp_path / "file", [records.serialize(image) for image in images(2) + images(1, side=4) + images(1)])
    good, bad = reading.scan(str(tmp_path / "file"), (8, 8, 3), "uint8")
    assert [(record.index, record.reason) for record in bad] == [(2, "shape [4, 4, 3] where [8, 8, 3] is expected")]
    assert [(run.first, run.count) for run in good] == [(0, 2), (3, 1)]


def test_shape_and_count_are_told_from_the_file(tmp_path):
    write(tmp_path / "file", [records.serialize(image) for image in images(3, channels=4)])
    assert reading.shape_of_first(str(tmp_path / "file")) == (8, 8, 4)
    assert reading.count(str(tmp_path / "file")) == 3


@pytest.mark.parametrize("content", [b"", b"nothing like a record, but long enough for one"], ids=["empty", "text"])
def test_files_without_records_are_named(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(reading.RecordError, match=r"file: "):
        reading.shape_of_first(str(tmp_path / "file"))
