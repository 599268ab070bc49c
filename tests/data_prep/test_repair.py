"""Repair: damaged shards come back to the byte, all others stay untouched, and a changed source changes nothing."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import conversion, inspection
from data_prep.conversion import convert
from data_prep.inspection import Damage
from data_prep.job import Job
from data_prep.repair import job_of, repair
from progan_tf.data import manifest as manifests
from progan_tf.errors import InputError
from tests import datasets

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def images(tmp_path) -> Path:
    """Images of 32 x 32 without compression, so that their content may change and their size does not."""
    folder = tmp_path / "places"
    folder.mkdir()
    for i, image in enumerate(datasets.landscape(20, 32)):
        Image.fromarray(image).save(folder / f"{i:02d}.bmp")
    return folder


def make(images: Path, **recipe) -> Path:
    output = images.parent / "dataset"
    recipe = {"resolution": 16, "shards": 2, "splits": (("train", 70), ("test", 30)), "workers": 1} | recipe
    convert(Job(str(images), str(output), **recipe))
    return output


def harm(dataset: Path, *, one_shard: bool = False) -> list[Path]:
    """Three damaged files, of one shard or of two splits: a bit that flipped, one cut short, one gone; returns them."""
    manifest = manifests.load(str(dataset))
    flipped = dataset / manifest.shards("train", 4)[0].file
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 16
    flipped.write_bytes(content)
    split, index = ("train", 0) if one_shard else (list(manifest.splits)[-1], -1)
    cut, gone = (dataset / manifest.shards(split, level)[index].file for level in (2, 3))
    cut.write_bytes(cut.read_bytes()[:-1])
    gone.unlink()
    return [flipped, cut, gone]


def state(folder: Path) -> dict[str, tuple]:
    """What is in a folder, and what tells that a file was not touched."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def mend(dataset: Path, **moved: Path) -> None:
    manifest = manifests.load(str(dataset))
    damaged = inspection.damage(str(dataset), manifest)
    assert damaged
    # One process: others would load TensorFlow first.
    repair(str(dataset), manifest, damaged, {place: str(path) for place, path in moved.items()}, workers=1)


def contents(states: dict[str, tuple]) -> dict[str, bytes]:
    return {name: content for name, (content, *_) in states.items()}


