"""Runs one pure function over many items with Apache Beam: threads of this process, or a cluster Beam has a runner for.

Workers leave results as files, since no runner hands values back: under `--temp_location` where it is given (a cluster
needs one that all its machines reach, as they must the output), else in a folder of this machine.
"""

import functools
import pickle
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from data_prep import disk, files
from data_prep.engines.beam_options import load
from progan_tf.errors import Failed, InputError


def run(function: Callable, items: Iterable, workers: int, arguments: str = "") -> Iterator:
    """Yields `function(item)` of every item, once all are done.

    `arguments` are options of Beam as on a command line; without a `--runner` there, `workers` threads do the work.

    Raises:
        InputError: Beam is missing, an option is wrong, or results do not arrive.
        InputError, Failed and errors of files are what `function` raised.
    """
    beam, options = load(arguments, workers)
    try:
        pipeline = beam.Pipeline(options=options)
    except (ValueError, ImportError) as error:
        raise InputError(f"beam_args {arguments}: {error}; name a runner that Beam has") from error
    location = options.get_all_options()["temp_location"] or tempfile.gettempdir()
    folder = files.join(location, f"progan-{uuid.uuid4().hex}")
    numbered = [pickle.dumps((files.join(folder, str(number)), item)) for number, item in enumerate(items)]
    work = functools.partial(_work, function=function)
    try:
        files.make_folder(folder)
        with pipeline:
            _ = pipeline | beam.Create(numbered) | beam.Reshuffle() | beam.Map(work)
        for number in range(len(numbered)):
            yield _result(files.join(folder, str(number)))
    finally:
        files.remove(folder)


def _work(numbered: bytes, function: Callable) -> None:
    """One item, in a worker. What a user can mend is a result too: as an error Beam would wrap it and try again."""
    path, item = pickle.loads(numbered)
    try:
        outcome = (function(item), None)
    except Exception as error:
        if not (isinstance(error, (InputError, Failed)) or disk.is_refusal(error)):
            raise
        outcome = (None, error)
    partial = f"{path}.{uuid.uuid4().hex}"  # an item may be worked on twice at a time
    with files.open_file(partial, "wb") as file:
        file.write(pickle.dumps(outcome))
    files.move(partial, path)


def _result(path: str) -> Any:
    if not files.exists(path):
        raise InputError(f"workers left no result at {path}; add to --beam_args a --temp_location that all can reach")
    with files.open_file(path, "rb") as file:
        result, error = pickle.loads(file.read())
    if error:
        raise error
    return result
