"""What one conversion is asked to do, and the checks that need no file opened."""

import dataclasses
import os
import re
from pathlib import Path

from progan_tf.errors import InputError

FITS = ("tile", "crop", "resize")
LABELS = ("none", "folders")


@dataclasses.dataclass(frozen=True)
class Job:
    """Images of the folder `input` to a dataset directory `output`; the place for every default.

    `fit` makes squares of `resolution` pixels: `tile` cuts all that fit side by side, `crop` the central one, `resize`
    shrinks the largest central square. `labels` is `none` or `folders` (the first sub-folder's name). `shards` 0 lets
    the amount of data decide, `max_tiles` 0 takes all tiles, `workers` 0 uses all cores. `max_bad_fraction` in [0, 1]
    is the share of unusable files up to which a conversion goes on.

    Raises:
        InputError: a value out of its range, or an input that is no folder.
    """

    input: str
    output: str
    resolution: int = 256
    fit: str = "tile"
    labels: str = "none"
    name: str = ""
    shards: int = 0
    seed: int = 0
    max_tiles: int = 0
    max_bad_fraction: float = 0.05
    workers: int = 0

    def __post_init__(self) -> None:
        if self.resolution not in (8, 16, 32, 64, 128, 256, 512, 1024):
            raise InputError(f"resolution {self.resolution} is no power of two from 8 to 1024; 256 is usual")
        if self.fit not in FITS:
            raise InputError(f"fit {self.fit!r} is unknown; choose {', '.join(FITS)}")
        if self.labels not in LABELS:
            raise InputError(f"labels {self.labels!r} is unknown; choose {', '.join(LABELS)}")
        if not 0 <= self.max_bad_fraction <= 1:
            raise InputError(f"max_bad_fraction {self.max_bad_fraction} is no fraction; choose one from 0 to 1")
        for field in ("shards", "seed", "max_tiles", "workers"):
            if getattr(self, field) < 0:
                raise InputError(f"{field} {getattr(self, field)} is negative; choose 0 or more")
        if not re.fullmatch(r"[\w.-]*", self.name, re.ASCII):
            raise InputError(f"name {self.name!r} becomes part of file names; use letters, digits, '.', '_' and '-'")
        if not Path(self.input).is_dir():
            found = "a file" if Path(self.input).exists() else "not there"
            raise InputError(f"input {self.input} is {found}; give a folder of images")

    @property
    def dataset_name(self) -> str:
        """`name`, or else the input folder's own, with what does not belong into file names replaced by `_`."""
        return self.name or re.sub(r"[^\w.-]+", "_", Path(self.input).resolve().name, flags=re.ASCII) or "images"

    @property
    def processes(self) -> int:
        """Number of worker processes: `workers`, or else the cores this process may use."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
