"""Drives generation_peer.py, one contestant of experiments.benchmarks.generation in a process of its own."""

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("generation_peer.py")


def has(python: str, module: str) -> bool:
    """Whether the Python of this path exists and can import the module."""
    try:
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Peer:
    """A contestant, started. Use as a context manager and call `ask`, see generation_peer.py."""

    def __init__(self, python: str, start: dict[str, Any]):
        self._process = subprocess.Popen(
            [python, str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what runtimes say of hardware that is not there
            text=True,
        )
        self.ask(start=start)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer. Raises RuntimeError where the contestant has ended."""
        with contextlib.suppress(BrokenPipeError):  # there will be no answer then
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the contestant ended at {request}, with code {self._process.wait()}")
        return json.loads(answer)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
