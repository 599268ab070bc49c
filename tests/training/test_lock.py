"""One process a folder, until it ends."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from progan_tf.errors import InputError
from progan_tf.training import lock

HOLDER = "import sys, time, pathlib\nfrom progan_tf.training import lock\nwith lock.held(pathlib.Path(sys.argv[1])):\n"
HOLDER += "    print('held', flush=True)\n    time.sleep(60)\n"


def test_a_folder_in_use_is_refused_and_free_again_once_its_process_is_killed(tmp_path):
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        for _ in range(2):
            with (
                pytest.raises(InputError, match=f"in use by process {holder.pid} on .*another --run_dir"),
                lock.held(tmp_path),
            ):
                raise AssertionError("held twice")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock.held(tmp_path):
        assert (tmp_path / lock.FILENAME).read_text().startswith(f"process {os.getpid()} on ")


def test_a_folder_is_free_once_its_holder_is_done(tmp_path):
    for _ in range(2):
        with lock.held(tmp_path):
            pass


def test_a_file_system_without_locks_is_used_with_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock.held(tmp_path):
        assert "cannot be locked (No locks available)" in caplog.text