def test_the_command_brings_damaged_files_back_and_leaves_the_others_alone(images):
    dataset = make(images)
    before = state(dataset)
    harmed = {str(path.relative_to(dataset)) for path in harm(dataset, one_shard=True)}
    done = subprocess.run(
        [sys.executable, "-m", "data_prep.inspect", f"--data_dir={dataset}", "--repair", f"--output={images}-page"],
        cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("damaged  ") == 3
    assert f"repaired {dataset}: 3 files" in done.stdout
    assert "all 12 files are whole" in done.stdout
    after = state(dataset)
    assert contents(after) == contents(before)
    assert {name for name in before if after[name] != before[name]} == harmed
    assert inspection.damage(str(dataset), manifests.load(str(dataset))) == []
    assert not (dataset / ".repair").exists()


@pytest.mark.parametrize(
    "recipe",
    [
        {"encoding": "png", "splits": (), "shards": 3},
        {"dtype": "uint16", "scaling": "joint", "percentiles": (1.0, 99.0), "seed": 7, "max_tiles": 30},
        {"fit": "resize", "near_duplicates": "drop", "value_range": (0.0, 200.0), "min_std": 1.5, "name": "other"},
        {"stride": 8, "bands": (), "resolution": 16, "shards": 0},
    ],
)
def test_whatever_the_recipe_the_bytes_are_the_same(images, recipe):
    dataset = make(images, **recipe)
    before = contents(state(dataset))
    harm(dataset)
    assert contents(state(dataset)) != before
    mend(dataset)
    assert contents(state(dataset)) == before


def test_images_that_moved_are_read_where_they_are_now(images, tmp_path):
    dataset = make(images)
    before = contents(state(dataset))
    harm(dataset)
    images.rename(tmp_path / "moved & renamed")
    with pytest.raises(InputError, match="places is not there"):
        mend(dataset)
    mend(dataset, input=tmp_path / "moved & renamed")
    assert contents(state(dataset)) == before


def test_a_split_that_is_gone_as_a_whole_comes_back(images):
    dataset = make(images)
    before = contents(state(dataset))
    shutil.rmtree(dataset / "test")
    mend(dataset)
    assert contents(state(dataset)) == before


def test_a_mask_that_moved_is_read_where_it_is_now(tmp_path):
    pytest.importorskip("rasterio", reason="scenes are read by rasterio")
    from tests.data_prep import rasters

    (tmp_path / "masks").mkdir()
    rasters.write(tmp_path / "scenes/x.tif", rasters.noise("uint8", 3, 64, 64))
    rasters.write(tmp_path / "masks/x.tif", rasters.classes(64, 64) // 11 * 9)
    recipe = {"mask": str(tmp_path / "masks/{scene}.tif"), "mask_exclude": (9,), "min_valid_fraction": 0.5}
    dataset = make(tmp_path / "scenes", **recipe, splits=())
    before = contents(state(dataset))
    harm(dataset, one_shard=True)
    (tmp_path / "masks").rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"has other files than when .* --input or --mask"):
        mend(dataset)
    mend(dataset, mask=tmp_path / "moved/{scene}.tif")
    assert contents(state(dataset)) == before


def test_a_mask_for_what_was_made_without_is_refused(images):
    dataset = make(images)
    harm(dataset)
    with pytest.raises(InputError, match="was made without one; leave it out"):
        mend(dataset, mask=images)


def mix_up(path: Path) -> None:
    rows = np.load(path)
    with path.open("wb") as file:
        np.save(file, rows[:, ::-1])


@pytest.mark.parametrize(
    "harm_labels, reason",
    [
        (Path.unlink, "missing"),
        (mix_up, "not the labels of the records"),
        (lambda path: path.write_bytes(b""), "not the labels of the records"),
    ],
)
def test_label_files_are_verified_and_come_back_from_the_records(tmp_path, harm_labels, reason):
    for i, image in enumerate(datasets.landscape(12, 16)):
        (tmp_path / "in" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "in" / "ab"[i % 2] / f"{i}.png")
    dataset = make(tmp_path / "in", shards=1, labels="folders")
    before = contents(state(dataset))
    assert {"train/in-rxx.labels", "test/in-rxx.labels"} < before.keys()
    labels = dataset / "train/in-rxx.labels"
    harm_labels(labels)
    assert inspection.damage(str(dataset), manifests.load(str(dataset))) == [Damage("train/in-rxx.labels", reason)]
    (tmp_path / "in").rename(tmp_path / "gone")  # they are not needed
    mend(dataset)
    assert contents(state(dataset)) == before
    (tmp_path / "gone").rename(tmp_path / "in")
    harm(dataset, one_shard=True)
    harm_labels(labels)
    mend(dataset)
    assert contents(state(dataset)) == before
    assert sorted(path.name for path in dataset.iterdir()) == ["dataset.json", "test", "train"]


def add_a_file(images: Path) -> None:
    shutil.copy(images / "00.bmp", images / "99.bmp")


def remove_a_file(images: Path) -> None:
    (images / "07.bmp").unlink()


def change_a_size(images: Path) -> None:
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(images / "07.bmp")


def change_pixels(images: Path) -> None:
    for path in images.iterdir():
        Image.fromarray(np.asarray(Image.open(path))[::-1]).save(path)


def make_unreadable(images: Path) -> None:
    path = images / "07.bmp"
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize(
    "change, message",
    [
        (add_a_file, "has other files than when"),
        (remove_a_file, "has other files than when"),
        (change_a_size, "has other files than when"),
        (change_pixels, "no longer gives the bytes of"),
        (make_unreadable, "no longer gives the bytes of"),
    ],
)
def test_a_source_that_changed_is_refused_and_nothing_is_harmed(images, tmp_path, change, message):
    dataset = make(images)
    whole = contents(state(dataset))
    original = shutil.copytree(images, tmp_path / "original")
    harm(dataset)
    before = state(dataset)
    change(images)
    with pytest.raises(InputError, match=message):
        mend(dataset)
    assert state(dataset) == before
    mend(dataset, input=original)
    assert contents(state(dataset)) == whole


def test_a_repair_that_is_stopped_leaves_the_dataset_as_it_was(images, monkeypatch):
    dataset = make(images)
    harm(dataset)
    before = state(dataset)

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(conversion, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            mend(dataset)
    assert state(dataset) == before


def test_what_a_killed_repair_left_is_not_trusted(images):
    dataset = make(images)
    before = contents(state(dataset))
    harm(dataset)
    prepared = job_of(str(dataset), manifests.load(str(dataset)))
    convert(dataclasses.replace(prepared, workers=1, seed=5))  # tiles in the right place, in another order
    mend(dataset)
    assert contents(state(dataset)) == before


def test_a_count_that_never_was_true_cannot_be_repaired(images):
    dataset = make(images)
    fields = json.loads((dataset / "dataset.json").read_text())
    fields["splits"]["train"][0]["images"] += 1
    (dataset / "dataset.json").write_text(json.dumps(fields))
    before = state(dataset)
    with pytest.raises(InputError, match="no longer gives the bytes"):
        mend(dataset)
    assert state(dataset) == before


def test_a_folder_of_the_official_tools_does_not_say_what_it_was_made_of(images, tmp_path):
    dataset = make(images, shards=1)
    official = shutil.copytree(dataset / "train", tmp_path / "official")
    path = official / "places-r03.tfrecords"
    path.write_bytes(path.read_bytes()[:-50] + b"?" + path.read_bytes()[-49:])
    with pytest.raises(InputError, match="does not say what it was made of"):
        mend(official)


def test_settings_of_another_version_are_refused(images):
    manifest = manifests.load(str(make(images)))
    recipe = manifest.source["recipe"]
    fewer = {name: recipe[name] for name in recipe if name != "stride"}
    for changed in (recipe | {"sharpness": 3}, fewer):
        source = manifest.source | {"recipe": changed}
        with pytest.raises(InputError, match="settings this version does not know"):
            job_of("dataset", dataclasses.replace(manifest, source=source))


def test_the_job_of_a_dataset_is_the_one_that_made_it(images):
    recipe = {"nodata": None, "splits": (("train", 60.0), ("test", 40.0)), "shards": 2, "seed": 3, "min_std": 0.5}
    made = Job(str(images), "dataset", resolution=16, name="places", **recipe)
    manifest = manifests.load(str(make(images, **recipe)))
    found = job_of("dataset", manifest)
    assert found == dataclasses.replace(made, output="dataset/.repair", max_bad_fraction=1.0)
