"""A folder of images to a dataset directory, as one function."""

import contextlib
import dataclasses
import functools
from typing import TYPE_CHECKING

from data_prep import plan, quietly, rejected, work_folder
from data_prep.engines import local
from data_prep.job import Job
from data_prep.progress import Progress, Silent
from data_prep.sources.folder import Folder
from data_prep.sources.source import Listing, Source, Survey
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from progan_tf.data.manifest import Manifest

_SURVEYED_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class Report:
    """What a conversion did: the dataset, how many files were no images by name, and what an earlier run had done."""

    manifest: "Manifest"
    ignored: int
    resumed_shards: int = 0
    was_complete: bool = False


def convert(job: Job, progress: type[Progress] = Silent) -> Report:
    """Converts the folder of `job`, or finishes a conversion of the same job that was stopped or killed.

    Worker processes start afresh: with `workers` other than 1 a script needs the usual `if __name__ == "__main__"`.

    Raises:
        InputError: there is no usable image, too many bad ones, or the output holds something else.
    """
    source = Folder(job.input, job.resolution, job.fit, job.labels == "folders")
    listing = source.listing()
    if not listing.files:
        raise InputError(f"input {job.input} holds no image file; PNG, JPEG, BMP, WebP and TIFF are read")
    fingerprint = plan.fingerprint(job, listing)
    complete = work_folder.is_complete(job.output, fingerprint)
    if not complete:
        work_folder.make_output(job.output)
        surveys = _survey(job, source, listing, progress)
        bad = {survey.file: survey.rejected for survey in surveys if survey.rejected}
        rejected.save(job.output, bad)
        rejected.check(job.output, bad, len(surveys), job.max_bad_fraction)
        planned = plan.make(job, surveys)

    quietly.import_tensorflow()  # takes seconds: not before the input is known to be good
    from data_prep import assembly

    if complete:
        return Report(assembly.load(job.output), listing.ignored, was_complete=True)
    manifest, resumed = assembly.assemble(job, source, planned, bad, fingerprint, progress)
    return Report(manifest, listing.ignored, resumed)


def _survey(job: Job, source: Source, listing: Listing, progress: type[Progress]) -> list[Survey]:
    files = [file for file, _ in listing.files]
    batches = [files[begin : begin + _SURVEYED_AT_ONCE] for begin in range(0, len(files), _SURVEYED_AT_ONCE)]
    surveys = []
    with (
        progress("survey", len(files), "files") as shown,
        contextlib.closing(
            local.run(functools.partial(_survey_batch, source), batches, min(job.processes, len(batches)))
        ) as results,
    ):
        for batch in results:
            surveys += batch
            shown.advance(len(batch))
    return surveys


def _survey_batch(source: Source, files: list[str]) -> list[Survey]:
    return [source.survey(file) for file in files]
