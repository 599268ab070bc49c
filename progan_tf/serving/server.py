"""A server process: it loads and watches models, answers requests, and ends on SIGTERM when all have their answer."""

import asyncio
import contextlib
import logging
import math
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from progan_tf.errors import InputError
from progan_tf.serving.api import PATHS, Api, target
from progan_tf.serving.batching import Batcher
from progan_tf.serving.connections import protocol
from progan_tf.serving.entrance import Entrance
from progan_tf.serving.limits import Limits
from progan_tf.serving.monitoring import Monitoring
from progan_tf.serving.repository import Repository
from progan_tf.serving.site import OPEN_PATHS, site

_log = logging.getLogger(__name__)


def serve(
    models: dict[str, Path],
    listening: socket.socket,
    limits: Limits,
    token: str | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves models until SIGTERM or SIGINT; then accepts no more, and returns when every request has its answer.

    Args:
        models: folders by the name they are served under; see `repository`.
        token: what clients must show, None where nothing is asked for.
        on_ready: is called once every model is loaded and warm.

    Raises:
        InputError: a folder holds no SavedModel, or a damaged one.
    """
    asyncio.run(_serve(Repository(models), listening, limits, token, on_ready))


async def _serve(
    repository: Repository,
    listening: socket.socket,
    limits: Limits,
    token: str | None,
    on_ready: Callable[[], None],
) -> None:
    monitoring = Monitoring.new()
    async with Batcher(limits, monitoring) as batcher:
        app = _by_path(Api(repository, batcher, limits), site(repository, monitoring))
        app = Entrance(app, monitoring, frozenset(repository.served), token, OPEN_PATHS)
        server = _Server(
            uvicorn.Config(
                app,
                http=protocol(limits.seconds),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=math.ceil(limits.seconds),
                timeout_graceful_shutdown=math.ceil(limits.seconds),
            )
        )
        answering = asyncio.create_task(server.serve(sockets=[listening]))
        watching = asyncio.create_task(_watch(repository, limits, on_ready))
        await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await answering
        if watching.done():
            watching.result()  # raises what ended it
        watching.cancel()


def _by_path(api: ASGIApp, rest: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (api if PATHS.fullmatch(target(scope)) else rest)(scope, receive, send)

    return app


async def _watch(repository: Repository, limits: Limits, on_ready: Callable[[], None]) -> None:
    await asyncio.to_thread(repository.look)
    for served in repository.served.values():
        if not served.available:
            errors = [state.error for state in served.states.values() if state.error]
            raise InputError(f"model {served.name}: {errors[0]}; export it again")
    on_ready()
    while True:
        await asyncio.sleep(limits.poll_seconds)
        try:
            await asyncio.to_thread(repository.look)
        except OSError as error:  # of a file system that is away for a while
            _log.error("cannot look for new versions: %s", error)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal once more at the end, so that a server told to stop would look killed."""
        loop, signals = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
