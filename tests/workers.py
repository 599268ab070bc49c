"""Several workers on this machine, made of commands by TF_CONFIG."""

import json
import os
import random
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path


def start(*commands: Sequence[str]) -> list[subprocess.Popen]:
    """One process a command, each a worker of one cluster that talks over loopback."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in commands]
    processes = []
    for index, command in enumerate(commands):
        fields = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(fields)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # From the root, so that it computes with this project and not with another that may be installed.
        processes.append(subprocess.Popen(command, cwd=Path(__file__).parents[1], env=environment, **pipes))
    return processes


def free_port() -> int:
    """Below those that the system gives to outgoing connections, one of which might take it before the worker does."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
