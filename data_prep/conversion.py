"""Images to a dataset directory, as one function: survey, measure, cut, plan, write, assemble."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from data_prep import assembly, cutting, plan, ranges, rejected, shards, work_folder
from data_prep.engines import engine_of
from data_prep.job import Job
from data_prep.progress import Progress, Silent
from data_prep.shards import Written
from data_prep.sources import open_source
from data_prep.sources.source import Form, Listing, Source, Survey
from progan_tf.data.manifest import Manifest
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

_SURVEYED_AT_ONCE = 8192  # headers are read faster than another process starts


@dataclasses.dataclass(frozen=True)
class Report:
    """What a conversion did: the dataset, how many files were no images by name, and what an earlier run had done.

    `split_remedy` is what to do about splits that were asked for and are empty, where that was found out now.
    """

    manifest: Manifest
    ignored: int
    split_remedy: str = ""
    resumed_shards: int = 0
    was_complete: bool = False


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An input of which all was read: its tiles lie in the work folder, the plan says where each goes.

    `files` were considered, `rejected` of them could not be used, and `alpha_dropped` had transparency.
    """

    form: Form
    scaling: Scaling | None
    plan: plan.Plan
    files: int
    rejected: int
    alpha_dropped: int


def convert(job: Job, progress: type[Progress] = Silent) -> Report:
    """Converts the input of `job`, or finishes a conversion of the same job that was stopped or killed.

    Worker processes start afresh: with `workers` other than 1 a script needs the usual `if __name__ == "__main__"`.

    Raises:
        InputError: there is no usable image, too many bad ones, or the output holds something else.
    """
    source = open_source(job)
    listing = source.listing()
    if not listing.files:
        raise InputError(f"input {job.input} holds no file that a {source.kind} source reads; see docs/DATA.md")
    fingerprint = plan.fingerprint(job, listing)
    if work_folder.is_complete(job.output, fingerprint):
        return Report(assembly.load(job.output), listing.ignored, was_complete=True)
    prepared = prepare(job, source, listing, progress)
    written, resumed = write(job, prepared, prepared.plan.shards(), progress)
    counts = (prepared.files, prepared.rejected, prepared.alpha_dropped)
    given = assembly.Input(source.kind, fingerprint, *counts, prepared.form, prepared.scaling)
    dataset = assembly.assemble(job, given, prepared.plan, written)
    work_folder.remove(job.output)
    return Report(dataset, listing.ignored, prepared.plan.split_remedy, resumed)


def prepare(job: Job, source: Source, listing: Listing, progress: type[Progress] = Silent) -> Prepared:
    """Everything that comes before the first shard: survey, measure, cut, plan. Goes on where an earlier run stopped.

    Raises:
        InputError: there is no usable image, or too many bad ones.
    """
    work_folder.make_output(job.output)
    run = engine_of(job)
    surveys = _survey(source, [file for file, _ in listing.files], run, job, progress)
    bad = {survey.file: survey.rejected for survey in surveys if survey.rejected}
    images = {survey.file: survey.images for survey in surveys}
    rejected.save(job.output, bad)
    rejected.check(job.output, bad, images, job.max_bad_fraction)
    usable = [survey for survey in surveys if not survey.rejected]
    if not usable:
        raise InputError(f"input {job.input} holds no image that can be used; each has its reason in rejected.jsonl")
    form = source.agree(usable)
    if job.encoding == "png" and len(form.bands) > 4:
        raise InputError(f"encoding png holds 4 bands at most, the input has {len(form.bands)}; set --encoding=raw")
    scaling, unreadable = ranges.choose(job, source, form, usable, run, progress)
    bad |= unreadable
    usable = [survey for survey in usable if survey.file not in bad]

    work_folder.begin(job.output, plan.fingerprint(job, listing))
    cuts = _cut(source, usable, form, scaling, run, job, progress)
    bad |= {file: reason for cut in cuts for file, reason in cut.rejected.items()}
    rejected.save(job.output, bad)
    rejected.check(job.output, bad, images, job.max_bad_fraction)
    rejected.save_dropped(job.output, {key: reason for cut in cuts for key, reason in cut.dropped.items()})
    planned = plan.make(job, cuts, bad, _tile_bytes(job, form))
    rejected.save_dropped(job.output, planned.dropped)
    alpha = sum(survey.alpha for survey in usable)
    counts = (sum(images.values()), rejected.count(bad, images), alpha)
    return Prepared(form, _overall(scaling, form), planned, *counts)


