"""A dataset directory of ours or of the official tools: the stored images of one level of a split."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from data_prep import quietly
from experiments.sets.opened import Item, Opened
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from progan_tf.data.pipeline import Dataset


def open_dataset(given: str, *, split: str, resolution: int | None, num: int | None, seed: int) -> Opened:
    """Up to `num` images of a split, drawn at random, at the level of `resolution`, or the highest without one.

    All records of the level are read, those drawn are decoded. Label files that are not one-hot count as none.

    Raises:
        InputError: there is no such split or level, or a shard is missing or of another size.
    """
    quietly.import_tensorflow()
    from progan_tf.data import manifest as manifests
    from progan_tf.data import pipeline

    dataset = pipeline.open_dataset(given, split)
    manifest = dataset.manifest
    level = manifest.levels[-1] if resolution is None else resolution.bit_length() - 1
    stored = sum(shard.images for shard in manifest.shards(split, level))
    count = stored if num is None else min(num, stored)
    drawn = np.random.default_rng(seed).permutation(stored)[:count]
    classes: np.ndarray | None = None
    labels = manifest.labels
    if manifest.label_file:
        rows = manifests.read_label_file(f"{given}/{manifest.label_file}")
        if len(rows) != stored:
            raise InputError(f"{given}: {manifest.label_file} has {len(rows)} rows for {stored} images; take it out")
        one_hot = np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()
        classes, labels = (rows.argmax(axis=1), labels) if one_hot else (None, ())
    slot_of = dict(zip(drawn.tolist(), range(count), strict=True))
    return Opened(
        name=f"{given} ({split})",
        shape=dataset.shape(level),
        dtype=manifest.dtype,
        bands=manifest.bands,
        display_bands=manifest.display_bands,
        count=count,
        items=_records(dataset, level, slot_of, classes),
        label_names=labels,
        scaling=Scaling.from_dict(manifest.scaling) if manifest.scaling else None,
    )


def _records(dataset: "Dataset", level: int, slot_of: dict[int, int], classes: np.ndarray | None) -> Iterator[Item]:
    import tensorflow as tf

    from progan_tf.data import pipeline, reading, records

    manifest, row = dataset.manifest, 0
    try:
        for shard, path in zip(manifest.shards(dataset.split, level), dataset.paths(level), strict=True):
            for index, serialized in enumerate(reading.serialized_records(path).as_numpy_iterator()):
                if row in slot_of:
                    record = records.deserialize(serialized, manifest.dtype, manifest.encoding)
                    if record.image.shape != dataset.shape(level):
                        raise ValueError(f"record {row} has shape {record.image.shape}")
                    label = record.label if classes is None else int(classes[row])
                    yield Item(slot_of[row], record.image, record.key or f"{shard.file}#{index}", label)
                row += 1
    except (ValueError, tf.errors.OpError) as error:
        raise pipeline.explain(dataset, level, error) from error
