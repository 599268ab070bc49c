"""What a source of images is: the one interface between input files and the conversion."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np


class UnusableFile(Exception):
    """An input file that cannot be used; the message is the reason, without the file's name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What one input file offers, told from its header: `windows` square images, or why it is `rejected`."""

    file: str
    windows: int = 0
    colour: bool = False
    alpha: bool = False
    label: str | None = None
    rejected: str | None = None


@dataclasses.dataclass(frozen=True)
class Listing:
    """The input files with their sizes in bytes, in a fixed order, and how many others were passed over."""

    files: tuple[tuple[str, int], ...]
    ignored: int


class Source(Protocol):
    """Where images come from. Sources are small picklable values; every worker process has its own copy."""

    def listing(self) -> Listing:
        """Names the input files, opening none. Raises InputError where they cannot be listed."""

    def survey(self, file: str) -> Survey:
        """Tells what `file` offers without decoding its pixels. Never raises for a bad file."""

    def read(self, file: str, windows: Sequence[int], channels: int) -> list[tuple[str, np.ndarray]]:
        """Key and pixels [R, R, channels] of some windows of `file`, each counted from 0, decoding the file once.

        Raises UnusableFile where the file turns out to be bad.
        """
