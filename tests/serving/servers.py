"""The server as its users meet it: a process, and a socket."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
SECONDS = 3  # after which the shared server gives a request up


class Server:
    """A running `experiments.serve` on a port of its own; `log` is what it said on stderr."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path):
        self.process, self.port, self._log = process, port, log

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple:
        """Status, headers and body, read as JSON where it is; a body that is no bytes or text goes as JSON."""
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body)
        connection = self.connect()
        try:
            connection.request(verb, path, body.encode() if isinstance(body, str) else body, headers or {})
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        is_json = reply.headers.get("Content-Type") == "application/json" and content
        return reply.status, reply.headers, json.loads(content) if is_json else content

    def predict(self, model: str, **document: Any) -> Any:
        """The answer of a predict request that must succeed."""
        status, _, answer = self.ask("POST", f"/v1/models/{model}:predict", document)
        assert status == 200, answer
        return answer

    def figure(self, name: str, headers: dict[str, str] | None = None) -> float:
        """The sum of a figure of the server, over all labels."""
        page = self.ask("GET", "/metrics", headers=headers)[2].decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+-]+)$", page, re.MULTILINE))

    def wait_until(self, done: Any, seconds: float = 30) -> None:
        """Waits until `done()` is true."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "it did not happen in time"
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.05)


@contextlib.contextmanager
def running(folder: Path, models: dict[str, Path], ready: bool = True, **options: Any) -> Iterator[Server]:
    """A server of models, by name, with its log in `folder`; killed at the end where it still runs."""
    flags = [f"--model={name}={path}" for name, path in models.items()]
    flags += [f"--{name}={value}" for name, value in {"port": 0, **options}.items()]
    log = folder / "server.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.serve", *flags],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        loading = process.stdout.readline()
        assert loading.startswith("loading "), log.read_text()
        port = int(loading.split(" on ")[1].split(":")[-1].strip("/\n"))
        if ready:
            assert process.stdout.readline().startswith("serving "), log.read_text()
        yield Server(process, port, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        process.stdout.close()
