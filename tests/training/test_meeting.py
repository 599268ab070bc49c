"""Workers that wait for each other before TensorFlow does."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from progan_tf.errors import InputError, Stopped
from progan_tf.training import meeting
from progan_tf.training.cluster import Cluster
from tests.workers import free_port

# TensorFlow's server, which takes the port over, is a plain one here.
MEET = """
import socket, sys, time
from progan_tf.training import meeting
from progan_tf.training.cluster import Cluster
index, *addresses = sys.argv[1:]
meeting.meet(Cluster(tuple(addresses), tuple(addresses), int(index)), seconds=60)
print(time.time(), flush=True)
with socket.create_server(("", int(addresses[int(index)].rpartition(":")[2]))):
    sys.stdin.read()
"""


def test_all_go_on_once_the_last_has_come():
    addresses = [f"localhost:{free_port()}" for _ in range(3)]
    processes, started = [], 0.0
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    for index in (2, 0, 1):
        started = time.time()
        words = [sys.executable, "-c", MEET, str(index), *addresses]
        processes.append(subprocess.Popen(words, cwd=Path(__file__).parents[2], **pipes))
        time.sleep(1.5)
    assert min(float(process.stdout.readline()) for process in processes) > started
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_who_does_not_come_is_named():
    addresses = (f"localhost:{free_port()}", f"localhost:{free_port()}", f"localhost:{free_port()}")
    late = pytest.raises(Stopped, match=rf"^worker 2 \({addresses[2]}\) did not come within 1 seconds")
    with socket.create_server(("localhost", int(addresses[1].partition(":")[2]))), late:
        meeting.meet(Cluster(addresses, addresses, index=0), seconds=1)


def test_a_port_in_use_is_wrong_use():
    addresses = (f"localhost:{free_port()}", "localhost:1")
    refused = pytest.raises(InputError, match=rf"cannot listen at {addresses[0]} \(Address already in use\).*TF_CONFIG")
    with socket.create_server(("", int(addresses[0].partition(":")[2]))), refused:
        meeting.meet(Cluster(addresses, addresses, index=0), seconds=1)
