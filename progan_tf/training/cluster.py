"""The machines of a run on several, as the environment variable TF_CONFIG names them."""

import dataclasses
import json
import os
from typing import Any

import tensorflow as tf

from progan_tf.errors import InputError

VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
_JOBS = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run: where each of them listens, and which of them this process is. The first is the chief."""

    tasks: tuple[str, ...]  # such as /job:worker/task:0
    addresses: tuple[str, ...]  # host:port
    index: int

    @property
    def chief(self) -> bool:
        return self.index == 0

    def name(self, index: int) -> str:
        """A worker for people."""
        return f"worker {index} ({self.addresses[index]})"


ALONE = Cluster(tasks=("/job:worker/task:0",), addresses=("here",), index=0)


def of(strategy: tf.distribute.Strategy) -> Cluster:
    """The cluster that a strategy spans; all but `multi_worker` know one process."""
    return from_environment() if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) else ALONE


def from_environment() -> Cluster:
    """The cluster of TF_CONFIG. Raises InputError where it is missing, malformed or names other jobs than workers."""
    text = os.environ.get(VARIABLE, "")
    _require(text, "it is not set")
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise _wrong(f"it is no JSON ({error})") from error
    jobs, task = _field(fields, "cluster", dict), _field(fields, "task", dict)
    _require(
        set(jobs) <= set(_JOBS), f"its cluster has the jobs {', '.join(map(str, jobs))}; there are chief and worker"
    )
    tasks, addresses = [], []
    for job in _JOBS:
        for index, address in enumerate(_field(jobs, job, list) if job in jobs else []):
            _require(_is_address(address), f"its {job} {index} is {address!r}, which is not host:port")
            tasks.append(f"/job:{job}/task:{index}")
            addresses.append(address)
    _require(len(set(addresses)) == len(addresses), "two of its workers have one address")
    own = f"/job:{task.get('type')}/task:{task.get('index')}"
    _require(own in tasks, f"its task is {json.dumps(task)}, which is none of its cluster")
    return Cluster(tuple(tasks), tuple(addresses), tasks.index(own))


def _field(fields: Any, name: str, kind: type) -> Any:
    value = fields.get(name) if isinstance(fields, dict) else None
    _require(isinstance(value, kind), f"it has no {name} that is a {'mapping' if kind is dict else 'list'}")
    return value


def _is_address(address: Any) -> bool:
    host, colon, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host and colon) and port.isdecimal() and 0 < int(port) < 65536


def _require(condition: object, fault: str) -> None:
    if not condition:
        raise _wrong(fault)


def _wrong(fault: str) -> InputError:
    return InputError(
        f"{VARIABLE} does not say who trains together: {fault}; every worker needs one such as {_EXAMPLE}"
    )
