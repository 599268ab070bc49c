"""Which physical values become black and white: given, or percentiles of the whole dataset."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from data_prep.job import Job
from data_prep.progress import Progress
from data_prep.sources.source import Form, Source, Survey, UnusableFile
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

_PIXELS = 1 << 22  # sampled of the whole dataset, at most about

Run = Callable[..., Iterator]


def choose(
    job: Job, source: Source, form: Form, usable: Sequence[Survey], run: Run, progress: type[Progress]
) -> tuple[Scaling | None, dict[str, str]]:
    """The scaling of a job, None where pixels stay as they are, and the files that proved bad while measuring.

    Raises:
        InputError: values that do not fit the dtype unscaled, a range for another number of bands, or no range at all.
    """
    bands = len(form.bands)
    if job.value_range:
        pairs = job.value_range if len(job.value_range) > 2 else job.value_range * bands
        if len(pairs) != 2 * bands:
            raise InputError(f"value_range has {len(pairs) // 2} pairs for {bands} bands; give one, or one a band")
        return Scaling("range", pairs[::2], pairs[1::2]), {}
    as_it_is = form.dtype == job.dtype and (form.dtype == "uint8" or form.ready)
    if job.scaling == "none" or (job.scaling == "auto" and as_it_is):
        if form.dtype not in (job.dtype, "uint8"):
            raise InputError(f"{form.dtype} values do not fit {job.dtype} unscaled; set --scaling=bands, or --dtype")
        return None, {}
    samples, bad = _samples(job, source, form, usable, run, progress)
    if len(bad) == len(usable):
        raise InputError(f"input {job.input} holds no image that can be read (first {min(bad)}: {bad[min(bad)]})")
    if not len(samples):
        raise InputError(f"input {job.input} holds no pixel with data to measure ranges by; see --nodata and --mask")
    values = samples.reshape(-1, 1) if job.scaling == "joint" else samples
    low, high = np.percentile(values, job.percentiles, axis=0)
    if not (low < high).all():
        band = int(np.argmin(high - low))
        raise InputError(
            f"percentiles {job.percentiles[0]:g} and {job.percentiles[1]:g} of "
            f"{'all bands' if job.scaling == 'joint' else form.bands[band]} are both {low[band]:g}; give --value_range"
        )
    mode = "joint" if job.scaling == "joint" else "bands"
    return Scaling(mode, *(tuple(np.broadcast_to(limit, bands).tolist()) for limit in (low, high))), bad


def _samples(
    job: Job, source: Source, form: Form, usable: Sequence[Survey], run: Run, progress: type[Progress]
) -> tuple[np.ndarray, dict[str, str]]:
    """Values [n, C] drawn evenly from all pixels, whichever file they are in."""
    every = max(1, math.ceil(math.sqrt(sum(survey.pixels for survey in usable) / _PIXELS)))
    function = functools.partial(_sample, source=source, every=every, form=form)
    names = [survey.file for survey in usable]
    found, bad = {}, {}
    with (
        progress("measure ranges", len(usable), "files") as shown,
        contextlib.closing(run(function, names, min(job.processes, len(usable)))) as results,
    ):
        for file, values, reason in results:
            if reason:
                bad[file] = reason
            else:
                found[file] = values
            shown.advance()
    ordered = [found[file] for file in sorted(found)]
    return np.concatenate(ordered) if ordered else np.empty((0, len(form.bands))), bad


def _sample(file: str, source: Source, every: int, form: Form) -> tuple[str, np.ndarray | None, str | None]:
    try:
        return file, source.sample(file, every, form), None
    except UnusableFile as error:
        return file, None, str(error)
