"""Where a tile lies: in which scene, on the ground, and next to which others."""

import dataclasses

# Rows and columns from a tile to the eight around it, in the order of `Place.neighbours`.
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclasses.dataclass(frozen=True)
class Place:
    """`row` and `column` of a `scene`, and `bounds` (left, bottom, right, top) in the units of `crs` where known.

    `neighbours` are the keys of the tiles around it, as NEIGHBOURS counts them, "" where the dataset has none.
    """

    scene: str
    row: int
    column: int
    bounds: tuple[float, float, float, float] | None = None
    crs: str | None = None
    neighbours: tuple[str, ...] = ("",) * len(NEIGHBOURS)
