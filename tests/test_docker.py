"""What can be known of the images' recipes without building them: that what they take and call is there."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SERVER = (PROJECT / "docker" / "Dockerfile").read_text()


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
