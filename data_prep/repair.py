"""Writes damaged files of a finished dataset anew: shards from the images they were made of, labels from the shards."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep import conversion, files, inspection, label_files, plan
from data_prep.inspection import Damage
from data_prep.job import Job
from data_prep.progress import Progress, Silent
from data_prep.sources import open_source
from progan_tf.data.manifest import Manifest
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import InputError

_FOLDER = ".repair"


def repair(
    directory: str,
    manifest: Manifest,
    damaged: Sequence[Damage],
    moved: Mapping[str, str] | None = None,
    progress: type[Progress] = Silent,
    workers: int = 0,
) -> None:
    """Replaces the damaged files of a dataset by files of exactly the bytes that its manifest tells; no others.

    For shards the input is read again as a whole, by `workers` processes (0: one a core); that takes the time and the
    room of a conversion. New files are made in a folder beside the splits, and compared before the first one is put in
    place. `moved` gives fields of the job that name another place now: `input`, `mask`, `tfds_data_dir`.

    Raises:
        InputError: the source is not what it was, or what comes out of it is not; nothing has been changed.
    """
    labels = label_files.listed(manifest)
    shards = [damage.file for damage in damaged if damage.file not in labels.values()]
    work = files.join(directory, _FOLDER)
    files.remove(work)
    try:
        if shards:
            _rewrite(directory, manifest, shards, moved or {}, progress, workers)
        wrong = inspection.label_damage(directory, manifest)
        for split, file in labels.items():
            if file in wrong:
                files.make_folder(work)
                rows = Dataset(directory, manifest, split).label_table()
                label_files.write(files.join(directory, file), rows, files.join(work, "labels"))
    finally:
        files.remove(work)


def _rewrite(
    directory: str,
    manifest: Manifest,
    names: Sequence[str],
    moved: Mapping[str, str],
    progress: type[Progress],
    workers: int,
) -> None:
    """Replaces the damaged shards `names`."""
    was = job_of(directory, manifest)
    if "mask" in moved and not was.mask:
        raise InputError(f"mask {moved['mask']}: {directory} was made without one; leave it out")
    job = dataclasses.replace(was, workers=workers, **moved)
    source = open_source(job)
    listing = source.listing()
    if plan.fingerprint(was, listing) != manifest.source["fingerprint"]:
        what, remedy = ("input or mask", "--input or --mask") if was.mask else ("input", "--input")
        raise InputError(
            f"{what} {job.input} has other files than when {directory} was made; give its original state with "
            f"{remedy}, or convert it to a new dataset"
        )
    prepared = conversion.prepare(job, source, listing, progress)
    wanted = [shard for shard in _shards_of(manifest, names) if shard in prepared.plan.shards()]
    written, _ = conversion.write(job, prepared, wanted, progress)
    made = {file.file: file for shard in written for file in shard.files}
    listed = {file.file: file for split in manifest.splits.values() for file in split}
    if not made.keys() >= set(names) or any(made[name] != listed.get(name) for name in made):
        raise InputError(
            f"input {job.input} no longer gives the bytes of {directory}: its content is another, or another "
            "release of a library reads it; nothing was replaced, convert it to a new dataset"
        )
    for name in names:
        files.make_folder(files.join(directory, name).rpartition("/")[0])
        files.move(files.join(job.output, name), files.join(directory, name))


def job_of(directory: str, manifest: Manifest) -> Job:
    """The job that made a dataset, its output a folder beside the splits.

    Raises:
        InputError: the manifest does not say what the job was, or it was one of another version.
    """
    source = manifest.source
    recipe = source.get("recipe")
    if not recipe or "input" not in source:
        raise InputError(
            f"{directory} does not say what it was made of, so it cannot be repaired; copy its files again"
        )
    try:
        fields = {name: _frozen(value) for name, value in recipe.items()}
        places = {"input": source["input"], "tfds_data_dir": source.get("tfds_data_dir", "")}
        job = Job(output=files.join(directory, _FOLDER), max_bad_fraction=1.0, **places, **fields)
    except TypeError:
        job = None
    if job is None or json.dumps(job.recipe(), sort_keys=True) != json.dumps(recipe, sort_keys=True):
        raise InputError(
            f"{directory} was made with settings this version does not know, by {manifest.tool_version}; "
            "repair it with that version"
        )
    return job


def _frozen(value: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _shards_of(manifest: Manifest, names: Sequence[str]) -> list[tuple[str, int]]:
    """(split, index) of the shards that these files belong to."""
    return [
        (split, index)
        for split in manifest.splits
        for index, group in enumerate(zip(*(manifest.shards(split, level) for level in manifest.levels), strict=False))
        if any(file.file in names for file in group)
    ]
