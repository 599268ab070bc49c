"""Where known pixels meet others, and the places that look alike to whoever knows nothing of a join.

Imagery that was ever a JPEG steps more at every eighth or sixteenth pixel. Tiles meet at such places, so steps across
a join are compared with those at places of the same phase, a multiple of 16 pixels away; with steps anywhere else, real
imagery would seem to have seams.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

PHASE = 16  # of the blocks of a JPEG with halved colours
_OFFSETS = (16, 32, 48)
_SHORTEST = 8


@dataclasses.dataclass(frozen=True)
class Join:
    """A straight piece of the border between known and unknown pixels, from `start` to `stop` along itself.

    An `upright` one runs down between columns `place` - 1 and `place`, another one across between two rows.
    """

    upright: bool
    place: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Pixels along the join."""
        return self.stop - self.start

    def lines(self, image: np.ndarray) -> np.ndarray:
        """The lines of an image [H, W, ...] that cross the join, turned so that it is upright: [length, ., ...]."""
        return (image if self.upright else image.swapaxes(0, 1))[self.start : self.stop]


def joins(known: np.ndarray) -> Iterator[Join]:
    """Yields the joins of 8 pixels or more of a mask [H, W], true where a pixel is known."""
    for upright in (True, False):
        turned = np.asarray(known, np.int8) if upright else np.asarray(known, np.int8).T
        changes = np.diff(turned, axis=1)
        for column in np.flatnonzero(changes.any(axis=0)):
            signs = changes[:, column]
            ends = np.flatnonzero(np.diff(signs)) + 1
            for start, stop in zip([0, *ends], [*ends, len(signs)], strict=True):
                if signs[start] and stop - start >= _SHORTEST:
                    yield Join(upright, int(column) + 1, int(start), int(stop))


def like_places(join: Join, known: np.ndarray, margin: int = 1) -> list[int]:
    """Places on the lines of a join where nothing is joined, of its phase: 16, 32 or 48 pixels to either side.

    Distances that fit on both sides count, where none does those that fit on one: what is generated may be smoother
    than what is known. None fits in too small an image.

    Args:
        margin: pixels that must lie on either side of a place.
    """
    lines = join.lines(np.asarray(known, bool))
    size = lines.shape[1]
    offsets = [offset for distance in _OFFSETS for offset in (-distance, distance)]
    fitting = [
        offset
        for offset in offsets
        if margin <= join.place + offset <= size - margin
        and (lines[:, join.place + offset - 1] == lines[:, join.place + offset]).all()
    ]
    paired = [offset for offset in fitting if -offset in fitting]
    return [join.place + offset for offset in paired or fitting]
