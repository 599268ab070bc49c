"""A process that works for another one, and leaves the moment that does."""

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

_STOPS = (signal.SIGINT, signal.SIGTERM)  # sent to the whole group by terminals: the parent decides


@contextlib.contextmanager
def stops_held_back() -> Iterator[None]:
    """Signals to stop wait meanwhile, and workers started here hold them back until they can ignore them."""
    resource_tracker.ensure_running()  # the first worker would start it, which lets the signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(connection: Connection, lifeline: Connection, prepare: Callable[[], None] | None) -> None:
    """Is sent a function and then items, and answers each with its result and None, or None and the error.

    However the parent ends, the system closes the other end of `lifeline`.
    """
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    threading.Thread(target=lambda: lifeline.poll(None) and os._exit(1), daemon=True).start()
    if prepare:
        prepare()
    with contextlib.suppress(EOFError, ConnectionError):  # the parent is gone, and so is this in a moment
        function = connection.recv()
        while True:
            item = connection.recv()
            try:
                connection.send((function(item), None))
            except Exception as error:  # a result that cannot be sent is one too: nothing of it has gone out then
                error.add_note(traceback.format_exc())  # of this process; the other one has its own
                connection.send((None, error))
