"""Where an image lies among others, told from its file name."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Any

from data_prep.job import Job
from data_prep.sources.source import Survey, UnusableFile
from progan_tf.errors import InputError

_FIELD = re.compile(r"\{(\w+)\}")
_WORLD = 20037508.342789244  # half the equator in metres of the web's map projection, EPSG:3857


@dataclasses.dataclass(frozen=True)
class GridPlace:
    """Image at `row`, `column` of a `scene`, of `side` x `side` tiles; `zoom` where it is a web map's tile."""

    scene: str
    row: int
    column: int
    side: int
    zoom: int | None

    def within(self, row: int, column: int) -> dict[str, Any]:
        """Scene, row, column, bounds and crs of a tile inside the image, as data_prep.sources.source.Tile has them."""
        row, column = self.row * self.side + row, self.column * self.side + column
        bounds = crs = None
        if self.zoom is not None:
            size = 2 * _WORLD / (2**self.zoom * self.side)
            left, top = -_WORLD + column * size, _WORLD - row * size
            bounds, crs = (left, top - size, left + size, top), "EPSG:3857"
        return {"scene": self.scene, "row": row, "column": column, "bounds": bounds, "crs": crs}


@dataclasses.dataclass(frozen=True)
class FileGrid:
    """A pattern of relative paths such as `{scene}_r{row}_c{column}.png`.

    `{row}` and `{column}` are whole numbers, rows counted downwards; all other fields and the fixed text together name
    the scene, so that only tiles of one scene are neighbours. `{z}/{x}/{y}.png` is a web map's folder (XYZ), whose
    place on the ground is known.

    Raises:
        InputError: the pattern has neither row and column nor z, x and y, or has a field twice.
    """

    pattern: str

    def __post_init__(self) -> None:
        fields = _FIELD.findall(self.pattern)
        if len(set(fields)) < len(fields):
            raise InputError(f"grid_pattern {self.pattern} has a field twice; give each another name")
        if not all(field.isidentifier() for field in fields):
            raise InputError(f"grid_pattern {self.pattern} has a field that is no word; name fields like {{scene}}")
        if not ({"row", "column"} <= set(fields) or {"z", "x", "y"} <= set(fields)):
            raise InputError(
                f"grid_pattern {self.pattern} has neither {{row}} and {{column}} nor {{z}}, {{x}} and {{y}}; "
                "write it like {scene}_r{row}_c{column}.png"
            )

    @classmethod
    def of(cls, job: Job) -> "FileGrid | None":
        """The grid a job asks for, None where it asks for none."""
        return cls(job.grid_pattern) if job.grid_pattern else None

    def place(self, file: str, side: int) -> GridPlace:
        """The place of a file whose image is `side` x `side` tiles. Raises UnusableFile where its name has none."""
        found = _compiled(self.pattern).fullmatch(file)
        if found is None:
            raise UnusableFile(f"its name does not match grid_pattern {self.pattern}")
        fields = found.groupdict()
        if {"row", "column"} <= fields.keys():
            row, column, zoom = int(fields.pop("row")), int(fields.pop("column")), None
            scene = "/".join(fields.values()) or "scene"
        else:
            row, column, zoom = int(fields.pop("y")), int(fields.pop("x")), int(fields["z"])
            if not (0 <= zoom <= 30 and max(row, column) < 2**zoom):
                raise UnusableFile(f"there is no tile {zoom}/{column}/{row} on a web map")
            scene = "/".join(fields.values())
        return GridPlace(scene, row, column, side, zoom)


def tiles_a_side(width: int, height: int, tile: int) -> int:
    """How many tiles of `tile` pixels an image is wide. Raises UnusableFile where it is no square of whole tiles."""
    if width != height or width % tile:
        raise UnusableFile(f"{width} x {height} pixels; with a grid pattern images are squares of whole tiles")
    return width // tile


def check_sizes(surveys: Sequence[Survey]) -> None:
    """Raises InputError where the images of a grid are not all of one size."""
    if len({survey.tiles for survey in surveys}) > 1:
        one, other = (pick(surveys, key=lambda survey: survey.tiles) for pick in (min, max))
        raise InputError(
            f"{one.file} is smaller than {other.file}; with grid_pattern all images are of one size: take the "
            "others out, or convert them apart"
        )


@functools.cache
def _compiled(pattern: str) -> re.Pattern:
    parts = _FIELD.split(pattern)
    numbers = ("row", "column", "x", "y", "z")
    for i in range(1, len(parts), 2):
        parts[i] = rf"(?P<{parts[i]}>{'[0-9]{1,12}' if parts[i] in numbers else '.+?'})"
    parts[0::2] = map(re.escape, parts[0::2])
    return re.compile("".join(parts))
