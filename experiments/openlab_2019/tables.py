"""What the two tables share: how samples are drawn, and how rows are told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from experiments.openlab_2019 import sets

if TYPE_CHECKING:
    from experiments.openlab_2019.six_rows import Row

NUM = flags.DEFINE_integer("num", 500, "Images of either side that samples are drawn from, at most.", lower_bound=4)
REPEATS = flags.DEFINE_integer("repeats", 10, "Times the samples are drawn.", lower_bound=1)


def drawing() -> dict[str, int]:
    """Arguments of `six_rows.compare` by the flags."""
    return {"sample_size": sets.SAMPLE_SIZE.value, "repeats": REPEATS.value, "seed": sets.SEED.value}


def text(columns: dict[str, Sequence["Row"] | Sequence[float]], places: int) -> str:
    """A table for a terminal: rows with mean and standard deviation, and plain numbers."""
    from experiments.openlab_2019.six_rows import ROWS

    cells = {title: [_cell(value, places) for value in column] for title, column in columns.items()}
    widths = {title: max(map(len, [title, *column])) for title, column in cells.items()}
    lines = ["  ".join([" " * len(ROWS[1]), *(f"{title:>{widths[title]}}" for title in cells)])]
    for number, name in enumerate(ROWS):
        row = (f"{column[number]:>{widths[title]}}" for title, column in cells.items())
        lines.append("  ".join([f"{name:<{len(ROWS[1])}}", *row]))
    return "\n".join(lines)


def as_json(rows: Sequence["Row"]) -> list[dict[str, Any]]:
    """Rows as plain JSON."""
    return [{"row": row.name, "mean": row.mean, "sd": row.deviation, "values": list(row.values)} for row in rows]


def _cell(value: "Row | float", places: int) -> str:
    if isinstance(value, int | float):
        return f"{value:.{places}f}"
    return f"{value.mean:.{places}f} +- {value.deviation:.{places}f}"
