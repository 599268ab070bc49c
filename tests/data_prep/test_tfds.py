"""TensorFlow datasets as a source: which slices, which pixels, keys and labels, and whole conversions."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from data_prep import inspection
from data_prep.conversion import convert
from data_prep.repair import repair
from progan_tf.data import manifest, records
from progan_tf.errors import InputError
from tests.data_prep.tfds_scenes import CLASSES, job, pixels, reflectances, source, tiles

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("ignore:label.. is deprecated")  # protobuf's, of what TFDS calls


def reference(data_dir: Path, split: str = "train") -> dict[str, dict]:
    """Examples by TFDS's own ids, as TFDS itself reads them."""
    config = tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1)
    examples = tfds.load("small_scenes", data_dir=str(data_dir), split=split, read_config=config)
    return {example["tfds_id"].decode(): example for example in tfds.as_numpy(examples)}


# What is read


def test_a_dataset_is_prepared_where_it_is_not_and_its_images_are_those_tfds_reads(data_dir):
    found = {tile.key: tile for tile in tiles(source(data_dir, labels="source"))}
    assert (data_dir / "small_scenes/1.2.0").is_dir()
    expected = reference(data_dir)
    assert sorted(found) == sorted(expected)
    assert len(found) == 20
    for key, tile in found.items():
        np.testing.assert_array_equal(tile.pixels, expected[key]["image"])
        np.testing.assert_array_equal(tile.pixels, pixels(expected[key]["number"]))
        assert tile.label == CLASSES[expected[key]["number"] % 2]
        assert (tile.scene, tile.row, tile.column, tile.bounds) == (key, 0, 0, None)


@pytest.mark.parametrize("split, count", [("test", 6), ("train[:25%]", 5), ("train[-3:]+test[2:4]", 5), ("all", 26)])
def test_splits_are_written_as_tfds_writes_them(data_dir, split, count):
    keys = [tile.key for tile in tiles(source(data_dir, tfds_split=split))]
    assert len(keys) == count
    assert keys == list(reference(data_dir, split))


def test_slices_cover_the_split_whatever_their_size(data_dir, monkeypatch):
    found = source(data_dir, resolution=8, tfds_split="train+test")
    whole = tiles(found)
    monkeypatch.setattr("data_prep.sources.tfds._SLICE_TILES", 28)  # seven images of four tiles
    names = [name.rpartition("/")[2] for name, _ in found.listing().files]
    assert names == ["train[0:7]", "train[7:14]", "train[14:20]", "test[0:6]"]
    assert [found.survey(name).tiles for name, _ in found.listing().files] == [28, 28, 24, 24]
    assert [tile.key for tile in tiles(found)] == [tile.key for tile in whole]
    assert len({tile.key for tile in whole}) == 104


def test_what_tells_one_dataset_from_another_is_in_the_listing(data_dir):
    ((name, size),) = source(data_dir).listing().files
    assert name == "small_scenes/1.2.0/train[0:20]"
    (file,) = (data_dir / "small_scenes/1.2.0").glob("*train*")
    assert size == file.stat().st_size - 20 * 16  # without the frames of the records


def test_tiles_of_an_image_have_the_places_they_were_cut_at(data_dir):
    expected = reference(data_dir)
    for tile in tiles(source(data_dir, resolution=8)):
        original, _, place = tile.key.partition("#")
        assert (tile.scene, place) == (original, f"{tile.row}_{tile.column}")
        here = np.s_[8 * tile.row : 8 * tile.row + 8, 8 * tile.column : 8 * tile.column + 8]
        np.testing.assert_array_equal(tile.pixels, expected[original]["image"][here])


def test_four_bands_of_sixteen_bits_are_kept_under_another_name_of_the_feature(data_dir):
    found = source(data_dir, "deep_scenes", dtype="uint16")
    (name,) = (name for name, _ in found.listing().files)
    survey = found.survey(name)
    assert (survey.bands, survey.dtype) == (("band 1", "band 2", "band 3", "band 4"), "uint16")
    read = np.stack([tile.pixels for tile in tiles(found)])
    originals = np.stack([pixels(number, bands=4, dtype="uint16") for number in range(5)])
    assert sorted(map(bytes, read)) == sorted(map(bytes, originals))


@pytest.mark.parametrize("dtype", ["float32", "uint16", "int16"])
def test_tensors_are_images_where_there_are_no_others(data_dir, dtype):
    found = source(data_dir, f"tensor_scenes/{dtype}", labels="source")
    (name,) = (name for name, _ in found.listing().files)
    survey = found.survey(name)
    assert (survey.bands[12], survey.dtype, survey.pixels) == ("band 13", dtype, 8 * 16 * 16)
    read = {tile.pixels.tobytes(): tile for tile in tiles(found)}
    for number in range(8):
        tile = read[reflectances(number, dtype).tobytes()]
        assert tile.label == CLASSES[number % 2]
        if dtype == "float32":
            np.testing.assert_array_equal(tile.valid, np.isfinite(tile.pixels).all(axis=-1))
    assert len(found.sample(name, 1, None)) == 8 * 16 * 16 - (sum(range(8)) if dtype == "float32" else 0)


def test_tensors_are_scaled_as_scenes_are(data_dir, tmp_path):
    report = convert(job(data_dir, "tensor_scenes/float32", tmp_path / "out", fit="resize", resolution=8))
    dataset = report.manifest
    assert (dataset.channels, dataset.dtype, dataset.source["dropped"]["nodata"]) == (13, "uint8", 7)
    values = np.concatenate([reflectances(number, "float32").reshape(-1, 13) for number in range(8)])
    low, high = np.percentile(values[np.isfinite(values).all(axis=-1)], (2, 98), axis=0)
    np.testing.assert_allclose((dataset.scaling["low"], dataset.scaling["high"]), (low, high), rtol=1e-6)


