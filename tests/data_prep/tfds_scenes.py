"""TensorFlow datasets to read: small ones, deep ones, of mixed sizes, of tensors, and some that cannot be read."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from data_prep import sources
from data_prep.job import Job
from data_prep.sources.source import Tile
from data_prep.sources.tfds import TfdsImages

CLASSES = ["river", "forest"]


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


def source(data_dir: Path, spec: str = "small_scenes", **options) -> TfdsImages:
    return sources.open_source(job(data_dir, spec, **options))


def job(data_dir: Path, spec: str = "small_scenes", output: str = "unused", **options) -> Job:
    options = {"resolution": 16, "workers": 1, "tfds_data_dir": str(data_dir)} | options
    return Job(f"tfds:{spec}", str(output), **options)


def tiles(found: TfdsImages) -> list:
    listed = [name for name, _ in found.listing().files]
    form = found.agree([found.survey(name) for name in listed])
    return [tile for name in listed for tile in found.read(name, 0, form) if isinstance(tile, Tile)]
