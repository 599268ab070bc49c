"""Runs one pure function over many items in processes of this machine."""

import concurrent.futures.process
import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection

from progan_tf.errors import Failed

_STOPS = (signal.SIGINT, signal.SIGTERM)  # sent to the whole group by terminals: the parent decides


def run(function: Callable, items: Iterable, workers: int, prepare: Callable[[], None] | None = None) -> Iterator:
    """Yields `function(item)` of every item, as they get ready; `items` is taken as workers get free.

    `prepare` is called once in every process that works, before `function` is loaded in a new one.

    One worker is this process itself. More are started afresh (`spawn`, since TensorFlow does not survive a fork), so
    a script that calls this needs the usual `if __name__ == "__main__"`. No worker outlives the iterator (close it
    where you leave early), nor this process, however it dies.
    """
    if workers <= 1:
        if prepare:
            prepare()
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    their_end, our_end = context.Pipe(duplex=False)
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_start, initargs=(their_end, prepare))
    try:
        items = iter(items)
        with _stops_held_back():
            running = {pool.submit(function, item) for item in itertools.islice(items, 2 * workers)}
        while running:
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            running |= {pool.submit(function, item) for item in itertools.islice(items, len(done))}
            for future in done:
                yield future.result()
        pool.shutdown()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise Failed(
            "a worker process was killed, as a rule for want of memory; run the same command again with fewer --workers"
        ) from error
    finally:
        our_end.close()
        pool.shutdown(cancel_futures=True)
        their_end.close()


@contextlib.contextmanager
def _stops_held_back() -> Iterator[None]:
    """Signals to stop wait meanwhile, and processes started here hold them back until they can ignore them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(lifeline: Connection, prepare: Callable[[], None] | None) -> None:
    """Ties this worker to its parent: however that ends, the system closes the other end of `lifeline`."""

    def wait() -> None:
        lifeline.poll(None)
        os._exit(1)

    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    threading.Thread(target=wait, daemon=True).start()
    if prepare:
        prepare()
