"""Shards to a dataset: label files and the manifest."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

import progan_tf
from data_prep import files, ground, label_files, plan, shards, work_folder
from data_prep.cutting import CutTile
from data_prep.job import Job
from data_prep.plan import Plan
from data_prep.sources.source import Form
from progan_tf.data import manifest
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

_LISTED_PAIRS = 100


@dataclasses.dataclass(frozen=True)
class Input:
    """What is known of the input once all of it was read: numbers of files, and what was settled."""

    kind: str
    fingerprint: str
    files: int
    rejected: int
    alpha_dropped: int
    form: Form
    scaling: Scaling | None


def assemble(job: Job, given: Input, planned: Plan, written: Sequence[shards.Written]) -> manifest.Manifest:
    """Writes label files and manifest, the last thing that a finished dataset gets."""
    ordered = {
        split: tuple(
            sorted(
                (file for shard in written if shard.split == split for file in shard.files),
                key=lambda file: (file.level, file.file),
            )
        )
        for split in planned.splits
    }
    dataset = manifest.Manifest(
        name=job.dataset_name,
        resolution=job.resolution,
        channels=len(given.form.bands),
        dtype=job.dtype,
        encoding=job.encoding,
        bands=given.form.bands,
        display_bands=given.form.display_bands,
        splits=ordered,
        labels=planned.labels,
        source={
            "kind": given.kind,
            "input": job.input,
            **({"tfds_data_dir": job.tfds_data_dir} if job.tfds_data_dir else {}),
            "recipe": job.recipe(),
            "files": given.files,
            "rejected": given.rejected,
            "alpha_dropped": given.alpha_dropped,
            "tiles": planned.found,
            "dropped": plan.counts(planned.dropped),
            **_places(planned, job.resolution),
            "fingerprint": given.fingerprint,
        },
        scaling=given.scaling.as_dict() if given.scaling else None,
        tool_version=progan_tf.__version__,
    )
    for split, file in label_files.listed(dataset).items():
        labels = [planned.labels.index(tile.label) for tile in planned.splits[split]]
        rows = np.eye(len(planned.labels), dtype=np.float32)[labels]
        partial = work_folder.work_path(job.output, f"labels.{os.getpid()}")
        label_files.write(files.join(job.output, file), rows, partial)
    files.replace(files.join(job.output, manifest.FILENAME), manifest.to_json(dataset))
    return dataset


def load(output: str) -> manifest.Manifest:
    """The manifest of a finished dataset. Raises InputError where a file of it is missing or has another size."""
    path = files.join(output, manifest.FILENAME)
    dataset = manifest.from_json(files.read_text(path), path)
    listed = [shard for split in dataset.splits.values() for shard in split]
    gone = [shard.file for shard in listed if not files.is_file_of(files.join(output, shard.file), shard.bytes)]
    gone += [file for file in label_files.listed(dataset).values() if not files.is_file(files.join(output, file))]
    if gone:
        raise InputError(
            f"{files.join(output, gone[0])} is missing or damaged in a finished dataset; data_prep.inspect --repair "
            "mends it"
        )
    work_folder.remove(output)
    return dataset


def _places(planned: Plan, resolution: int) -> dict[str, Any]:
    """Coordinate systems of the tiles, how many pairs of scenes show the same ground, and the first of them."""
    scenes: dict[str, list[CutTile]] = {}
    for tiles in planned.splits.values():
        for tile in tiles:
            if tile.bounds and tile.crs:
                scenes.setdefault(tile.scene, []).append(tile)
    footprints = [(scene, tiles[0].crs, _footprint(tiles, resolution)) for scene, tiles in sorted(scenes.items())]
    pairs = ground.overlapping(footprints)
    return {
        "crs": sorted({crs for _, crs, _ in footprints}),
        "overlaps": len(pairs),
        "overlapping_scenes": [list(pair) for pair in pairs[:_LISTED_PAIRS]],
    }


def _footprint(tiles: Sequence[CutTile], resolution: int) -> ground.Bounds:
    """The rectangle around tiles of a scene, less half a pixel: scenes side by side may be off by so much."""
    bounds = np.array([tile.bounds for tile in tiles])
    half = (bounds[0, 2:] - bounds[0, :2]) / resolution / 2
    return (*(bounds[:, :2].min(axis=0) + half).tolist(), *(bounds[:, 2:].max(axis=0) - half).tolist())
