"""Inspection: damage is named, statistics are those of the images, and the page shows pictures that are there."""

import collections
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data_prep import inspection, inspection_page
from data_prep.conversion import convert
from data_prep.job import Job
from progan_tf.data import manifest as manifests
from progan_tf.data import records
from progan_tf.errors import InputError
from tests import datasets

PROJECT = Path(__file__).parents[2]
LABELS = ("bare & <dry>", "$sea$", "town")


def command(**options) -> subprocess.CompletedProcess:
    flags = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [sys.executable, "-m", "data_prep.inspect", *flags],
        cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def write_images(folder: Path, count: int = 30) -> dict[str, np.ndarray]:
    """Landscapes of 16 x 16 in a folder a label; returns them by key."""
    images = {f"{LABELS[i % 3]}/{i:02d}.png": image for i, image in enumerate(datasets.landscape(count, 16))}
    for key, image in images.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / key)
    return images


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inspect") / "places"
    write_images(folder)
    return folder


@pytest.fixture(scope="module")
def converted(images) -> Path:
    """Two splits of two shards a level, with labels."""
    output = images.parent / "dataset"
    convert(
        Job(
            str(images), str(output), resolution=16, labels="folders", shards=2, workers=1,
            splits=(("train", 70), ("test", 30)),
        )
    )  # fmt: skip
    return output


@pytest.fixture
def dataset(converted, tmp_path) -> Path:
    return shutil.copytree(converted, tmp_path / "dataset")


@pytest.fixture
def official(images, tmp_path) -> Path:
    """A folder as the official tools write it: one file a level, and labels, without manifest."""
    convert(Job(str(images), str(tmp_path / "one"), resolution=16, labels="folders", shards=1, workers=1))
    return shutil.copytree(tmp_path / "one/train", tmp_path / "official")


def damage(folder: Path, **options) -> dict[str, str]:
    found = inspection.damage(str(folder), manifests.load(str(folder)), **options)
    return {one.file: one.reason for one in found}


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def starts(path: Path) -> list[int]:
    """First byte of every record of a TFRecord file: 8 of length, 4 of its CRC, the payload, 4 of its CRC."""
    content, found = path.read_bytes(), [0]
    while found[-1] < len(content):
        found.append(found[-1] + 16 + int.from_bytes(content[found[-1] : found[-1] + 8], "little"))
    return found


def first_shard(folder: Path, level: int = 4, split: str = "train") -> Path:
    return folder / manifests.load(str(folder)).shards(split, level)[0].file


def test_a_whole_dataset_is_verified_told_and_shown(converted, tmp_path):
    done = command(data_dir=converted, output=tmp_path / "page")
    assert (done.returncode, done.stderr) == (0, "")
    manifest = manifests.load(str(converted))
    rows = {line[:18].strip(): line[19:] for line in done.stdout.splitlines()}
    assert rows["name"] == "places"
    assert rows["bands"] == "3: red, green, blue"
    assert rows["splits"] == f"train {manifest.images('train')}, test {manifest.images('test')}"
    assert rows["labels"] == "3"
    assert rows["source"] == "folder"
    assert f"verified {converted}: all 12 files are whole" in done.stdout
    assert done.stdout.endswith(f"page     {tmp_path}/page/inspection.html\n")
    names = ["histograms.png", "inspection.html", "labels.png", "mipmaps.png", "tiles_test.png", "tiles_train.png"]
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == names
    assert not (converted / "inspection").exists()


def test_a_label_file_that_is_gone_is_damage_and_repair_brings_it_back(tmp_path):
    write_images(tmp_path / "places")
    folder = tmp_path / "dataset"
    convert(Job(str(tmp_path / "places"), str(folder), resolution=16, labels="folders", shards=1, workers=1))
    path = folder / "train/places-rxx.labels"
    whole = path.read_bytes()
    path.unlink()
    failed = command(data_dir=folder)
    assert failed.returncode == 1
    assert failed.stderr == f"inspect: 1 damaged file in {folder}, first {path}: missing; repeat with --repair\n"
    done = command(data_dir=folder, repair=True, output=tmp_path / "page")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"verified {folder}: all 4 files are whole" in done.stdout
    assert path.read_bytes() == whole


