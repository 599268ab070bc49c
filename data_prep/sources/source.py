"""What a source of images is: it lists its files, tells what each offers, and yields tiles."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from progan_tf.data.scaling import Scaling

DTYPES = ("uint8", "uint16", "int16", "float32")  # of pixels that are read
NO_MEMORY = "needs more memory than there is"


class UnusableFile(Exception):
    """An input file that cannot be used; the message is the reason, without the file's name."""


@dataclasses.dataclass(frozen=True)
class Listing:
    """The input files with their sizes in bytes, in a fixed order, and how many others were passed over.

    `beside` are digests of further files that decide what the tiles are, such as masks.
    """

    files: tuple[tuple[str, int], ...]
    ignored: int = 0
    beside: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What one input file offers, told from its header, or why it is `rejected`.

    It is read in `parts`, each a fair piece of work, of `tiles` square images at most altogether, with `bands` of
    `dtype`; it has about `pixels` before anything is cut. `alpha` says that transparency will be dropped. It counts as
    `images` files, since it may have many that are rejected one by one.
    """

    file: str
    parts: int = 1
    tiles: int = 1
    bands: tuple[str, ...] = ()
    dtype: str = "uint8"
    pixels: int = 0
    alpha: bool = False
    rejected: str | None = None
    images: int = 1


@dataclasses.dataclass(frozen=True)
class Form:
    """What all tiles of a dataset have in common: names of the bands, those to show, and the input's number type.

    `scaling` says how the input's values were made of physical ones, where it says so itself; `ready` that they are
    pixels of a dataset, which made them of other values or meant them so.
    """

    bands: tuple[str, ...]
    display_bands: tuple[int, ...]
    dtype: str
    scaling: Scaling | None = None
    ready: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """One square image of an input file, pixels [R, R, C] as they are there, and where it lies.

    `valid` [R, R] marks the pixels that hold data, None: all do. Tiles of one `scene` at neighbouring `row` and
    `column` are neighbours on the ground. `bounds` are left, bottom, right, top in the units of `crs`, None where
    nobody knows them. `split` is the one it is in already, None: its place decides.
    """

    key: str
    pixels: np.ndarray
    scene: str
    row: int = 0
    column: int = 0
    label: str | None = None
    valid: np.ndarray | None = None
    bounds: tuple[float, float, float, float] | None = None
    crs: str | None = None
    split: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected:
    """An image in a file of many that cannot be used, and why; the others can."""

    key: str
    reason: str


class Source(Protocol):
    """Where images come from. Sources are small picklable values; every worker process has its own copy."""

    kind: str

    def listing(self) -> Listing:
        """Names the input files, opening none. Raises InputError where they cannot be listed."""

    def survey(self, file: str) -> Survey:
        """Tells what `file` offers without decoding its pixels. Never raises for a bad file."""

    def agree(self, surveys: Sequence[Survey]) -> Form:
        """The form of the tiles of all these usable files. Raises InputError where they do not go together."""

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile | Rejected]:
        """The tiles of one part of `file`, row by row. Raises UnusableFile where the file turns out to be bad."""

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        """Values [n, C] that hold data, of one pixel in `every` x `every` all over `file`, to measure ranges by.

        Raises UnusableFile where the file turns out to be bad.
        """
