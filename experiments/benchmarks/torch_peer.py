"""Drives the PyTorch peer in a process of its own, for PyTorch may live in another Python than TensorFlow."""

import json
import subprocess
from pathlib import Path
from typing import Any

from progan_tf.config import NetworkConfig

_SCRIPT = Path(__file__).with_name("torch_progan.py")


def has_torch(python: str) -> bool:
    """Whether the Python of this path exists and can import PyTorch."""
    try:
        return subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class TorchPeer:
    """The peer's process, at `level` of a network. Use as a context manager and call `ask`, see torch_progan.py."""

    def __init__(self, python: str, network: NetworkConfig, level: int, batch: int):
        self._process = subprocess.Popen(
            [python, str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        widths = [network.width(stage) for stage in range(level)]
        sizes = {"latent_size": network.latent_size, "channels": network.channels, "group": network.stddev_group}
        self.ask(network={"widths": widths, **sizes}, batch=batch)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the PyTorch peer ended at {request}; what it said is above")
        return json.loads(answer)

    def __enter__(self) -> "TorchPeer":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
