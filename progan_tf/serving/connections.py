"""Where clients connect: a listening socket, and HTTP connections that cannot be held open by saying nothing."""

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

from progan_tf.errors import InputError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises InputError where there is none to be had."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, number)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port} ({error.strerror}); give another --host or --port"
        ) from error
    return listening


def protocol(seconds: float) -> type[H11Protocol]:
    """uvicorn's protocol, but a connection on which no request is whole within `seconds` is closed.

    uvicorn itself gives up on idle connections between requests, not on one whose first request never ends.
    """

    class Connection(H11Protocol):
        _overdue: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._expect_request()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._answering():
                self._overdue.cancel()

        def eof_received(self) -> bool:
            """Whether to stay open for a client that will send no more: as long as it waits for an answer."""
            return self._answering() and not self.cycle.more_body

        def on_response_complete(self) -> None:
            self._expect_request()
            super().on_response_complete()
            if self._answering():  # the next request had come already
                self._overdue.cancel()

        def connection_lost(self, error: Exception | None) -> None:
            self._overdue.cancel()
            super().connection_lost(error)

        def _expect_request(self) -> None:
            self._overdue = self.loop.call_later(seconds, self._hang_up)

        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _hang_up(self) -> None:
            if not self._answering():
                self.transport.close()

    return Connection
