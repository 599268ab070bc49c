"""Files of this machine and of a remote address (here `ram://`, TensorFlow's file system in memory): the same calls."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data_prep import files
from data_prep.conversion import convert
from data_prep.job import Job
from data_prep.sources import inputs
from progan_tf.errors import InputError

_numbers = itertools.count()


@pytest.fixture(params=["local", "remote"])
def root(request, tmp_path) -> str:
    """A folder that exists."""
    path = str(tmp_path / "root") if request.param == "local" else f"ram://files/{os.getpid()}-{next(_numbers)}"
    files.make_folder(path)
    return path


def put(path: str, content: bytes = b"abc") -> str:
    with files.open_file(path, "wb") as file:
        file.write(content)
    return path


def test_what_is_written_is_read_and_measured(root):
    path = put(files.join(root, "x.bin"), b"0123456789")
    with files.open_file(path, "rb") as file:
        file.seek(4)
        assert file.read(3) == b"456"
    assert files.size(path) == 10
    assert (files.exists(path), files.is_file(path), files.is_folder(path)) == (True, True, False)
    assert (files.exists(root), files.is_file(root), files.is_folder(root)) == (True, False, True)
    assert [files.is_file_of(path, size) for size in (9, 10)] == [False, True]
    assert not files.is_file_of(root, files.size(path))


def test_what_is_missing_is_told(root):
    path = files.join(root, "nothing")
    assert not files.exists(path)
    assert not files.is_file(path)
    assert not files.is_folder(path)
    assert not files.is_file_of(path, 0)
    with pytest.raises(OSError):
        files.size(path)


def test_text_is_replaced_whole_and_nothing_else_is_left(root):
    path = files.join(root, "note.json")
    for text in ("first", "zweite Fassung: ä"):
        files.replace(path, text)
        assert files.read_text(path) == text
    assert files.list_folder(root) == ["note.json"]


def test_moving_takes_the_place_of_what_was_there(root):
    old, new = put(files.join(root, "old"), b"old"), put(files.join(root, "new"), b"new")
    files.move(new, old)
    with files.open_file(old, "rb") as file:
        assert file.read() == b"new"
    assert files.list_folder(root) == ["old"]


def test_folders_are_made_with_those_above_and_removed_with_all_inside(root):
    deep = files.join(root, "a", "b", "c")
    for _ in range(2):
        files.make_folder(deep)
    put(files.join(deep, "x"))
    put(files.join(root, "y"))
    assert files.list_folder(root) == ["a", "y"]
    for name in ("a", "y", "never there"):
        files.remove(files.join(root, name))
    assert files.list_folder(root) == []


def test_patterns_and_walks_find_the_same_files(root):
    for name in ("b.png", "a.png", "note.txt"):
        put(files.join(root, name))
    files.make_folder(files.join(root, "sub"))
    put(files.join(root, "sub", "c.png"))
    assert files.glob(files.join(root, "*.png")) == [files.join(root, "a.png"), files.join(root, "b.png")]
    walked = {folder.removeprefix(root).strip("/"): sorted(names) for folder, _, names in files.walk(root, None)}
    assert walked == {"": ["a.png", "b.png", "note.txt"], "sub": ["c.png"]}
    assert inputs.listing(root, (".png",)).files == (("a.png", 3), ("b.png", 3), ("sub/c.png", 3))
    assert inputs.listing(files.join(root, "?.png"), (".png",)).files == (("a.png", 3), ("b.png", 3))


@pytest.mark.parametrize(
    "parts, path",
    [
        (("a", "b", "c"), "a/b/c"),
        (("a/", "b"), "a/b"),
        (("/", "b"), "/b"),
        (("", "b"), "b"),
        (("gs://bucket/a/", "b"), "gs://bucket/a/b"),
    ],
)
def test_paths_are_joined_by_one_slash(parts, path):
    assert files.join(*parts) == path


@pytest.mark.parametrize("where", ["input", "output"])
def test_an_address_of_no_known_kind_is_an_input_error(tmp_path, where):
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    job = {"input": str(tmp_path), "output": str(tmp_path / "out")} | {where: "pigeon://a/b"}
    with pytest.raises(InputError, match=r"pigeon://a/b cannot be reached: .*look at the address"):
        convert(Job(**job, resolution=8, workers=1))


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name in ("sea/0", "sea/1", "sea/2", "city/0", "city/1"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8)).save(folder / f"{name}.png")
    (folder / "sea/bad.png").write_bytes(b"no image")
    return folder


def contents(folder: str) -> dict[str, bytes]:
    found = {}
    for path, _, names in tf.io.gfile.walk(folder):
        for name in names:
            with tf.io.gfile.GFile(files.join(path, name), "rb") as file:
                found[files.join(path, name).removeprefix(folder)] = file.read()
    return found


def convert_small(given: str, output: str, **options):
    options = {"resolution": 8, "labels": "folders", "workers": 1, "name": "small", "max_bad_fraction": 0.2} | options
    return convert(Job(given, output, **options))


@pytest.mark.parametrize("shards", [1, 3])
def test_a_conversion_to_a_remote_output_has_the_bytes_of_a_local_one(images, tmp_path, shards):
    local, remote = str(tmp_path / "out"), f"ram://datasets/{shards}/out"
    for output in (local, remote):
        convert_small(str(images), output, shards=shards)
    assert contents(remote) == contents(local)
    assert len(contents(local)) > 3
    assert convert_small(str(images), remote, shards=shards).was_complete
    with pytest.raises(InputError, match=f"output {remote} holds another dataset"):
        convert_small(str(images), remote, shards=shards, seed=1)


def test_a_remote_input_gives_what_a_local_one_gives(images, tmp_path):
    remote = "ram://pictures/images"
    for path in images.rglob("*.png"):
        files.make_folder(files.join(remote, path.parent.name))
        put(files.join(remote, path.parent.name, path.name), path.read_bytes())
    found = []
    for number, given in enumerate((str(images), remote)):
        output = tmp_path / str(number)
        convert_small(given, str(output))
        found.append({path.name: path.read_bytes() for path in (output / "train").iterdir()})
    assert found[0] == found[1]


def test_a_remote_dataset_is_a_source_too(images):
    convert_small(str(images), "ram://chain/first")
    report = convert_small("ram://chain/first", "ram://chain/second", labels="source")
    assert report.manifest.labels == ("city", "sea")
    assert report.manifest.images("train") == 5 * 6
