"""The Slurm and Kubernetes scripts of docs/TRAINING.md, as far as they run without a cluster."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from progan_tf.training import cluster

PAGE = (Path(__file__).parents[1] / "docs" / "TRAINING.md").read_text()
SLURM = re.search(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", PAGE, re.DOTALL)[1]
SERVICE, JOB = yaml.safe_load_all(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    """Programs of a cluster: scontrol knows three nodes, srun runs a task on each and returns the highest code."""

    def write(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    write("progan-train", f'echo "$TF_CONFIG" >> {tmp_path}/configs; exit $CODE')
    nodes = '[ "$3" = "node[1-3]" ] && printf "%s\\n" node1 node2 node3'
    write("scontrol", f'if [ "$1" = show ]; then {nodes}; else echo "$@" >> {tmp_path}/control; fi')
    task = 'SLURM_PROCID=$i "$@"; code=$?; [ $code -gt $high ] && high=$code'
    write("srun", f"shift; high=0; for i in 0 1 2; do {task}; done; exit $high")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "node[1-3]")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    return tmp_path


def configs(folder: Path) -> list[str]:
    return (folder / "configs").read_text().splitlines()


@pytest.mark.parametrize(
    ("code", "restarts", "requeued"),
    [(0, 0, False), (1, 0, False), (2, 0, False), (75, 0, True), (137, 3, True), (75, 100, False)],
)
def test_slurm_names_every_worker_and_starts_again_what_can_go_on(stand_ins, monkeypatch, code, restarts, requeued):
    monkeypatch.setenv("CODE", str(code))
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    finished = subprocess.run(["bash", "-c", SLURM], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (code, "")
    for index, text in enumerate(configs(stand_ins)):
        monkeypatch.setenv("TF_CONFIG", text)
        found = cluster.from_environment()
        assert (found.index, found.addresses) == (index, ("node1:2222", "node2:2222", "node3:2222"))
    assert len(configs(stand_ins)) == 3
    asked = (stand_ins / "control").read_text() if (stand_ins / "control").exists() else ""
    assert asked == ("requeue 17\n" if requeued else "")


def test_kubernetes_names_every_worker(stand_ins, monkeypatch):
    [container] = JOB["spec"]["template"]["spec"]["containers"]
    monkeypatch.setenv("CODE", "75")
    for index in range(JOB["spec"]["completions"]):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
        finished = subprocess.run(
            [*container["command"], *container["args"]], capture_output=True, text=True, check=False
        )
        assert (finished.returncode, finished.stderr) == (75, "")
        monkeypatch.setenv("TF_CONFIG", configs(stand_ins)[-1])
        found = cluster.from_environment()
        # A pod of an Indexed Job is called job-index, and has the service's name as its domain.
        name = f"{JOB['metadata']['name']}-%d.{SERVICE['metadata']['name']}:2222"
        assert (found.index, found.addresses) == (index, tuple(name % i for i in range(JOB["spec"]["completions"])))


def test_kubernetes_keeps_what_can_go_on_apart_from_what_failed():
    spec, template = JOB["spec"], JOB["spec"]["template"]["spec"]
    assert spec["completions"] == spec["parallelism"] and spec["completionMode"] == "Indexed"
    assert template["restartPolicy"] == "Never"  # or podFailurePolicy would not be allowed
    assert SERVICE["spec"]["clusterIP"] == "None" and template["subdomain"] == SERVICE["metadata"]["name"]
    assert SERVICE["spec"]["selector"] == {"job-name": JOB["metadata"]["name"]}
    codes = {rule["action"]: rule["onExitCodes"] for rule in spec["podFailurePolicy"]["rules"] if "onExitCodes" in rule}
    assert {action: rule["values"] for action, rule in codes.items()} == {"FailJob": [1, 2], "Ignore": [75]}
    assert {rule["containerName"] for rule in codes.values()} == {template["containers"][0]["name"]}
    json.dumps(JOB)  # plain values throughout
