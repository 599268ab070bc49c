"""Disks that are full or must not be written to: one line, nothing half-written, and the same command goes on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import disk
from progan_tf.data import reading
from progan_tf.errors import Failed
from tests import disks

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    with disks.small(tmp_path / "disk", megabytes=3) as folder:
        yield folder


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """32 images of 64 x 64: 393 kB of pixels, about 540 kB as records of all levels."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(32):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(folder / f"{i:03d}.png")
    return folder


def convert(images: Path, output: Path, engine: str = "local") -> subprocess.CompletedProcess:
    flags = [f"--input={images}", f"--output={output}", "--resolution=64", "--shards=4", "--workers=1"]
    flags.append(f"--engine={engine}")
    return subprocess.run(
        [sys.executable, "-m", "data_prep.convert", *flags],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def whole_files(output: Path) -> list[Path]:
    """The files under final names, each read in full."""
    shards = sorted(output.glob("train/*.tfrecords"))
    for path in shards:
        level = int(path.name.split("-r")[1][:2])
        good, bad = reading.scan(str(path), (2**level, 2**level, 3), "uint8")
        assert (sum(run.count for run in good), bad) == (8, [])
    return shards


@pytest.mark.parametrize(
    "room", [200 << 10, *(pytest.param(room << 10, marks=pytest.mark.slow) for room in (4, 420, 600))]
)  # while tiles are cut; at once, while the first shards are written, and while the last are
@pytest.mark.parametrize("engine", ["local", "beam"])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(images, small_disk, room, engine):
    if engine == "beam":
        pytest.importorskip("apache_beam", reason="Apache Beam is not installed")
    earlier = small_disk / "earlier"
    assert convert(images, earlier).returncode == 0
    before = {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    disks.fill(small_disk, leave=room)
    output = small_disk / "out"
    failed = convert(images, output, engine)
    assert failed.returncode == 1, failed.stderr
    assert failed.stderr == (
        f"convert: no space left on the disk of {output}; free some and run the same command again\n"
    )
    assert not (output / "dataset.json").exists()
    whole_files(output)
    (small_disk / "filler").unlink()
    done = convert(images, output, engine)
    assert done.returncode == 0, done.stderr
    assert len(whole_files(output)) == 4 * 5
    assert {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()} == before
    assert {path.name: path.read_bytes() for path in (output / "train").iterdir()} == {
        path.name: path.read_bytes() for path in (earlier / "train").iterdir()
    }
    assert sorted(path.name for path in output.iterdir()) == ["dataset.json", "train"]


def test_a_disk_that_must_not_be_written_to_is_an_input_error(images, small_disk):
    (small_disk / "out").mkdir()
    disks.mount("-o", "remount,ro", str(small_disk))
    for output, message in (("out", "cannot be written to"), ("new", "cannot be made: Read-only file system")):
        wrong = convert(images, small_disk / output)
        assert wrong.returncode == 2
        assert wrong.stderr == f"convert: output {small_disk / output} {message}; choose another folder\n"
    assert list((small_disk / "out").iterdir()) == []


def test_a_disk_that_fills_up_under_tensorflow_is_explained(small_disk):
    import tensorflow as tf

    disks.fill(small_disk, leave=0)
    with pytest.raises(Failed, match="no space left on the disk of out"), disk.explained("out"):  # noqa: SIM117
        with tf.io.TFRecordWriter(str(small_disk / "x")) as writer:
            writer.write(bytes(1 << 20))


def test_other_errors_of_files_are_one_line_and_others_stay_as_they_are():
    with pytest.raises(Failed, match=r"Permission denied: '/a/b'; make it accessible"), disk.explained("out"):
        raise PermissionError(13, "Permission denied", "/a/b")
    with pytest.raises(Failed, match="Input/output error; run the same command again"), disk.explained("out"):
        raise OSError(5, "Input/output error")
    with pytest.raises(ZeroDivisionError), disk.explained("out"):
        raise ZeroDivisionError
