"""Drives a peer of a benchmark in a process of its own, for it may live in another Python than TensorFlow."""

import contextlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from progan_tf.config import NetworkConfig


def has(python: str, module: str) -> bool:
    """Whether the Python of this path exists and can import the module."""
    try:
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Peer:
    """A script that answers a line of JSON with another. Use as a context manager and call `ask`.

    Args:
        script: its name in this folder; it says what it can be asked.
        first: the first request.
    """

    def __init__(self, python: str, script: str, **first: Any):
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name(script))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        self.ask(**first)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer. Raises RuntimeError, with its last words, where the peer ended."""
        with contextlib.suppress(BrokenPipeError):  # there will be no answer then
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            code = self._process.wait()
            self._said.seek(0)
            words = self._said.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"the peer ended at {request} with code {code}: {words[-1] if words else 'no word'}")
        return json.loads(answer)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._said.close()


def torch_progan(python: str, network: NetworkConfig, level: int, batch: int) -> Peer:
    """The PyTorch peer of training, see torch_progan.py, at `level` of a network."""
    widths = [network.width(stage) for stage in range(level)]
    sizes = {"latent_size": network.latent_size, "channels": network.channels, "group": network.stddev_group}
    return Peer(python, "torch_progan.py", network={"widths": widths, **sizes}, batch=batch)