def test_every_damaged_file_is_named_and_the_exit_code_is_1(dataset):
    listed = manifests.load(str(dataset)).splits
    flipped, gone = dataset / listed["train"][0].file, dataset / listed["test"][-1].file
    flip(flipped, starts(flipped)[3] + 40)
    gone.unlink()
    before = sorted(path for path in dataset.rglob("*") if path.is_file())
    failed = command(data_dir=dataset)
    assert failed.returncode == 1
    reason = "not the SHA-256 that was written; record 3 damaged"
    assert f"damaged  {flipped}: {reason}" in failed.stdout
    assert f"damaged  {gone}: missing" in failed.stdout
    assert failed.stdout.count("damaged ") - failed.stdout.count(" damaged (") == 2
    assert failed.stderr.startswith(f"inspect: 2 damaged files in {dataset}, first {flipped}: {reason}")
    assert failed.stderr.endswith("repeat with --repair\n")
    assert failed.stderr.count("\n") == 1
    assert sorted(path for path in dataset.rglob("*") if path.is_file()) == before


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def cut_off_last_record(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: starts(path)[-2]])


def flip_last_record(path: Path) -> None:
    flip(path, starts(path)[-2] + 100)


def destroy_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    begin = starts(path)[2]
    content[begin : begin + 8] = b"\xff" * 8
    path.write_bytes(content)


def swap_records(path: Path) -> None:
    content, (first, second, third, *_) = path.read_bytes(), starts(path)
    path.write_bytes(content[second:third] + content[first:second] + content[third:])


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm, reason",
    [
        (truncate, r"^[\d,]+ bytes where [\d,]+ were written; record LAST damaged \(the file ends in this record\)$"),
        (cut_off_last_record, r"were written; holds LAST records where COUNT are listed$"),
        (flip_last_record, r"^not the SHA-256 that was written; record LAST damaged \(corrupted record"),
        (destroy_header, r"^not the SHA-256 that was written; record 2 damaged"),
        (swap_records, r"^not the SHA-256 that was written; records whole, but other ones$"),
        (Path.unlink, r"^missing$"),
        (make_folder, r"^missing$"),
        (lambda path: path.write_bytes(b""), r"^0 bytes where [\d,]+ were written; holds 0 records"),
    ],
)
def test_damage_of_every_kind_is_told_from_other_damage(dataset, harm, reason):
    path = first_shard(dataset)
    count = len(starts(path)) - 1
    harm(path)
    (found,) = damage(dataset).items()
    assert found[0] == str(path.relative_to(dataset))
    assert re.search(reason.replace("LAST", str(count - 1)).replace("COUNT", str(count)), found[1])


def edit_first(folder: Path, **changes) -> str:
    """Changes what the manifest says of its first shard, and returns that shard's name."""
    manifest = manifests.load(str(folder))
    first, *others = manifest.splits["train"]
    splits = manifest.splits | {"train": (dataclasses.replace(first, **changes), *others)}
    datasets.save_manifest(dataclasses.replace(manifest, splits=splits), folder)
    return first.file


def test_a_manifest_that_counts_other_records_is_damage(dataset):
    file = edit_first(dataset, images=100)
    assert re.fullmatch(r"holds \d+ records where 100 are listed", damage(dataset)[file])


def test_images_of_another_shape_are_damage(dataset):
    manifest = manifests.load(str(dataset))
    small, large = manifest.shards("train", 2)[0], manifest.shards("train", 3)[0]
    content = (dataset / large.file).read_bytes()
    (dataset / small.file).write_bytes(content)
    file = edit_first(dataset, bytes=len(content), sha256=large.sha256)
    assert damage(dataset) == {file: "images of shape [8, 8, 3] where [4, 4, 3] is expected"}


@pytest.mark.slow
def test_more_processes_find_the_same(dataset, monkeypatch):
    monkeypatch.setattr(inspection, "_BYTES_A_PROCESS", 1)
    flip(first_shard(dataset), 30)
    first_shard(dataset, level=2, split="test").unlink()
    assert damage(dataset, cores=2) == damage(dataset, cores=1) != {}


