"""Several worker processes on this machine, as TF_CONFIG makes them of commands."""

import json
import os
import random
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path


def start(command: Sequence[str], workers: int = 2, **options) -> list[subprocess.Popen]:
    """One process a worker, all running the command, which talk to each other over loopback."""
    addresses = [f"127.0.0.1:{_free_port()}" for _ in range(workers)]
    processes = []
    for index in range(workers):
        fields = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(fields)}
        processes.append(
            subprocess.Popen(
                command,
                cwd=Path(__file__).parents[1],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                **options,
            )
        )
    return processes


def _free_port() -> int:
    """Below those that the system gives to outgoing connections, one of which might take it before the worker does."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
