"""Runs one pure function over many items in processes of this machine."""

import contextlib
import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from data_prep.engines import worker
from progan_tf.errors import Failed


def run(function: Callable, items: Iterable, workers: int, prepare: Callable[[], None] | None = None) -> Iterator:
    """Yields `function(item)` of every item, as they get ready; `items` is taken as workers get free.

    `prepare` is called once in every process that works, before `function` is loaded in a new one.

    One worker is this process itself. More are started afresh (`spawn`, since TensorFlow does not survive a fork), so
    a script that calls this needs the usual `if __name__ == "__main__"`. No worker outlives the iterator (close it
    where you leave early), nor this process, however it dies. Each has a connection of its own, and shares no lock, so
    that it may be stopped at any moment, in the middle of a result too.
    """
    if workers <= 1:
        if prepare:
            prepare()
        yield from map(function, items)
        return
    items, context = iter(items), multiprocessing.get_context("spawn")
    lifeline, our_end = context.Pipe(duplex=False)
    team: dict[Connection, Any] = {}
    try:
        first = list(itertools.islice(items, workers))
        with worker.stops_held_back():
            for _ in first:
                ours, theirs = context.Pipe()
                process = context.Process(target=worker.work, args=(theirs, lifeline, prepare), daemon=True)
                process.start()
                theirs.close()
                team[ours] = process
        for connection, item in zip(team, first, strict=True):
            _send(connection, function, item)
        busy = set(team)
        while busy:
            for connection in wait(busy):
                with _death_told():
                    result, error = connection.recv()
                if error:
                    raise error
                following = list(itertools.islice(items, 1))
                _send(connection, *following)
                if not following:
                    busy.remove(connection)
                yield result
    finally:
        our_end.close()
        for process in team.values():
            process.join()


def _send(connection: Connection, *values: Any) -> None:
    with _death_told():
        for value in values:
            connection.send(value)


@contextlib.contextmanager
def _death_told() -> Iterator[None]:
    """Raises Failed where the process at the other end of a connection is gone."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise Failed(
            "a worker process was killed, as a rule for want of memory; run the same command again with fewer --workers"
        ) from error
