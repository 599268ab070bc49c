"""Arrays in one file that is there whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays under their names as npz; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    temporary.replace(path)
