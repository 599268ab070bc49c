"""How large a canvas is, and where on it the known image lies."""

import re
from collections.abc import Mapping

from progan_tf.errors import InputError

_MOST_SIDE = 2**20

Pair = tuple[int, int]


def resolve(scene: Pair | None, sides: Mapping[str, str], size: str | None, tile: int) -> tuple[Pair, Pair]:
    """Height and width of the canvas, row and column of the image's first pixel on it.

    Args:
        scene: height and width of the image; None where there is none.
        sides: what is added at top, left, right and bottom, as `2` tiles or `200px`.
        size: width and height of the canvas in place of sides, as `1024x768`, the image in the middle.

    Raises:
        InputError: they are no amounts, contradict each other, or leave no room for the image.
    """
    height, width = scene or (0, 0)
    added = {side: _pixels(side, amount, tile) for side, amount in sides.items()}
    if size is None:
        if scene is None:
            raise InputError("from nothing, without --input, --size is needed; give it as --size=1024x768")
        whole = (height + added["top"] + added["bottom"], width + added["left"] + added["right"])
        return _possible(*whole), (added["top"], added["left"])
    if any(added.values()):
        raise InputError("--size and sides both say how large; give --size, or some of --top --left --right --bottom")
    given = re.fullmatch(r"(\d+)x(\d+)", size)
    if not given:
        raise InputError(f"--size={size} is no size; give width and height in pixels, as 1024x768")
    whole_width, whole_height = map(int, given.groups())
    if whole_width < max(1, width) or whole_height < max(1, height):
        raise InputError(f"--size={size} does not hold the input of {width} x {height}; give it as large or larger")
    corner = ((whole_height - height) // 2, (whole_width - width) // 2) if scene else (0, 0)
    return _possible(whole_height, whole_width), corner


def _pixels(side: str, amount: str, tile: int) -> int:
    given = re.fullmatch(r"(\d+)(px)?", amount)
    if not given:
        raise InputError(f"--{side}={amount} is no amount; give tiles, as 2, or pixels, as 200px")
    return int(given[1]) * (1 if given[2] else tile)


def _possible(height: int, width: int) -> Pair:
    if max(height, width) > _MOST_SIDE:
        raise InputError(f"{width} x {height} pixels are too many; {_MOST_SIDE:,} a side are the most")
    return height, width