@pytest.mark.parametrize("fit, count", [("tile", 3 + 6 + 9 + 12), ("crop", 4), ("resize", 4)])
def test_images_of_any_size_become_squares(data_dir, fit, count):
    found = tiles(source(data_dir, "mixed_scenes/sound", resolution=8, fit=fit))
    assert {tile.pixels.shape for tile in found} == {(8, 8, 1)}
    assert len(found) == count


def test_images_of_unknown_size_are_weighed_by_the_first(data_dir):
    found = source(data_dir, "mixed_scenes/sound", resolution=8)
    ((name, _),) = found.listing().files
    first, *_ = (image for _, image, _ in found._images(name))
    assert found.survey(name).pixels == 4 * first[..., 0].size


def test_samples_are_pixels_of_the_images_spread_over_the_slice(data_dir):
    found = source(data_dir)
    ((name, _),) = found.listing().files
    form = found.agree([found.survey(name)])
    everything = found.sample(name, 1, form)
    assert everything.shape == (20 * 16 * 16, 3)
    assert everything.sum() == sum(int(pixels(number).sum()) for number in range(20))
    assert len(found.sample(name, 2, form)) == 20 * 16 * 16 // 4
    assert len(found.sample(name, 16, form)) == 3 * 3 * 3  # of every eighth image every sixth pixel each way


# Whole conversions


def test_a_conversion_has_all_images_with_labels_and_the_number_of_workers_changes_nothing(data_dir, tmp_path):
    found = {}
    for workers in (1, 2):
        output = tmp_path / f"out{workers}"
        convert(job(data_dir, output=output, labels="source", tfds_split="all", workers=workers))
        found[workers] = {path.name: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert found[1] == found[2]
    dataset = manifest.load(str(tmp_path / "out1"))
    assert (dataset.images("train"), dataset.labels, dataset.source["kind"]) == (26, ("forest", "river"), "tfds")
    path = str(tmp_path / "out1" / dataset.shards("train", 4)[0].file)
    read = [records.deserialize(raw) for raw in tf.data.TFRecordDataset(path).as_numpy_iterator()]
    expected = reference(data_dir, "all")
    for record in read:
        np.testing.assert_array_equal(record.image, expected[record.key]["image"])
        assert dataset.labels[record.label] == CLASSES[expected[record.key]["number"] % 2]


def test_the_command_reads_prepared_data_whose_code_it_does_not_have_and_says_nothing_odd(data_dir, tmp_path):
    source(data_dir).listing()
    flags = {
        "input": "tfds:small_scenes:1.*.*",
        "tfds_data_dir": data_dir,
        "output": tmp_path / "out",
        "resolution": 16,
        "workers": 1,
    }
    command = [sys.executable, "-m", "data_prep.convert", *(f"--{name}={value}" for name, value in flags.items())]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 images of 16 x 16 x 3 uint8" in done.stdout


def test_damaged_shards_are_made_again_from_where_the_data_lies_or_lies_now(data_dir, tmp_path):
    source(data_dir).listing()
    here = shutil.copytree(data_dir, tmp_path / "here")
    convert(job(here, output=tmp_path / "out", labels="source", shards=1))
    dataset = manifest.load(str(tmp_path / "out"))
    path = tmp_path / "out" / dataset.shards("train", 4)[0].file
    whole = path.read_bytes()

    def mend(**moved: str) -> None:
        path.write_bytes(whole[:-5])
        repair(str(tmp_path / "out"), dataset, inspection.damage(str(tmp_path / "out"), dataset), moved, workers=1)
        assert path.read_bytes() == whole

    mend()
    here.rename(tmp_path / "there")
    mend(tfds_data_dir=str(tmp_path / "there"))
    assert not here.exists()  # or it would have been prepared again


# Folders laid out for tfds.ImageFolder


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("folder")
    for number in range(12):
        folder = root / ("test" if number % 4 == 3 else "train") / CLASSES[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(number)).save(folder / f"{number}.png")
    return root


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_image_folder_has_the_images_and_labels_that_tfds_finds(image_folder, split, tmp_path):
    found = {
        tile.key: tile
        for tile in tiles(source("", f"folder={image_folder}", tfds_split=split, labels="source", resolution=16))
    }
    builder = tfds.ImageFolder(str(image_folder))
    names = builder.info.features["label"].names
    expected = list(tfds.as_numpy(builder.as_dataset(split=split)))
    assert len(found) == len(expected) > 0
    for example in expected:
        tile = found[example["image/filename"].decode().removeprefix(f"{image_folder}/{split}/")]
        np.testing.assert_array_equal(tile.pixels, example["image"])
        assert tile.label == names[example["label"]]


@pytest.mark.parametrize("split", ["validation", "train[:50%]"])
def test_a_split_that_is_no_folder_is_an_input_error(image_folder, split):
    with pytest.raises(InputError, match=r"tfds_split .* is no folder of .*; there are test, train"):
        source("", f"folder={image_folder}", tfds_split=split)


@pytest.mark.parametrize("flag", [{"min_valid_fraction": 0.5}, {"tfds_data_dir": "somewhere"}])
def test_a_flag_that_an_image_folder_has_no_use_for_is_refused(image_folder, flag):
    with pytest.raises(InputError, match=f"{next(iter(flag))} is not for a folder of image files, .* leave it out"):
        source("", f"folder={image_folder}", **flag)
