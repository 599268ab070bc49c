"""Scenes behind an address that only TensorFlow knows, against the same scenes on this machine."""

import io

import numpy as np
import pytest

from data_prep import files
from data_prep.job import Job
from data_prep.sources.raster import Rasters
from data_prep.sources.remote_file import RemoteFile
from data_prep.sources.source import UnusableFile

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

FOLDER = "ram://remote_file"


def put(name: str, content: bytes) -> str:
    with files.open_file(f"{FOLDER}/{name}", "wb") as file:
        file.write(content)
    return f"{FOLDER}/{name}"


@pytest.fixture
def scene(tmp_path) -> bytes:
    path = tmp_path / "x.tif"
    size = {"width": 48, "height": 48, "count": 3, "dtype": "uint16", "compress": "deflate"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32618", **size) as file:
        file.write(np.random.default_rng(0).integers(0, 65535, (3, 48, 48), np.uint16))
    return path.read_bytes()


def test_a_remote_file_is_read_like_one_in_memory():
    content = bytes(range(200))
    remote, local = RemoteFile(put("x.bin", content)), io.BytesIO(content)
    for seek, read in (((0,), 5), ((3, 1), 7), ((-20, 2), 50), ((500,), 3), ((10,), 0), ((190,), 100)):
        assert remote.seek(*seek) == local.seek(*seek)
        assert remote.read(read) == local.read(read)
        assert remote.tell() == local.tell()
    with pytest.raises(FileNotFoundError):
        RemoteFile(f"{FOLDER}/nothing.bin")


def test_remote_scenes_and_masks_have_the_tiles_of_local_ones(tmp_path, scene):
    (tmp_path / "m.tif").write_bytes(scene)
    found = {}
    for folder in (str(tmp_path), FOLDER):
        if folder == FOLDER:
            put("m.tif", scene)
            put("x.tif", scene)
        source = Rasters.of(Job(f"{folder}/x.tif", "out", resolution=16, mask=f"{folder}/m.tif", mask_exclude=(1,)))
        assert [name for name, _ in source.listing().files] == ["x.tif"]
        form = source.agree([source.survey("x.tif")])
        found[folder] = list(source.read("x.tif", 0, form))
    assert len(found[FOLDER]) == 9
    for remote, local in zip(found[FOLDER], found[str(tmp_path)], strict=True):
        np.testing.assert_array_equal(remote.pixels, local.pixels)
        assert (remote.key, remote.crs) == (local.key, local.crs)


@pytest.mark.parametrize("size", [0, 8, 100, 300, -500, -1])
def test_damaged_remote_scenes_are_refused_for_the_reason_that_local_ones_are(tmp_path, scene, size):
    name = f"cut{size}.tif"
    (tmp_path / name).write_bytes(scene[:size])
    put(name, scene[:size])
    reasons = []
    for folder in (str(tmp_path), FOLDER):
        source = Rasters.of(Job(f"{folder}/{name}", "out", resolution=16))
        survey = source.survey(name)
        if survey.rejected:
            reasons.append(survey.rejected)
        else:
            with pytest.raises(UnusableFile) as caught:
                list(source.read(name, 0, source.agree([survey])))
            reasons.append(str(caught.value))
    assert reasons[0] == reasons[1]


def test_what_is_not_there_is_told_so():
    assert "No such file" in Rasters.of(Job(f"{FOLDER}/no.tif", "out", resolution=16)).survey("no.tif").rejected
