"""Waiting for the other workers of a run, with an end to it: TensorFlow's own has none, and is deaf to signals."""

import os
import socket
import time

from progan_tf.errors import InputError, Stopped
from progan_tf.training.cluster import VARIABLE, Cluster

_SECONDS = 600.0
_SECONDS_BETWEEN_CALLS = 0.5


def meet(cluster: Cluster, seconds: float = _SECONDS) -> None:
    """Returns once every other worker has been reached where it listens; until then this one listens too.

    Each is reached once, here or in TensorFlow's server, which takes over a port as soon as its worker has met all.

    Raises:
        InputError: the port of this worker is in use.
        Stopped: others have not come in time.
    """
    missing = [index for index in range(len(cluster.addresses)) if index != cluster.index]
    deadline = time.monotonic() + seconds
    with _listener(cluster):
        while missing:
            missing = [index for index in missing if not _reached(cluster.addresses[index])]
            if missing and time.monotonic() > deadline:
                names = " and ".join(map(cluster.name, missing))
                raise Stopped(f"{names} did not come within {seconds:.0f} seconds; start all workers again")
            time.sleep(_SECONDS_BETWEEN_CALLS if missing else 0)


def _listener(cluster: Cluster) -> socket.socket:
    address = cluster.addresses[cluster.index]
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", _port(address)), family=family, backlog=1024, dualstack_ipv6=both)
    except OSError as error:
        raise InputError(
            f"cannot listen at {address} ({os.strerror(error.errno)}); name a free port of this machine in {VARIABLE}"
        ) from error


def _reached(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        socket.create_connection((host, _port(address)), timeout=_SECONDS_BETWEEN_CALLS).close()
        return True
    except OSError:
        return False


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
