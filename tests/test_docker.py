"""What can be known of the images' recipes without building them: that what they take and call goes together."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
TOLD_IN = ("docker/Dockerfile", "docker/Dockerfile.tfserving", "docs/SERVING.md")
SERVER, TF_SERVING, _ = ((PROJECT / file).read_text() for file in TOLD_IN)


def test_all_that_is_copied_is_there_and_let_through():
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", SERVER, re.MULTILINE) for name in line.split()]
    assert {"progan_tf", "data_prep", "experiments", "setup.cfg"} <= set(copied)
    let_through = {
        line[1:] for line in (PROJECT / "docker" / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"
    }
    assert let_through == set(copied)
    assert all((PROJECT / name).exists() for name in copied)


def test_the_server_takes_the_flags_it_is_started_with(tmp_path):
    command, *flags = json.loads(re.search(r"^ENTRYPOINT (.+)$", SERVER, re.MULTILINE)[1])
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    commands = dict(line.split(" = ") for line in setup["options.entry_points"]["console_scripts"].strip().splitlines())
    module = commands[command].partition(":")[0]
    assert setup["options.extras_require"]["serve"].strip()
    done = subprocess.run(
        [sys.executable, "-m", module, *flags, f"--model=fields={tmp_path}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and "holds no SavedModel" in done.stderr


def test_tensorflow_serving_looks_where_the_model_is_copied():
    """Its image serves /models/MODEL_NAME unless told otherwise, and takes a folder of numbered versions."""
    kinds = re.findall(r"^([A-Z]+) (.+)$", TF_SERVING, re.MULTILINE)
    assert [kind for kind, _ in kinds] == ["FROM", "ARG", "ENV", "COPY"]
    image, argument, name, copied = (said for _, said in kinds)
    assert image.startswith("tensorflow/serving:")
    assert copied == f"${{{argument}}} /models/{name.removeprefix('MODEL_NAME=')}"
    assert not (PROJECT / ".dockerignore").exists()  # which could keep the model out


@pytest.mark.parametrize("file", TOLD_IN)
def test_commands_build_what_is_there_and_publish_to_this_machine_alone(file):
    lines = (PROJECT / file).read_text().splitlines()
    builds = [line for line in lines if "docker build" in line]
    runs = [line for line in lines if "docker run" in line]
    assert len(builds) == len(runs) > 0
    for build, run in zip(builds, runs, strict=True):
        recipe = (PROJECT / re.search(r"-f (\S+)", build)[1]).read_text()
        arguments = set(re.findall(r"--build-arg (\w+)=", build))
        assert arguments == set(re.findall(r"^ARG (\w+)$", recipe, re.MULTILINE))
        assert re.findall(r"-p (\S+)", run) == ["127.0.0.1:8501:8501"]
        assert re.search(r"-t (\S+)", build)[1] in run.split()
