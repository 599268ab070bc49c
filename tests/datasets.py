"""Small dataset directories for tests."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from data_prep import procedural
from progan_tf.data import manifest as manifests
from progan_tf.data import records
from progan_tf.data.bands import band_names, display_bands
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.data.records import Record


def landscape(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Tiles uint8 [count, size, size, 3] cut from generated scenes."""
    tiles = []
    while len(tiles) < count:
        scene = procedural.scene(seed, size=256)
        tiles += [scene[r : r + size, c : c + size] for r in range(0, 256, size) for c in range(0, 256, size)]
        seed += 1
    return np.stack(tiles[:count])


def save_manifest(manifest: Manifest, folder: Path) -> None:
    """Writes the manifest of a dataset directory."""
    (folder / manifests.FILENAME).write_text(manifests.to_json(manifest))


def write(folder: Path, images: np.ndarray, labels: list[int] | None = None, shards: int = 1) -> Path:
    """Writes images [N, R, R, C] uint8 or uint16 as a dataset directory with every level, and returns the folder."""
    count, resolution, _, channels = images.shape
    (folder / "train").mkdir(parents=True)
    listed = []
    means = images.astype(np.float64)
    for level in range(resolution.bit_length() - 1, 1, -1):
        pixels = np.rint(means).astype(images.dtype)
        for number, rows in enumerate(np.array_split(np.arange(count), shards)):
            path = folder / "train" / f"small-r{level:02}-{number:05}-of-{shards:05}.tfrecords"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for row in rows:
                    writer.write(records.serialize(pixels[row], key=str(row), label=labels[row] if labels else None))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            listed.append(Shard(f"train/{path.name}", level, len(rows), path.stat().st_size, digest))
        half = 2 ** (level - 1)
        means = means.reshape(count, half, 2, half, 2, channels).mean(axis=(2, 4))
    save_manifest(
        Manifest(
            name="small",
            resolution=resolution,
            channels=channels,
            dtype=str(images.dtype),
            bands=band_names(channels),
            display_bands=display_bands(band_names(channels)),
            splits={"train": tuple(listed)},
            labels=tuple(f"class {i}" for i in range(max(labels) + 1)) if labels else (),
        ),
        folder,
    )
    return folder


def each(folder: Path, split: str, level: int | None = None) -> Iterator[Record]:
    """The records of a split of a dataset directory, of the highest level or another."""
    manifest = manifests.load(str(folder))
    shards = manifest.shards(split, level or manifest.levels[-1])
    for raw in tf.data.TFRecordDataset([str(folder / shard.file) for shard in shards]).as_numpy_iterator():
        yield records.deserialize(raw, manifest.dtype, manifest.encoding)


def read(folder: Path, level: int | None = None) -> dict[str, list[Record]]:
    """All records of a dataset directory, by split."""
    return {split: list(each(folder, split, level)) for split in manifests.load(str(folder)).splits}
