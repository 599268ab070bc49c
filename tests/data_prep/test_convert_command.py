"""The command as its users meet it: exit codes, one-line errors, and being killed half-way."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import command_line
from data_prep.conversion import convert
from data_prep.job import Job

PROJECT = Path(__file__).parents[2]
PATIENCE = 120  # seconds until a test gives up on a process, far more than it ever takes


def command(*arguments: str, **options) -> list[str]:
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "data_prep.convert", *arguments, *flags]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments, **options), cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(128):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), np.uint8)).save(folder / f"{i:03d}.png", compress_level=1)
    return folder


def test_done_is_exit_code_0_and_says_what_is_there(images, tmp_path):
    done = run(input=images, output=tmp_path / "out", name="noise", max_tiles=4, resolution=64, workers=1)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "4 images of 64 x 64 x 3 uint8, levels 4 to 64, 5 files" in done.stdout
    assert "128 files, 0 rejected, 0 with alpha dropped, 0 other files passed over" in done.stdout
    assert f"experiments.train --data_dir={tmp_path / 'out'}" in done.stdout


@pytest.mark.parametrize("workers", [1, 2])
def test_png_payloads_are_written_with_nothing_to_say(images, tmp_path, workers):
    options = {"resolution": 64, "max_tiles": 64, "shards": 2, "encoding": "png", "workers": workers}
    done = run(input=images, output=tmp_path / "out", **options)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_a_folder_is_converted_without_loading_tensorflow(images, tmp_path, encoding):
    """It takes seconds and half a gigabyte in every process, and writing records needs none of it."""
    code = (
        "import sys; from data_prep.job import Job; from data_prep.conversion import convert;"
        "convert(Job(sys.argv[1], sys.argv[2], resolution=64, max_tiles=8, encoding=sys.argv[3], workers=1));"
        "sys.exit(3 if 'tensorflow' in sys.modules else 0)"
    )
    arguments = [sys.executable, "-c", code, str(images), str(tmp_path / "out"), encoding]
    assert subprocess.run(arguments, cwd=PROJECT, check=False).returncode == 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "--input"),
        (
            {"input": "/nowhere/at/all"},
            "input /nowhere/at/all is not there; give a folder, a file, a pattern or tfds:NAME",
        ),
        ({"resolution": 100}, "resolution 100 is no power of two from 8 to 1024"),
        ({"resolution": "big"}, "--resolution"),
        ({"fit": "stretch"}, "--fit"),
        ({"percentiles": "2,x"}, "percentiles 2,x is no list of numbers"),
        ({"mask_exclude": "3.5"}, "mask_exclude 3.5 is no list of whole numbers; write them like 3,8,9"),
        ({"splits": "train=80"}, "splits train=80 is not written like train:80"),
        ({"splits": "test:1"}, "splits leave training empty"),
        ({"bands": "red"}, "bands is for raster input, this is folder"),
        ({"input": "photos/*.png"}, "input photos/*.png matches no file"),
        ({"no_such_flag": 1}, "no_such_flag"),
        ({"input": "EMPTY"}, "holds no file that a folder source reads"),
        ({"output": "FULL"}, "choose an empty or a new folder"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line(images, tmp_path, options, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    named = {"EMPTY": tmp_path / "empty", "FULL": tmp_path / "full"}
    if options:
        options = {"input": images, "output": tmp_path / "out"} | options
    wrong = run(**{name: named.get(value, value) for name, value in options.items()})
    assert wrong.returncode == 2
    assert message in wrong.stderr
    assert wrong.stderr.startswith("convert: ")
    assert wrong.stderr.count("\n") == 1
    assert wrong.stdout == ""
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_want_of_memory_is_exit_code_1_and_one_line(capsys, monkeypatch):
    def main() -> None:
        raise MemoryError

    monkeypatch.setattr(command_line.flags, "FLAGS", lambda arguments: arguments[:1])
    with pytest.raises(SystemExit) as left:
        command_line.run(main)
    assert left.value.code == 1
    assert "needs more memory than there is" in capsys.readouterr().err


def test_bad_files_past_the_limit_are_exit_code_2(images, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        (tmp_path / f"in/{i}.png").write_bytes((images / f"00{i}.png").read_bytes())
    (tmp_path / "in/bad.jpg").write_bytes(b"")
    wrong = run(input=tmp_path / "in", output=tmp_path / "out")
    assert wrong.returncode == 2
    assert "1 of 4 files cannot be used" in wrong.stderr
    assert "bad.jpg: empty, 0 bytes" in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_help_and_wrong_use_do_not_wait_for_tensorflow(images, tmp_path):
    shown = run("--help")
    assert shown.returncode == 0
    for field in dataclasses.fields(Job):
        assert f"--{field.name}\n" in shown.stdout
    program = (
        "import runpy, sys\n"
        "try:\n    runpy.run_module('data_prep.convert', run_name='__main__', alter_sys=True)\n"
        "finally:\n    assert 'data_prep.job' in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    for arguments in (["--help"], [f"--input={images}", f"--output={tmp_path}/o", "--resolution=7"], ["--nonsense=1"]):
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert ended.returncode in (0, 2)
        assert "AssertionError" not in ended.stderr


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds worker processes by /proc")
@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3])
def test_interrupted_while_workers_start_it_is_one_line(images, tmp_path, seconds):
    """Ctrl-C goes to the workers as well, which have not got so far as to leave it to their parent."""
    work = {"resolution": 8, "encoding": "png"}  # of many seconds, for a busy machine may send the signal late
    process = subprocess.Popen(
        command(input=images, output=tmp_path / "out", workers=2, **work),
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: len(children(process.pid)) >= 2)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 75
    assert complaint == "convert: interrupted; the same command takes the work up again\n"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds worker processes by /proc")
def test_stopped_killed_while_cutting_and_while_writing_then_finished_gives_the_same_bytes(images, tmp_path):
    output = tmp_path / "out"
    options = {"input": images, "output": output, "name": "noise", "resolution": 64, "shards": 64, "workers": 2}

    def cut() -> dict[Path, int]:
        stems = [path.stem for path in (output / ".convert").glob("part-*.json")]
        return {p: p.stat().st_mtime_ns for stem in stems for p in (output / ".convert").glob(f"{stem}.*")}

    def written() -> dict[Path, int]:
        notes = (output / ".convert").glob("shard-*.json")
        stems = [f"-{note.stem.removeprefix('shard-train-')}-of-" for note in notes]
        return {p: p.stat().st_mtime_ns for p in (output / "train").glob("*") if any(stem in p.name for stem in stems)}

    def interrupt(signum: int, progress: Callable[[], dict], files: int) -> tuple[int, str, list[int]]:
        """Starts the command, signals it when there are `files` more; returns exit code, stderr and its processes."""
        at_start = len(progress())
        process = subprocess.Popen(
            command(**options), cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: len(progress()) >= at_start + files or process.poll() is not None)
        workers = children(process.pid)
        process.send_signal(signum)
        _, stderr = process.communicate(timeout=PATIENCE)
        wait_until(lambda: not any(is_running(worker) for worker in workers))
        assert not (output / "dataset.json").exists()
        return process.returncode, stderr, workers

    code, _, workers = interrupt(signal.SIGKILL, cut, files=2)
    assert code == -signal.SIGKILL
    assert len(workers) >= 2  # so little is later written by the command itself, without any
    after_cutting = cut()
    assert 2 <= len(after_cutting) < 2 * 8  # 128 images of 16 tiles, 256 tiles a part
    assert not written()

    code, stderr, _ = interrupt(signal.SIGTERM, written, files=3 * 5)
    assert (code, stderr) == (75, "convert: interrupted; the same command takes the work up again\n")
    all_parts, after_stop = cut(), written()
    assert len(all_parts) == 2 * 8
    assert {path: all_parts[path] for path in after_cutting} == after_cutting

    code, _, _ = interrupt(signal.SIGKILL, written, files=3 * 5)
    assert code == -signal.SIGKILL
    after_kill = written()
    assert {path: after_kill[path] for path in after_stop} == after_stop
    assert cut() == all_parts

    job = Job(**{name: str(value) if isinstance(value, os.PathLike) else value for name, value in options.items()})
    report = convert(job)
    assert report.resumed_shards == len(after_kill) / 5
    assert {path: path.stat().st_mtime_ns for path in after_kill} == after_kill

    convert(dataclasses.replace(job, output=str(tmp_path / "undisturbed"), workers=1))
    for path in (tmp_path / "undisturbed").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (output / path.relative_to(tmp_path / "undisturbed")).read_bytes()
    names = [sorted(p.name for p in folder.rglob("*")) for folder in (output, tmp_path / "undisturbed")]
    assert names[0] == names[1]


def test_another_job_does_not_take_over_unfinished_work(images, tmp_path):
    process = subprocess.Popen(
        command(input=images, output=tmp_path / "out", shards=64, workers=1), cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    wait_until(lambda: list(tmp_path.glob("out/.convert/shard-*.json")))
    process.kill()
    process.wait()
    before = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    wrong = run(input=images, output=tmp_path / "out", shards=64, seed=1)
    assert wrong.returncode == 2
    assert "holds an unfinished conversion of other images or flags" in wrong.stderr
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == before
