"""A dataset directory of ours as TensorFlow Datasets sees one: slices of splits, batches, labels, `tfds.as_numpy`.

    builder = tfds_builder.builder("data/coast", level=6)
    images = builder.as_dataset(split="train[:80%]", as_supervised=True)

Nothing is copied: the records are read where they lie.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from progan_tf.data import manifest as manifests
from progan_tf.data import reading
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.errors import InputError


def builder(data_dir: str, level: int | None = None) -> tfds.core.DatasetBuilder:
    """A read-only builder over one level (None: the highest) of a dataset of ours or of the official tools.

    Examples are `image` uint8 or uint16 [R, R, C], `key` ("" where a record has none), and `label` where the records
    have labels; labels in a file beside the records are left out.

    Raises:
        InputError: there is no dataset, or it has no such level.
    """
    dataset = manifests.load(data_dir)
    level = dataset.levels[-1] if level is None else level
    for split in dataset.splits:
        dataset.shards(split, level)
    return _Records(data_dir, dataset, level)


class _Records(tfds.core.DatasetBuilder, skip_registration=True):
    """As tfds.ImageFolder: splits and features come from what lies there, and there is nothing to prepare."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, data_dir: str, dataset: Manifest, level: int) -> None:
        self.name = re.sub(r"\W", "_", dataset.name)
        self._dataset, self._level = dataset, level
        self._labelled = bool(dataset.labels) and dataset.label_file is None
        super().__init__(data_dir=data_dir)
        self._data_dir = data_dir  # not a folder below it that is called like the dataset and the version
        splits = [self._split(name, dataset.shards(name, level)) for name in dataset.splits]
        self.info.set_splits(tfds.core.SplitDict(splits))

    def _info(self) -> tfds.core.DatasetInfo:
        dataset, side = self._dataset, 2**self._level
        features = {
            "image": tfds.features.Image(shape=(side, side, dataset.channels), dtype=np.dtype(dataset.dtype).type),
            "key": tfds.features.Text(),
        }
        if self._labelled:
            features["label"] = tfds.features.ClassLabel(names=list(dataset.labels))
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"Images of {side} x {side} pixels, bands {', '.join(dataset.bands)}.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label") if self._labelled else None,
        )

    def _download_and_prepare(self, **options: Any) -> None:
        """Nothing: TFDS asks for it only where `data_dir` is not there."""

    def _as_dataset(
        self,
        split: str,
        decoders: Any = None,
        read_config: tfds.ReadConfig | None = None,
        shuffle_files: bool = False,
    ) -> tf.data.Dataset:
        """Of `read_config` the seed alone is followed here; the rest of it is for files in TFDS's own layout."""
        if decoders:
            raise InputError("decoders are for encoded images; leave them out, these records are decoded anyway")
        parts = self.info.splits[split].file_instructions
        names = [str(part.filename) for part in parts]
        ranges = np.array([(part.skip, part.take) for part in parts], np.int64)
        files = tf.data.Dataset.from_tensor_slices((names, ranges))
        if shuffle_files:
            files = files.shuffle(len(parts), seed=read_config.shuffle_seed if read_config else None)
        found = files.flat_map(
            lambda name, skip_take: tf.data.TFRecordDataset(name).skip(skip_take[0]).take(skip_take[1])
        )
        found = found.apply(tf.data.experimental.assert_cardinality(sum(part.take for part in parts)))
        return found.map(self._parse, num_parallel_calls=tf.data.AUTOTUNE)

    def _parse(self, record: tf.Tensor) -> dict[str, tf.Tensor]:
        dataset, side = self._dataset, 2**self._level
        shape = (side, side, dataset.channels)
        image = reading.parse_batch(record[None], shape, dataset.dtype, dataset.encoding)[0]
        key = tf.io.parse_single_example(record, {"key": tf.io.FixedLenFeature([], tf.string, "")})["key"]
        label = {"label": reading.parse_labels(record[None])[0]} if self._labelled else {}
        return {"image": image, "key": key} | label

    def _split(self, name: str, shards: Sequence[Shard]) -> tfds.core.SplitInfo:
        folder, _, file = shards[0].file.rpartition("/")
        template = tfds.core.ShardedFileTemplate(
            data_dir=tf.io.gfile.join(self._data_dir, folder),
            template=re.sub(r"\d{5}-of-\d{5}", "{SHARD_X_OF_Y}", file),
            dataset_name=self.name,
        )
        lengths = [shard.images for shard in shards]
        return tfds.core.SplitInfo(name, lengths, sum(shard.bytes for shard in shards), template)
