"""TF_CONFIG: what it says, and what is wrong with it in words."""

import json

import pytest

from progan_tf.errors import InputError
from progan_tf.training import cluster

TWO = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def test_the_first_worker_is_the_chief(monkeypatch):
    for index in range(2):
        monkeypatch.setenv("TF_CONFIG", json.dumps({**TWO, "task": {"type": "worker", "index": index}}))
        found = cluster.from_environment()
        assert (found.index, found.chief, found.addresses) == (index, index == 0, ("a:1", "b:2"))
        assert found.tasks == ("/job:worker/task:0", "/job:worker/task:1")


def test_a_chief_of_its_own_job_comes_first(monkeypatch):
    fields = {"cluster": {"worker": ["a:1", "b:2"], "chief": ["c:3"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(fields))
    found = cluster.from_environment()
    assert found.tasks == ("/job:chief/task:0", "/job:worker/task:0", "/job:worker/task:1")
    assert (found.index, found.chief, found.name(0)) == (1, False, "worker 0 (c:3)")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it is not set"),
        ("{", "it is no JSON"),
        ("7", "it has no cluster that is a mapping"),
        ({**TWO, "cluster": {"worker": "a:1"}}, "it has no worker that is a list"),
        ({**TWO, "cluster": {"ps": ["a:1"], "worker": ["b:2"]}}, "its cluster has the jobs ps, worker"),
        ({**TWO, "cluster": {"worker": ["a:1", "b"]}}, "its worker 1 is 'b', which is not host:port"),
        ({**TWO, "cluster": {"worker": ["a:1", "b:70000"]}}, "its worker 1 is 'b:70000'"),
        ({**TWO, "cluster": {"worker": ["a:1", "a:1"]}}, "two of its workers have one address"),
        ({**TWO, "task": {"type": "worker", "index": 2}}, "which is none of its cluster"),
        ({**TWO, "task": {"type": "evaluator", "index": 0}}, "which is none of its cluster"),
        ({"cluster": TWO["cluster"]}, "it has no task"),
    ],
)
def test_what_is_wrong_is_named(monkeypatch, text, fault):
    monkeypatch.setenv("TF_CONFIG", text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(InputError, match=f"TF_CONFIG .*{fault}"):
        cluster.from_environment()
