"""TensorFlow datasets as a source: which slices, which pixels, keys and labels, and what is refused and how."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from data_prep import inspection, sources
from data_prep.conversion import convert
from data_prep.job import Job
from data_prep.repair import repair
from data_prep.sources.source import Rejected, Tile
from data_prep.sources.tfds import TfdsImages
from progan_tf.data import manifest, records
from progan_tf.errors import InputError

PROJECT = Path(__file__).parents[2]
CLASSES = ["river", "forest"]

pytestmark = pytest.mark.filterwarnings("ignore:label.. is deprecated")  # protobuf's, of what TFDS calls


def pixels(number: int, height: int = 16, width: int = 16, bands: int = 3, dtype: str = "uint8") -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(number).integers(0, top, (height, width, bands), dtype, endpoint=True)


class SmallScenes(tfds.core.GeneratorBasedBuilder):
    """Twenty labelled images to train on and six to test, in several files."""

    VERSION = tfds.core.Version("1.2.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(16, 16, 3)),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "thumbnail": tfds.features.Image(shape=(4, 4, 3)),
            "number": np.int64,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(range(20)), "test": self._generate_examples(range(100, 106))}

    def _generate_examples(self, numbers):
        for number in numbers:
            image = pixels(number)
            yield number, {"image": image, "label": number % 2, "thumbnail": image[::4, ::4], "number": number}


class DeepScenes(tfds.core.GeneratorBasedBuilder):
    """Five images of four bands of 16 bits, under another name and without labels."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"scene": tfds.features.Image(shape=(16, 16, 4), dtype=np.uint16, encoding_format="png")}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(5):
            yield number, {"scene": pixels(number, bands=4, dtype="uint16")}


class MixedScenes(tfds.core.GeneratorBasedBuilder):
    """Images of many sizes; configuration `broken` has one that is none, `small` one of 6 pixels."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("sound", "broken", "small")]  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"image": tfds.features.Image(shape=(None, None, 1))}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(4):
            image = pixels(number, 8 + 8 * number, 24, bands=1)
            if number == 3 and self.builder_config.name == "small":
                image = image[:6]
            if number == 3 and self.builder_config.name == "broken":
                image = b"\x89PNG\r\n\x1a\nand then nothing of the kind"
            yield number, {"image": image}


def reflectances(number: int, dtype: str) -> np.ndarray:
    values = np.random.default_rng(number).normal(1000, 300, (16, 16, 13)).astype(dtype)
    if dtype == "float32":
        values[0, :number, 5] = np.nan
    return values


class TensorScenes(tfds.core.GeneratorBasedBuilder):
    """Eight labelled images of thirteen bands that are no images to TFDS but tensors, as many bands must be."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("float32", "uint16", "int16")]  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "filename": tfds.features.Text(),
            "sentinel2": tfds.features.Tensor(shape=(16, 16, 13), dtype=np.dtype(self.builder_config.name)),
            "place": tfds.features.Tensor(shape=(2,), dtype=np.float32),
            "label": tfds.features.ClassLabel(names=CLASSES),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(8):
            image = reflectances(number, self.builder_config.name)
            yield number, {"filename": "x", "sentinel2": image, "place": [0.0, 1.0], "label": number % 2}


class Unreachable(tfds.core.GeneratorBasedBuilder):
    """A dataset whose server is gone."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(16, 16, 3))})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        raise ConnectionError("no route to the archive\nand much more")

    def _generate_examples(self):
        yield from ()


class Floats(tfds.core.GeneratorBasedBuilder):
    """Nothing of ours: two images, neither called image, or real numbers of 64 bits."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("two", "real")]  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"height": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.float64)}
        if self.builder_config.name == "two":
            features = {name: tfds.features.Image(shape=(8, 8, 3)) for name in ("height", "before")}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {}

    def _generate_examples(self):
        yield from ()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tensorflow") / "not made yet"


def source(data_dir: Path, spec: str = "small_scenes", **options) -> TfdsImages:
    return sources.open_source(job(data_dir, spec, **options))


def job(data_dir: Path, spec: str = "small_scenes", output: str = "unused", **options) -> Job:
    options = {"resolution": 16, "workers": 1, "tfds_data_dir": str(data_dir)} | options
    return Job(f"tfds:{spec}", str(output), **options)


def tiles(found: TfdsImages) -> list:
    listed = [name for name, _ in found.listing().files]
    form = found.agree([found.survey(name) for name in listed])
    return [tile for name in listed for tile in found.read(name, 0, form) if isinstance(tile, Tile)]


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


# What is refused


