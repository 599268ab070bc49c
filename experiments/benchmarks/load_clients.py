"""Many clients of a server at once, each with a connection of its own: how long answers take, and whether they come."""

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable

Body = Callable[[int], bytes]  # of request number n


@dataclasses.dataclass(frozen=True)
class Answer:
    """One request: when it was due, seconds from then to the end of its answer, and its status, 0 where none came."""

    due: float
    seconds: float
    status: int


def at_full_speed(port: int, path: str, body: Body, clients: int, seconds: float) -> list[Answer]:
    """Every client asks again as soon as it has its answer."""
    end = time.perf_counter() + seconds

    async def client(connection: "_Connection", first: int) -> list[Answer]:
        answers, number = [], first
        while (due := time.perf_counter()) < end:
            answers.append(await connection.ask(body(number), due))
            number += clients
        return answers

    return asyncio.run(_all(client, port, path, clients))


def paced(port: int, path: str, body: Body, clients: int, seconds: float, rate: float) -> list[Answer]:
    """All clients together ask `rate` times a second, each in a steady pace that begins at random.

    Seconds count from when a request was due: whoever is held up is late for the next one too.
    """
    begin, pace, rng = time.perf_counter(), clients / rate, random.Random(0)
    phases = [rng.random() * pace for _ in range(clients)]

    async def client(connection: "_Connection", first: int) -> list[Answer]:
        answers, due, number = [], begin + phases[first], first
        while due < begin + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            answers.append(await connection.ask(body(number), due))
            due, number = due + pace, number + clients
        return answers

    return asyncio.run(_all(client, port, path, clients))


class _Connection:
    """A connection that is made anew where it broke."""

    def __init__(self, port: int, path: str):
        self._port, self._head = port, f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes, due: float) -> Answer:
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            status = int(head[9:12])
        except (OSError, asyncio.IncompleteReadError):
            self._streams, status = None, 0
        return Answer(due, time.perf_counter() - due, status)

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()


async def _all(client: Callable, port: int, path: str, clients: int) -> list[Answer]:
    connections = [_Connection(port, path) for _ in range(clients)]
    try:
        lists = await asyncio.gather(*(client(one, number) for number, one in enumerate(connections)))
    finally:
        for connection in connections:
            connection.close()
    return [answer for answers in lists for answer in answers]
