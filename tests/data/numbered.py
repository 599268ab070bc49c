"""A small dataset whose images tell their numbers, and how it is read."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf.data import manifest as manifests
from progan_tf.data import pipeline, records
from progan_tf.data.bands import band_names, display_bands
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.data.pipeline import Dataset
from tests import datasets

IMAGES, SHARDS, CLASSES, LEVELS = 23, 4, 3, (2, 3)
PER_SHARD = [6, 6, 6, 5]
SHARD_OF = np.repeat(range(SHARDS), PER_SHARD)


def numbered(number: int, level: int, channels: int = 1, dtype: str = "uint8") -> np.ndarray:
    """An image that tells its number at any size."""
    return np.full((2**level, 2**level, channels), number, dtype)


def write_shard(path: Path, images: list[np.ndarray], labels: list[int] | None = None, encoding: str = "raw") -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, image in enumerate(images):
            writer.write(records.serialize(image, label=labels[number] if labels else None, encoding=encoding))


def write(
    folder: Path,
    channels: int = 1,
    dtype: str = "uint8",
    factor: int = 1,
    labelled: bool = True,
    encoding: str = "raw",
) -> Path:
    """A dataset of images 0, 1, ... (times `factor`) in four shards a level; an image's class is its number mod 3."""
    (folder / "train").mkdir(parents=True)
    shards = []
    for level in LEVELS:
        for shard in range(SHARDS):
            numbers = np.flatnonzero(shard == SHARD_OF)
            path = folder / "train" / f"numbers-r{level:02}-{shard:05}-of-{SHARDS:05}.tfrecords"
            labels = [int(n) % CLASSES for n in numbers] if labelled else None
            write_shard(path, [numbered(n * factor, level, channels, dtype) for n in numbers], labels, encoding)
            shards.append(Shard(f"train/{path.name}", level, len(numbers), path.stat().st_size))
    manifest = Manifest(
        name="numbers",
        resolution=8,
        channels=channels,
        dtype=dtype,
        bands=band_names(channels),
        display_bands=display_bands(band_names(channels)),
        splits={"train": tuple(shards)},
        labels=("a", "b", "c") if labelled else (),
        encoding=encoding,
    )
    datasets.save_manifest(manifest, folder)
    return folder


def update_sizes(folder: Path) -> None:
    """Makes the manifest fit files that were written anew."""
    manifest = manifests.load(str(folder))
    for shards in manifest.splits.values():
        for shard in shards:
            object.__setattr__(shard, "bytes", (folder / shard.file).stat().st_size)
    datasets.save_manifest(manifest, folder)


def shard_path(dataset: Dataset, level: int, shard: int) -> Path:
    return Path(dataset.paths(level)[shard])


def pairs(dataset: Dataset, count: int, level: int = 2, batch_size: int = 1, **options) -> Iterator[tuple[int, list]]:
    """(number, label) of the first `count` images read."""
    read = pipeline.read(dataset, level, batch_size, **options)
    for _ in range(math.ceil(count / batch_size)):
        images, labels = next(read)
        assert images.shape == (batch_size, *dataset.shape(level))
        for image, label in zip(images, labels, strict=True):
            assert np.all(image == image[0, 0, 0])
            yield int(image[0, 0, 0]), label.tolist()


def order(dataset: Dataset, count: int = IMAGES, **options) -> list[int]:
    return [number for number, _ in pairs(dataset, count, **options)][:count]


def flip_a_bit(dataset: Dataset) -> tuple[int, str]:
    """Damages a record: its number in its shard, and what is said of it."""
    path = shard_path(dataset, 2, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 6 * 3 - 20] ^= 1  # in the third of six records of one length
    path.write_bytes(content)
    return 2, "corrupted record"
