"""Which source reads an input, and which flags it would pass over in silence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.job import Job
from data_prep.sources import open_source
from progan_tf.errors import InputError


@pytest.fixture
def photos(tmp_path) -> Path:
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    return tmp_path


@pytest.mark.parametrize(
    "field, value, owner",
    [
        ("bands", ("1",), "raster"),
        ("nodata", 0.0, "raster"),
        ("resolution_m", 10.0, "raster"),
        ("min_valid_fraction", 0.5, "raster or tfds"),
        ("tfds_split", "test", "tfds"),
        ("tfds_data_dir", "/data", "tfds"),
    ],
)
def test_flags_of_another_source_are_refused(photos, field, value, owner):
    with pytest.raises(InputError, match=f"{field} is for {owner} input, this is folder; leave it out, or set --sour"):
        open_source(Job(str(photos), "out", **{field: value}))


@pytest.mark.parametrize(
    "names, kind",
    [
        (("a.png", "b.jpg"), "folder"),
        (("a.png", "b.tif"), "folder"),
        (("a.tif", "b.vrt"), "raster"),
        (("a.dat", "a.hdr", "b.ntf", "notes.txt"), "raster"),
        (("x-r04.tfrecords",), "tfrecords"),
    ],
)
def test_what_is_there_tells_who_reads_it(tmp_path, names, kind):
    from data_prep import sources

    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert sources._kind(Job(str(tmp_path), "out")) == kind
