"""The manifest of a dataset directory: what is in it, in one JSON file (`dataset.json`).

TensorFlow is loaded where a directory is opened, not where a manifest is written.
"""

import dataclasses
import fnmatch
import json
from typing import Any

import numpy as np

from progan_tf.data.bands import band_names, display_bands
from progan_tf.errors import InputError

FILENAME = "dataset.json"


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file: `file` is relative to the dataset directory, `sha256` is None where nobody computed it."""

    file: str
    level: int
    images: int
    bytes: int
    sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a dataset directory holds.

    `splits` maps a split's name to its shards of all levels. `bands` names the channels in order; `display_bands` are
    the indices shown as grey or RGB. `labels` names the classes, the index in the tuple being the record's label;
    `label_file` is set instead where labels lie beside the records, one row of float32 an image, as the official
    tools write them. `source` says where the images came from and how they were cut; `scaling` how their values
    were mapped to `dtype` (None: not at all). `encoding` of the pixels in a record is `raw` or `png`.
    """

    name: str
    resolution: int
    channels: int
    dtype: str
    bands: tuple[str, ...]
    display_bands: tuple[int, ...]
    splits: dict[str, tuple[Shard, ...]]
    labels: tuple[str, ...] = ()
    label_file: str | None = None
    source: dict[str, Any] = dataclasses.field(default_factory=dict)
    scaling: dict[str, Any] | None = None
    tool_version: str | None = None
    encoding: str = "raw"

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(sorted({shard.level for shards in self.splits.values() for shard in shards}))

    def shards(self, split: str, level: int) -> tuple[Shard, ...]:
        """The files of one split and level, in order. Raises InputError where the dataset has none."""
        if split not in self.splits:
            raise InputError(f"dataset {self.name} has no split {split!r}; it has {', '.join(sorted(self.splits))}")
        found = tuple(shard for shard in self.splits[split] if shard.level == level)
        if not found:
            raise InputError(
                f"dataset {self.name} has no images of {2**level} x {2**level}; its levels go from "
                f"{2 ** self.levels[0]} to {2 ** self.levels[-1]}: set a resolution in that range or convert again"
            )
        return found

    def images(self, split: str) -> int:
        """Number of images of a split."""
        return sum(shard.images for shard in self.shards(split, self.levels[-1]))


def to_json(manifest: Manifest) -> str:
    """The text of `dataset.json`."""
    fields = dataclasses.asdict(manifest)
    fields["levels"] = manifest.levels
    fields["images"] = {split: manifest.images(split) for split in manifest.splits}
    return json.dumps(fields, indent=1) + "\n"


def from_json(text: str, path: str) -> Manifest:
    """The inverse of `to_json`. Raises InputError, naming `path`, where the text is no manifest."""
    try:
        fields = json.loads(text)
        fields = {field.name: fields[field.name] for field in dataclasses.fields(Manifest) if field.name in fields}
        fields["splits"] = {
            split: tuple(Shard(**shard) for shard in shards) for split, shards in fields["splits"].items()
        }
        for name in ("bands", "display_bands", "labels"):
            fields[name] = tuple(fields[name])
        return Manifest(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a dataset manifest ({error!r}); convert the images again") from error


def load(directory: str) -> Manifest:
    """The manifest of `directory`: its `dataset.json`, or, for a folder of the official tools, inferred from the files.

    Raises:
        InputError: the directory is missing, holds no dataset, or its manifest is damaged.
    """
    import tensorflow as tf

    path = tf.io.gfile.join(directory, FILENAME)
    if not tf.io.gfile.isdir(directory):
        raise InputError(f"no dataset at {directory}: there is no such folder; make one with data_prep.convert")
    try:
        if not tf.io.gfile.exists(path):
            return infer(directory)
        with tf.io.gfile.GFile(path, "rb") as file:
            return from_json(file.read().decode(errors="replace"), path)
    except tf.errors.OpError as error:
        raise InputError(f"dataset {directory} cannot be read ({error.message}); make its files readable") from error


def infer(directory: str) -> Manifest:
    """The manifest of a flat folder of `<name>-rNN.tfrecords`, as the official ProGAN and StyleGAN tools write it.

    The records tell the shape, a `<name>-rxx.labels` file (npy, float32 [images, labels]) the labels.
    """
    import tensorflow as tf

    from progan_tf.data import reading

    files = official_files(directory)
    if not files:
        raise InputError(
            f"no dataset at {directory}: it holds neither {FILENAME} nor *-rNN.tfrecords files; give a folder that "
            "does, or make one with data_prep.convert"
        )
    shards = []
    for path in files:
        shape = reading.shape_of_first(path)
        shards.append(
            Shard(
                file=_basename(path),
                level=int(shape[0]).bit_length() - 1,
                images=reading.count(path),
                bytes=tf.io.gfile.stat(path).length,
            )
        )
    height, _, channels = reading.shape_of_first(files[-1])
    resolution = max(2**shard.level for shard in shards)
    if height != resolution:
        raise InputError(
            f"{files[-1]} holds images of {height} pixels, less than other files of {directory}; give every dataset a "
            "folder of its own, its files named by their levels"
        )
    labels, label_file = (), None
    label_files = official_files(directory, "*-rxx.labels")
    if label_files:
        label_file = _basename(label_files[0])
        labels = tuple(f"label {i}" for i in range(read_label_file(label_files[0]).shape[1]))
    return Manifest(
        name=_basename(files[0]).rsplit("-r", 1)[0],
        resolution=resolution,
        channels=channels,
        dtype="uint8",
        bands=band_names(channels),
        display_bands=display_bands(band_names(channels)),
        splits={"train": tuple(shards)},
        labels=labels,
        label_file=label_file,
        source={"kind": "tfrecords without a manifest"},
    )


def official_files(directory: str, pattern: str = "*-r[0-9][0-9]*.tfrecords") -> list[str]:
    """Paths of the files of a folder whose names match, sorted; the folder's own name is no pattern."""
    import tensorflow as tf

    names = fnmatch.filter(tf.io.gfile.listdir(directory), pattern)
    return [tf.io.gfile.join(directory, name) for name in sorted(names)]


def _basename(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def read_label_file(path: str) -> np.ndarray:
    """Labels of an official `-rxx.labels` file: float32 [images, labels]. Raises InputError where it is damaged."""
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            rows = np.lib.format.read_array(file, allow_pickle=False).astype(np.float32)
        if rows.ndim != 2:
            raise ValueError(f"shape {list(rows.shape)} where rows of labels are expected")
    except Exception as error:  # damaged headers make errors of every kind
        raise InputError(
            f"{path} cannot be read as labels ({error}); copy it again, or take it away to go without labels"
        ) from error
    return rows