@pytest.mark.parametrize(
    "spec, options, message",
    [
        ("no_such_scenes", {}, r"input tfds:no_such_scenes cannot be found: .*--tfds_data_dir says where"),
        ("small_scenes:9.0.0", {}, "cannot be found"),
        ("two words", {}, "cannot be found"),
        ("unreachable", {}, r"cannot be prepared: no route to the archive; prepare it elsewhere"),
        ("small_scenes", {"tfds_split": "best"}, r"tfds_split best: .*the splits of tfds:small_scenes are train, test"),
        ("small_scenes", {"tfds_split": "train[:x]"}, r"tfds_split train\[:x\]"),
        ("small_scenes", {"tfds_split": "train[:21]"}, r"tfds_split train\[:21\]: .*incompatible with 20 examples"),
        ("deep_scenes", {"labels": "source"}, "no feature label with names of classes; set --labels=none"),
        ("floats/two", {}, "no feature image, nor a single one of images: .*before, height|height, before"),
        ("floats/real", {}, r"has float64 images \(8, 8, 1\); uint8, uint16, int16, float32 ones"),
        ("folder=/nowhere/at/all", {}, "input /nowhere/at/all is not there"),
        ("small_scenes", {"labels": "folders"}, "labels folders is not for tfds input"),
        ("small_scenes", {"bands": ("1",)}, "bands is for raster input"),
    ],
)
def test_wrong_input_is_one_line_with_the_remedy(data_dir, spec, options, message):
    with pytest.raises(InputError, match=message) as caught:
        source(data_dir, spec, **options).listing()
    assert "\n" not in str(caught.value)


def test_images_that_are_all_too_small_are_rejected_before_anything_is_read(data_dir, tmp_path):
    found = source(data_dir, resolution=32)
    ((name, _),) = found.listing().files
    assert found.survey(name).rejected == "too small: 16 x 16 pixels, less than 32"
    with pytest.raises(InputError, match="too small: 16 x 16 pixels, less than 32"):
        convert(job(data_dir, output=tmp_path / "out", resolution=32))


def rejected(found: TfdsImages) -> dict[str, str]:
    """Images that are rejected, by their keys."""
    ((name, _),) = found.listing().files
    return {one.key: one.reason for one in found.read(name, 0, None) if isinstance(one, Rejected)}


def test_one_image_among_others_that_is_too_small_is_rejected_alone(data_dir, tmp_path):
    ((key, reason),) = rejected(source(data_dir, "mixed_scenes/small", resolution=8)).items()
    assert key.startswith("mixed_scenes-train.tfrecord-00000-of-00001__")
    assert reason == "too small: 24 x 6 pixels, less than 8"
    options = {"resolution": 8, "scaling": "bands", "fit": "crop"}
    with pytest.raises(InputError, match=f"1 of 4 files cannot be used, .*first {key}: {reason}"):
        convert(job(data_dir, "mixed_scenes/small", tmp_path / "strict", **options))
    found = convert(job(data_dir, "mixed_scenes/small", tmp_path / "out", max_bad_fraction=0.25, **options)).manifest
    assert (found.images("train"), found.source["files"], found.source["rejected"]) == (3, 4, 1)
    assert json.loads((tmp_path / "out/rejected.jsonl").read_text()) == {"file": key, "reason": reason}


def test_an_example_that_cannot_be_decoded_is_rejected_alone(data_dir):
    expected = {}
    config = tfds.ReadConfig(add_tfds_id=True)
    builder = tfds.builder("mixed_scenes/broken", data_dir=str(data_dir))
    builder.download_and_prepare()
    encoded = {"image": tfds.decode.SkipDecoding()}
    for example in tfds.as_numpy(builder.as_dataset(split="train", read_config=config, decoders=encoded)):
        expected[example["image"][8:].startswith(b"and then")] = example["tfds_id"].decode()
    found = source(data_dir, "mixed_scenes/broken", resolution=8)
    assert list(rejected(found)) == [expected[True]]
    assert len({tile.scene for tile in tiles(found)}) == 3
    ((name, _),) = found.listing().files
    assert len(found.sample(name, 1, None)) == (8 + 16 + 24) * 24


def test_examples_behind_damage_of_their_file_are_rejected(tmp_path):
    keys = [tile.key for tile in tiles(source(tmp_path))]
    (path,) = (tmp_path / "small_scenes/1.2.0").glob("*train*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    lost = rejected(source(tmp_path))
    assert list(lost) == keys[-len(lost) :]
    assert 8 <= len(lost) <= 12
    assert all("corrupted record" in reason for reason in lost.values())