def test_folders_of_the_official_tools_are_checked_by_their_crcs(official):
    assert inspection.unreadable(str(official)) == []
    assert damage(official) == {}
    path = official / "places-r03.tfrecords"
    for number in (1, 4, 5):
        flip(path, starts(path)[number] + 50)
    (reason,) = damage(official).values()
    assert reason.startswith("records 1, 4, 5 damaged (corrupted record")


def test_a_level_with_fewer_images_is_damage_where_nobody_wrote_down_how_many_there_were(official):
    cut_off_last_record(official / "places-r03.tfrecords")
    assert damage(official) == {"places-r03.tfrecords": "level of 29 images, another one has 30"}


def test_truncated_files_of_the_official_tools_are_told_though_nothing_can_be_counted(official):
    truncate(official / "places-r04.tfrecords")
    (official / "places-r02.tfrecords").write_bytes(b"")
    flip(official / "places-r03.tfrecords", 40)
    found = {one.file: one.reason for one in inspection.unreadable(str(official))}
    assert found == {
        "places-r02.tfrecords": "holds no record",
        "places-r03.tfrecords": "record 0 damaged (corrupted record at 12)",
        "places-r04.tfrecords": "record 29 damaged (the file ends in this record)",
    }


def test_the_page_of_an_official_folder(official, tmp_path):
    manifest = manifests.load(str(official))
    labels = inspection.label_counts(str(official), manifest)
    assert labels == {"train": [10, 10, 10]}
    (tmp_path / "page").mkdir()
    inspection_page.write(str(official), manifest, labels, tmp_path / "page")
    assert sorted(path.name for path in (tmp_path / "page").glob("*.png")) == [
        "histograms.png", "labels.png", "mipmaps.png", "tiles_train.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "--data_dir"),
        ({"data_dir": "NOWHERE"}, "no dataset at"),
        ({"data_dir": "NOWHERE", "input": "there"}, "--input=there is for --repair alone"),
        ({"data_dir": "NOWHERE", "tfds_data_dir": "there"}, "--tfds_data_dir=there is for --repair alone"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line(tmp_path, options, message):
    wrong = command(**{name: value.replace("NOWHERE", str(tmp_path / "no")) for name, value in options.items()})
    assert wrong.returncode == 2
    assert message in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_labels_are_counted_in_every_split(converted):
    manifest = manifests.load(str(converted))
    found = inspection.label_counts(str(converted), manifest)
    for split in ("train", "test"):
        paths = [str(converted / shard.file) for shard in manifest.shards(split, 4)]
        keys = [records.deserialize(raw).key for raw in tf.data.TFRecordDataset(paths).as_numpy_iterator()]
        counted = collections.Counter(key.split("/")[0] for key in keys)
        assert dict(zip(manifest.labels, found[split], strict=True)) == {label: counted[label] for label in LABELS}


@pytest.mark.parametrize("name", ["places-r03.tfrecords", "places-rxx.labels"])
def test_what_cannot_be_read_in_an_official_folder_is_damage(official, name):
    make_folder(official / name)
    (found,) = inspection.unreadable(str(official))
    assert (found.file, found.reason[:15]) == (name, "cannot be read ")


def test_a_label_file_cut_short_is_damage_in_an_official_folder(official):
    truncate(official / "places-rxx.labels")
    (found,) = inspection.unreadable(str(official))
    assert found.file == "places-rxx.labels"


def test_an_official_folder_may_have_any_name(official, tmp_path):
    official.rename(tmp_path / "[ab]*?")
    assert damage(tmp_path / "[ab]*?") == {}
    truncate(tmp_path / "[ab]*?/places-r04.tfrecords")
    assert [one.file for one in inspection.unreadable(str(tmp_path / "[ab]*?"))] == ["places-r04.tfrecords"]


def test_a_manifest_that_cannot_be_read_is_exit_code_2_and_one_line(dataset):
    make_folder(dataset / "dataset.json")
    wrong = command(data_dir=dataset)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith(f"inspect: dataset {dataset} cannot be read ({dataset}/dataset.json")


def test_a_manifest_that_is_no_json_is_bad_input(dataset):
    (dataset / "dataset.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(InputError, match="not a dataset manifest"):
        damage(dataset)
