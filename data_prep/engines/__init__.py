"""Who runs one pure function over many items: processes of this machine, or Apache Beam.

An engine is `run(function, items, workers)`: it yields `function(item)` of every item in the order they get ready, of
a function that can be pickled. What is computed must not depend on that order, nor on the engine.
"""

import functools
from collections.abc import Callable

from data_prep.job import Job


def engine_of(job: Job) -> Callable:
    """The engine a job asks for. Raises InputError where it is not installed."""
    if job.engine == "beam":
        from data_prep.engines import beam

        return functools.partial(beam.run, arguments=job.beam_args)
    from data_prep.engines import local

    return local.run
