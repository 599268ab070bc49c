"""Disks so small that they are soon full."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def mount(*arguments: str) -> None:
    """Runs mount; skips the test where that is not allowed."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def small(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of a few MB at `folder`, which is made."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs Linux and root")
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Takes all room of a disk but for `leave` bytes, by a file that is returned."""
    space, filler = os.statvfs(folder), folder / "filler"
    filler.write_bytes(bytes(space.f_bavail * space.f_frsize - leave))
    return filler
