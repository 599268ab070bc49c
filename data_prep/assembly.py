"""Shards to a dataset: has those written that are still missing, then the label file and the manifest."""

import contextlib
import functools
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

import progan_tf
from data_prep import quietly, rejected, shards, work_folder
from data_prep.engines import local
from data_prep.job import Job
from data_prep.plan import Plan
from data_prep.progress import Progress
from data_prep.sources.source import Source
from progan_tf.data import manifest, records
from progan_tf.errors import InputError


def assemble(
    job: Job, source: Source, plan: Plan, bad: dict[str, str], fingerprint: str, progress: type[Progress]
) -> tuple[manifest.Manifest, int]:
    """Writes the dataset of `plan`; returns its manifest and how many shards an earlier run had finished.

    `bad` are the files the survey rejected, with their reasons. Raises InputError where reading makes them too many,
    or leaves no image.
    """
    work_folder.begin(job.output, fingerprint, shards.SPLIT)
    found = (shards.finished(job.output, index) for index in range(plan.shard_count))
    written = {shard.index: shard for shard in found if shard}
    resumed = len(written)
    bad = bad | {file: reason for shard in written.values() for file, reason in shard.rejected.items()}
    rejected.check(job.output, bad, plan.surveyed, job.max_bad_fraction)
    missing = [index for index in range(plan.shard_count) if index not in written]
    write = functools.partial(
        shards.write,
        source=source,
        output=job.output,
        name=job.dataset_name,
        resolution=job.resolution,
        channels=plan.channels,
    )
    workers = min(job.processes, len(missing))
    total = len(plan.order) - sum(shard.images for shard in written.values())
    with (
        progress("convert", total, "images") as shown,
        contextlib.closing(local.run(write, map(plan.shard, missing), workers, quietly.import_tensorflow)) as results,
    ):
        for shard in results:
            written[shard.index] = shard
            bad |= shard.rejected
            rejected.check(job.output, bad, plan.surveyed, job.max_bad_fraction)
            shown.advance(shard.images)
    rejected.save(job.output, bad)
    if not any(shard.images for shard in written.values()):
        raise InputError(f"input {job.input} holds no image that can be decoded; {rejected.FILENAME} says why")

    dataset = _manifest(job, plan, [written[index] for index in sorted(written)], len(bad), fingerprint)
    if plan.labels and plan.shard_count == 1:
        _write_label_file(job.output, dataset)
    manifest.save(dataset, job.output)
    work_folder.remove(job.output)
    return dataset, resumed


def _manifest(job: Job, plan: Plan, written: list[shards.Written], bad: int, fingerprint: str) -> manifest.Manifest:
    files = sorted((file for shard in written for file in shard.files), key=lambda file: (file.level, file.file))
    return manifest.Manifest(
        name=job.dataset_name,
        resolution=job.resolution,
        channels=plan.channels,
        dtype="uint8",
        bands=manifest.band_names(plan.channels),
        display_bands=manifest.display_bands(plan.channels),
        splits={shards.SPLIT: tuple(files)},
        labels=plan.labels,
        source={
            "kind": "folder",
            "fit": job.fit,
            "seed": job.seed,
            "max_tiles": job.max_tiles,
            "files": plan.surveyed,
            "rejected": bad,
            "alpha_dropped": sum(survey.alpha for survey in plan.files),
            "tiles": int(plan.first_tile[-1]),
            "fingerprint": fingerprint,
        },
        tool_version=progan_tf.__version__,
    )


def _write_label_file(output: str, dataset: manifest.Manifest) -> None:
    """Writes the official tools' `<name>-rxx.labels`: npy, float32 one-hot [images, labels], in record order."""
    (smallest,) = dataset.shards(shards.SPLIT, 2)
    raw = tf.data.TFRecordDataset(str(Path(output, smallest.file))).as_numpy_iterator()
    labels = [records.deserialize(record)[2] for record in raw]
    partial = work_folder.work_path(output, f"labels.{os.getpid()}")
    with partial.open("wb") as file:
        np.save(file, np.eye(len(dataset.labels), dtype=np.float32)[labels])
    partial.replace(Path(output, shards.SPLIT, f"{dataset.name}-rxx.labels"))


def load(output: str) -> manifest.Manifest:
    """The manifest of a finished dataset. Raises InputError where a file of it is missing or has another size."""
    dataset = manifest.load(output)
    for shard in dataset.splits[shards.SPLIT]:
        path = Path(output, shard.file)
        if not path.is_file() or path.stat().st_size != shard.bytes:
            raise InputError(f"{path} is missing or damaged in a finished dataset; delete {output} and convert again")
    work_folder.remove(output)
    return dataset
