"""Colours of regions and seasons as a satellite sees them through the air: muted, a little blue in the dark."""

from typing import NamedTuple

import numpy as np

Colours = np.ndarray


class Region(NamedTuple):
    """Colours [3] or lists of them [n, 3], float32, R, G, B from 0 to 255, before haze and noise."""

    crops: Colours
    grass: Colours
    soil: Colours
    wood: Colours
    rock: Colours
    deep: Colours
    shallow: Colours
    sediment: Colours
    roofs: Colours


def _region(**colours: list) -> Region:
    return Region(**{name: np.array(values, np.float32) for name, values in colours.items()})


_RED_ROOFS = [[184, 112, 86], [198, 132, 102], [160, 96, 80], [206, 184, 164], [134, 124, 122], [230, 224, 214]]
_GREY_ROOFS = [[128, 130, 136], [160, 158, 156], [196, 192, 188], [226, 224, 220], [150, 112, 98], [98, 102, 112]]
_PALE_ROOFS = [[226, 216, 200], [208, 192, 170], [238, 232, 222], [190, 168, 144], [160, 146, 132], [176, 186, 194]]

SUMMER = _region(
    crops=[[69, 93, 68], [90, 113, 78], [116, 133, 93], [55, 78, 60], [168, 152, 104], [194, 172, 122], [146, 124, 100],
           [100, 109, 84], [79, 100, 77]],
    grass=[91, 106, 81], soil=[152, 128, 106], wood=[42, 57, 48], rock=[128, 122, 114], deep=[32, 54, 66],
    shallow=[78, 97, 99], sediment=[186, 172, 146], roofs=_RED_ROOFS,
)  # fmt: skip
HARVEST = _region(
    crops=[[180, 154, 112], [196, 172, 130], [158, 128, 100], [134, 104, 84], [112, 90, 76], [204, 186, 150],
           [89, 103, 76], [69, 86, 66], [168, 138, 108]],
    grass=[124, 120, 78], soil=[142, 114, 92], wood=[59, 63, 52], rock=[134, 124, 112], deep=[38, 56, 64],
    shallow=[96, 104, 99], sediment=[192, 174, 146], roofs=_GREY_ROOFS,
)  # fmt: skip
SPRING = _region(
    crops=[[80, 115, 77], [100, 133, 88], [116, 98, 80], [136, 114, 94], [166, 160, 88], [69, 100, 73], [108, 126, 93],
           [152, 130, 108]],
    grass=[97, 119, 87], soil=[136, 112, 92], wood=[55, 73, 56], rock=[124, 120, 114], deep=[36, 58, 66],
    shallow=[89, 107, 103], sediment=[178, 164, 138], roofs=_GREY_ROOFS,
)  # fmt: skip
TROPICS = _region(
    crops=[[77, 102, 69], [59, 87, 61], [162, 112, 88], [140, 96, 78], [108, 127, 85], [178, 138, 108], [126, 120, 70],
           [90, 114, 77]],
    grass=[95, 112, 78], soil=[154, 108, 84], wood=[36, 58, 46], rock=[128, 108, 96], deep=[36, 66, 72],
    shallow=[124, 122, 92], sediment=[204, 178, 142], roofs=_PALE_ROOFS,
)  # fmt: skip
MEDITERRANEAN = _region(
    crops=[[186, 158, 122], [166, 136, 104], [120, 116, 78], [93, 98, 78], [200, 176, 140], [146, 118, 90],
           [79, 91, 71], [136, 130, 92]],
    grass=[132, 124, 88], soil=[178, 148, 114], wood=[62, 70, 58], rock=[160, 146, 128], deep=[26, 56, 80],
    shallow=[82, 128, 132], sediment=[214, 196, 160], roofs=_RED_ROOFS,
)  # fmt: skip
DRY = _region(
    crops=[[72, 93, 68], [92, 111, 79], [120, 127, 96], [150, 136, 96], [176, 152, 114], [140, 114, 90], [60, 80, 61]],
    grass=[160, 142, 106], soil=[186, 158, 122], wood=[84, 88, 72], rock=[148, 126, 106], deep=[28, 66, 84],
    shallow=[105, 144, 146], sediment=[220, 200, 164], roofs=_PALE_ROOFS,
)  # fmt: skip

TEMPERATE = (SUMMER, HARVEST, SPRING)
SETTLED = (SUMMER, HARVEST, SPRING, TROPICS, MEDITERRANEAN)
ALL = (*SETTLED, DRY)

# Sand and the ground between dunes; varnished stone and the sediment of its dry rivers.
SANDS = np.array(
    [[[204, 148, 98], [176, 124, 88]], [[208, 172, 130], [184, 160, 130]], [[214, 184, 144], [186, 164, 138]],
     [[192, 132, 92], [150, 116, 96]], [[206, 166, 120], [160, 140, 122]]], np.float32,
)  # fmt: skip
STONES = np.array(
    [[[122, 98, 82], [202, 174, 138]], [[112, 104, 96], [190, 176, 152]], [[150, 106, 80], [212, 170, 128]],
     [[136, 120, 98], [214, 194, 160]], [[98, 86, 80], [180, 154, 126]]], np.float32,
)  # fmt: skip
SNOW = np.array([232, 236, 242], np.float32)
ROAD = np.array([150, 146, 142], np.float32)
TRACK = np.array([190, 174, 150], np.float32)
SHADOW = np.array([34, 40, 50], np.float32)
FOAM = np.array([222, 228, 228], np.float32)
