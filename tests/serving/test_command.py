"""`experiments.serve` used wrongly: one line that says what to do, exit code 2, and nothing is served."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from progan_tf.errors import InputError
from progan_tf.serving import connections, server
from progan_tf.serving.limits import Limits
from tests.serving import models

PROJECT = Path(__file__).parents[2]


def serve(*flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments.serve", *flags]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    models.half_plus(folder / "half" / "1", 2)
    shutil.copytree(folder / "half", folder / "broken")
    shutil.rmtree(folder / "broken" / "1" / "variables")
    (folder / "broken" / "1" / "saved_model.pb").write_bytes(b"\x0a\x05never")
    (folder / "nothing").mkdir()
    (folder / "empty_token").write_text("\n")
    (folder / "two_tokens").write_text("a b\n")
    return folder


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "--model"),
        (["--model=FOLDER/nowhere"], "no model at FOLDER/nowhere; give a folder that experiments.export made"),
        (["--model=a=FOLDER/nothing"], "FOLDER/nothing holds no SavedModel"),
        (["--model=FOLDER/half", "--model=half=FOLDER/half/1"], "there are two models of the name half"),
        (["--model==FOLDER/half"], "has no name; give --model=NAME="),
        (["--model=FOLDER/half", "--port=70000"], "--port"),
        (["--model=FOLDER/half", "--port=TAKEN"], "port TAKEN (Address already in use); give another --host or --port"),
        (["--model=FOLDER/half", "--host=no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--model=FOLDER/half", "--token_file=FOLDER/missing"], "--token_file=FOLDER/missing cannot be read"),
        (["--model=FOLDER/half", "--token_file=FOLDER/empty_token"], "holds no token"),
        (["--model=FOLDER/half", "--token_file=FOLDER/two_tokens"], "it must be one word"),
        (["--model=FOLDER/half", "--max_batch=0"], "--max_batch"),
    ],
)
def test_wrong_use_is_one_line_and_answers_at_once(folder, flags, message):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = {"FOLDER": str(folder), "TAKEN": str(taken.getsockname()[1])}
        for word, meant in words.items():
            flags, message = [flag.replace(word, meant) for flag in flags], message.replace(word, meant)
        started = time.monotonic()
        done = serve(*flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert time.monotonic() - started < 5, "TensorFlow was imported for it"


def test_a_damaged_model_is_wrong_input(folder):
    served = {"half": folder / "half", "broken": folder / "broken"}
    with pytest.raises(InputError, match=r"^model broken: .*/broken/1 cannot be loaded: .*; export it again$"):
        server.serve(served, connections.listen("127.0.0.1", 0), Limits())


def test_help_answers_at_once():
    started = time.monotonic()
    done = serve("--help")
    assert done.returncode == 0 and "--token_file" in done.stdout
    assert time.monotonic() - started < 5, "TensorFlow was imported for --help"
