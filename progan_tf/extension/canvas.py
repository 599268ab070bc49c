"""A canvas that may be larger than the memory: pixels and where they come from, in files of a work folder.

A change is first written aside as a whole, then carried out, then counted. So a process that is killed at any moment
leaves a canvas that `open_canvas` brings to the end of its last whole change.
"""

import json
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from progan_tf.atomic import replacing
from progan_tf.errors import InputError
from progan_tf.extension.cells import REAL

_SETTINGS, _CHANGE, _PIXELS = "settings.json", "change.npz", "pixels.raw"
ROWS = 256  # handed out at once


class Canvas:
    """`pixels` [H, W, C] and `provenance` [H, W] uint8 (0 unknown, 1 real, more: generated), both mapped from files."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], dtype: str):
        self._folder = folder
        self.pixels = np.memmap(folder / _PIXELS, dtype, "r+", shape=shape)
        self.provenance = np.memmap(folder / "provenance.raw", np.uint8, "r+", shape=shape[:2])
        self._done = np.memmap(folder / "done.raw", np.int64, "r+", shape=(1,))

    @property
    def done(self) -> int:
        """How many changes were made."""
        return int(self._done[0])

    def place(self, top: int, left: int, pixels: np.ndarray, known: np.ndarray) -> None:
        """Puts real pixels [h, w, C] where they are known [h, w]."""
        height, width = known.shape
        here = (slice(top, top + height), slice(left, left + width))
        np.copyto(self.pixels[here], pixels, where=known[..., np.newaxis])
        self.provenance[here][known] = REAL
        self._release()

    def look(self, top: int, left: int, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Copies of the pixels [W, W, C] and provenance [W, W] of a window; zeros beyond the canvas."""
        here = (slice(top, top + window), slice(left, left + window))
        pixels = np.zeros((window, window, self.pixels.shape[-1]), self.pixels.dtype)
        provenance = np.zeros((window, window), np.uint8)
        height, width = self.provenance[here].shape
        pixels[:height, :width], provenance[:height, :width] = self.pixels[here], self.provenance[here]
        return pixels, provenance

    def change(self, corners: np.ndarray, pixels: np.ndarray, taken: np.ndarray, provenance: np.ndarray) -> None:
        """Makes one change, of N windows: it is seen whole or not at all, whatever happens meanwhile.

        Args:
            corners: first row and column of each window, int [N, 2].
            pixels: [N, W, W, C].
            taken: which of the pixels are put onto the canvas, bool [N, W, W].
            provenance: of those that were unknown, uint8 [N, W, W].
        """
        with replacing(self._folder / _CHANGE) as aside, aside.open("wb") as file:
            np.savez(file, number=self.done, corners=corners, pixels=pixels, taken=taken, provenance=provenance)
        self.finish_change()

    def finish_change(self) -> None:
        """Carries out the change that was written aside, where it has not been."""
        if not (self._folder / _CHANGE).exists():
            return
        with np.load(self._folder / _CHANGE) as file:
            number, corners, pixels, taken, provenance = (
                file[name] for name in ("number", "corners", "pixels", "taken", "provenance")
            )
        if number != self.done:
            return
        window = taken.shape[1]
        for (top, left), values, mask, origin in zip(corners, pixels, taken, provenance, strict=True):
            here = (slice(top, top + window), slice(left, left + window))
            height, width = self.provenance[here].shape
            inside = (slice(height), slice(width))
            np.copyto(self.pixels[here], values[inside], where=mask[inside][..., np.newaxis])
            unknown = mask[inside] & (self.provenance[here] == 0)
            np.copyto(self.provenance[here], origin[inside], where=unknown)
        self._done[0] = number + 1
        self._release()

    def strips(self, halo: int = 0) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Rows from top to bottom: number of the first, pixels [h, W, C], provenance [h, W], each `halo` rows more."""
        for top in range(0, len(self.pixels), ROWS):
            rows = slice(max(0, top - halo), top + ROWS + halo)
            yield top, np.array(self.pixels[rows]), np.array(self.provenance[rows])
            self._release()

    def _release(self) -> None:
        """Gives mapped memory back; what was written stays with the system."""
        for array in (self.pixels, self.provenance):
            array._mmap.madvise(mmap.MADV_DONTNEED)


def open_canvas(
    folder: Path, settings: dict[str, Any], shape: Sequence[int], dtype: str, fill: Callable[[Canvas], None]
) -> Canvas:
    """The canvas of a work folder, taken up where it was left; a new one, which `fill` puts the real pixels on.

    Args:
        settings: all that its pixels depend on, plain JSON.

    Raises:
        InputError: the folder was begun with other settings.
        OSError: the disk is full or cannot be written to; what was there stays.
    """
    shape, settings = tuple(shape), _settings(settings, shape, dtype)
    if (folder / _SETTINGS).exists():
        _check(folder, settings)
    if (folder / _SETTINGS).exists() and (folder / _PIXELS).exists():
        canvas = Canvas(folder, shape, dtype)
        canvas.finish_change()
        return canvas
    folder.mkdir(parents=True, exist_ok=True)
    pixels = int(np.prod(shape)) * np.dtype(dtype).itemsize
    for name, size in ((_PIXELS, pixels), ("provenance.raw", shape[0] * shape[1]), ("done.raw", 8)):
        with (folder / name).open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)  # a disk that is full says so now, and not by a signal
            except OSError:
                file.truncate(0)
                raise
    canvas = Canvas(folder, shape, dtype)
    fill(canvas)
    with replacing(folder / _SETTINGS) as partial:
        partial.write_text(json.dumps(settings))
    return canvas


def close(folder: Path) -> None:
    """Leaves of a canvas that was filled and written the settings alone, by which `is_closed` knows it."""
    for name in (_PIXELS, "provenance.raw", "done.raw", _CHANGE):
        (folder / name).unlink(missing_ok=True)


def is_closed(folder: Path, settings: dict[str, Any], shape: Sequence[int], dtype: str) -> bool:
    """Whether the canvas of these settings was closed. Raises InputError where the folder is of others."""
    if not (folder / _SETTINGS).exists():
        return False
    _check(folder, _settings(settings, shape, dtype))
    return not (folder / _PIXELS).exists()


def _settings(settings: dict[str, Any], shape: Sequence[int], dtype: str) -> dict[str, Any]:
    """As they are read back from JSON."""
    return json.loads(json.dumps(settings | {"shape": shape, "dtype": dtype}))


def _check(folder: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads((folder / _SETTINGS).read_text())
    except ValueError as error:
        raise InputError(f"{folder} is damaged; delete it to begin again") from error
    for name, value in settings.items():
        if before.get(name) != value:
            raise InputError(
                f"{folder} holds an unfinished canvas with {name} {before.get(name)}, now it is {value}; repeat that, "
                "delete the folder to begin again, or choose another output"
            )