def write(
    job: Job, prepared: Prepared, wanted: Sequence[tuple[str, int]], progress: type[Progress] = Silent
) -> tuple[list[Written], int]:
    """Has the `wanted` shards (split, index) written that an earlier run did not finish.

    Returns all of them, and how many it had finished.
    """
    work_folder.make_splits(job.output, list(prepared.plan.splits))
    found = (shards.finished(job.output, *shard) for shard in wanted)
    written = {(shard.split, shard.index): shard for shard in found if shard}
    resumed = len(written)
    missing = [shard for shard in wanted if shard not in written]
    channels = len(prepared.form.bands)
    layout = shards.Layout(job.output, job.dataset_name, job.resolution, channels, job.dtype, job.encoding)
    function = functools.partial(shards.write, layout=layout)
    items = plan.shards(prepared.plan, missing)
    total = sum(len(prepared.plan.tiles(*shard)) for shard in missing)
    results = _all(engine_of(job), function, items, len(missing), job)
    with progress("write", total, "images") as shown:
        for shard in _counted(results, shown, lambda shard: shard.images):
            written[shard.split, shard.index] = shard
    return [written[shard] for shard in wanted], resumed


def _overall(scaling: Scaling | None, form: Form) -> Scaling | None:
    """How pixels come from physical values, which the input may be scaled from already."""
    if scaling is None or form.scaling is None:
        return scaling or form.scaling
    return scaling.after(form.scaling, form.dtype)


def _survey(source: Source, names: list[str], run: Callable, job: Job, progress: type[Progress]) -> list[Survey]:
    batches = [names[begin : begin + _SURVEYED_AT_ONCE] for begin in range(0, len(names), _SURVEYED_AT_ONCE)]
    function = functools.partial(_survey_batch, source)
    surveyed = itertools.chain.from_iterable(_all(run, function, batches, len(batches), job))
    with progress("survey", len(names), "files") as shown:
        return sorted(_counted(surveyed, shown, lambda survey: 1), key=lambda survey: survey.file)


def _survey_batch(source: Source, names: list[str]) -> list[Survey]:
    return [source.survey(name) for name in names]


def _cut(
    source: Source,
    usable: list[Survey],
    form: Form,
    scaling: Scaling | None,
    run: Callable,
    job: Job,
    progress: type[Progress],
) -> list[cutting.Cut]:
    """Has the parts cut that an earlier run did not finish; returns all."""
    rules = cutting.Rules(
        job.dtype, scaling, job.min_valid_fraction, job.min_std, hash_looks=job.near_duplicates == "drop"
    )
    parts = cutting.parts(usable, _tile_bytes(job, form))
    done = {part.index: cutting.finished(job.output, part.index) for part in parts}
    missing = [part for part in parts if done[part.index] is None]
    function = functools.partial(cutting.cut, source=source, form=form, rules=rules, output=job.output)
    with progress("cut", len(missing), "parts") as shown:
        for cut in _counted(_all(run, function, missing, len(missing), job), shown, lambda cut: 1):
            done[cut.part] = cut
    return [done[part.index] for part in parts]


def _tile_bytes(job: Job, form: Form) -> int:
    return len(form.bands) * job.resolution**2 * np.dtype(job.dtype).itemsize


def _all(run: Callable, function: Callable, items: Iterable, count: int, job: Job) -> Iterator:
    """The engine's results for all items; no worker outlives the iterator."""
    with contextlib.closing(run(function, items, min(job.processes, count))) as results:
        yield from results


def _counted(results: Iterable, shown: Progress, units: Callable[[Any], int]) -> Iterator:
    for result in results:
        yield result
        shown.advance(units(result))
