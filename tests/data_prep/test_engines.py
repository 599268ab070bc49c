"""Engines: whoever runs the work, the same results, the same bytes, the same errors."""

import errno
import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.conversion import convert
from data_prep.engines import beam, engine_of, local
from data_prep.job import Job
from data_prep.sources import inputs
from progan_tf.errors import Failed, InputError

PROJECT = Path(__file__).parents[2]
needs_beam = pytest.mark.skipif(importlib.util.find_spec("apache_beam") is None, reason="Apache Beam is not installed")
ENGINES = [local.run, pytest.param(beam.run, marks=needs_beam)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_gives_its_result_once(engine, workers):
    assert sorted(engine(math.factorial, range(20), workers)) == [math.factorial(n) for n in range(20)]
    assert list(engine(math.factorial, [], workers)) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("workers", [1, 2])
def test_wrong_input_in_a_worker_is_the_same_error_outside(engine, workers):
    with pytest.raises(InputError, match=r"^input /nowhere/at/all is not there; give a folder"):
        list(engine(inputs.check, [str(PROJECT), "/nowhere/at/all"], workers))


def test_a_worker_that_was_killed_is_one_line():
    with pytest.raises(Failed, match=r"^a worker process was killed, .* fewer --workers$"):
        list(local.run(os._exit, [1, 1, 1], 2))


def test_a_result_that_cannot_be_sent_is_an_error_of_its_own():
    with pytest.raises(TypeError, match="cannot pickle"):
        list(local.run(open, [os.devnull] * 3, 2))


def test_workers_are_left_in_the_middle_of_results():
    """Of 256 MB, which no pipe holds: each is being sent when the first one has been taken."""
    leave = "from data_prep.engines import local; run = local.run(bytes, [1 << 28] * 4, 2); next(run); run.close()"
    done = subprocess.run([sys.executable, "-c", leave], cwd=PROJECT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_disk_refuses_and_what_failed_is_the_same_error_outside(engine):
    with pytest.raises(OSError, match="No space left on device") as caught:
        list(engine(_raise, [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full")], 1))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/full")
    with pytest.raises(Failed, match=r"^half of it$"):
        list(engine(_raise, [Failed("half of it")], 1))


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("workers", [1, 2])
def test_every_local_process_prepares_before_it_works(workers):
    assert set(local.run(_events, range(4), workers, _note_preparation)) == {("prepared",)}
    _EVENTS.clear()


_EVENTS = []


def _note_preparation() -> None:
    _EVENTS.append("prepared")


def _events(item: int) -> tuple[str, ...]:
    return tuple(_EVENTS)


@needs_beam
def test_beam_leaves_nothing_behind_in_the_folder_for_what_is_temporary(tmp_path):
    folder = tmp_path / "temporary"
    arguments = f"--temp_location={folder}"
    assert sorted(beam.run(math.factorial, range(4), 1, arguments=arguments)) == [1, 1, 2, 6]
    with pytest.raises(InputError):
        list(beam.run(inputs.check, ["/nowhere"], 1, arguments=arguments))
    assert list(folder.iterdir()) == []


@needs_beam
def test_results_go_through_a_remote_folder(tmp_path):
    arguments = "--temp_location=ram://temporary/x"
    assert sorted(beam.run(math.factorial, range(4), 2, arguments=arguments)) == [1, 1, 2, 6]


@needs_beam
@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--no_such_option=1", "beam_args --no_such_option=1: Beam has no option --no_such_option"),
        ("--direct_num_workers=two", "--direct_num_workers: invalid int value: 'two'"),
        ("--direct_running_mode=fast", "invalid choice: 'fast'"),
        ("--runner=Nobody", "Unexpected pipeline runner: Nobody"),
        ("--runner=no.such.Runner", "No module named 'no'"),
        ("--runner='half", "No closing quotation"),
    ],
)
def test_wrong_options_of_beam_are_one_line(arguments, message):
    with pytest.raises(InputError, match=r"^beam_args ") as caught:
        list(beam.run(math.factorial, [1], 1, arguments=arguments))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_beam_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(InputError, match=r"engine beam needs Apache Beam; pip install 'progan-tf\[beam\]'"):
        list(beam.run(math.factorial, [1], 1))


@needs_beam
def test_a_job_names_its_engine():
    assert engine_of(Job("a", "b")) is local.run
    assert list(engine_of(Job("a", "b", engine="beam"))(math.factorial, [3], 1)) == [6]


# The same conversion

OPTIONS = {"resolution": 16, "labels": "folders", "shards": 3, "max_bad_fraction": 0.2}


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "places"
    rng = np.random.default_rng(0)
    for name, count in (("sea", 7), ("city", 5)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(folder / name / f"{i}.png")
    path = folder / "city/0.png"
    path.write_bytes(path.read_bytes()[:-2000])
    (folder / "sea/header.png").write_bytes(b"no image")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def by_local(images, tmp_path_factory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("local") / "out"
    convert(Job(str(images), str(output), workers=1, **OPTIONS))
    return contents(output)


@needs_beam
@pytest.mark.parametrize("arguments", ["", "--direct_running_mode=in_memory", "--runner=BundleBasedDirectRunner"])
def test_beam_writes_the_same_bytes(images, by_local, tmp_path, arguments):
    job = Job(str(images), str(tmp_path / "out"), workers=2, engine="beam", beam_args=arguments, **OPTIONS)
    report = convert(job)
    assert report.manifest.images("train") == 11 * 6
    assert report.manifest.source["rejected"] == 2
    assert contents(tmp_path / "out") == by_local
    assert len(by_local) > 9
    assert convert(job).was_complete


def command(**flags) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "data_prep.convert", *(f"--{name}={value}" for name, value in flags.items())]
    return subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)


@needs_beam
def test_the_command_runs_on_beam_and_says_nothing_odd(images, by_local, tmp_path):
    done = command(input=images, output=tmp_path / "out", engine="beam", workers=2, **OPTIONS)
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "out") == by_local


@needs_beam
def test_a_wrong_option_of_beam_is_exit_code_2_and_one_line(images, tmp_path):
    flags = {"input": images, "output": tmp_path / "out", "engine": "beam", "beam_args": "--runner=Nobody"}
    done = command(**flags, **OPTIONS)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "beam_args --runner=Nobody: Unexpected pipeline runner" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
