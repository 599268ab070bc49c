"""Places told from file names, against the published formula of web maps and against real mosaics."""

import collections
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_prep.sources import inputs
from data_prep.sources.file_grid import FileGrid
from data_prep.sources.source import UnusableFile
from progan_tf.errors import InputError

DUBAI = "dubai_t{tile}p{part}_r{row}c{column}.jpg"


def test_row_and_column_come_from_the_name_and_the_rest_is_the_scene():
    place = FileGrid("{scene}_r{row}_c{column}.png").place("north/mine_r03_c012.png", side=1)
    assert place.within(0, 0) == {"scene": "north/mine", "row": 3, "column": 12, "bounds": None, "crs": None}
    place = FileGrid(DUBAI).place("dubai_t3p7_r1c2.jpg", side=1)
    assert (place.scene, place.row, place.column) == ("3/7", 1, 2)
    assert FileGrid("{row}-{column}.tif").place("4-5.tif", side=1).scene == "scene"


def test_tiles_inside_an_image_go_on_counting():
    place = FileGrid("{row}_{column}.png").place("2_3.png", side=4)
    assert [(place.within(r, c)["row"], place.within(r, c)["column"]) for r, c in ((0, 0), (3, 1))] == [
        (8, 12),
        (11, 13),
    ]


@pytest.mark.parametrize(
    "file", ["dubai_t3p7_r1c2.png", "dubai_t3p7_rXc2.jpg", "x/dubai_t3p7_r1c.jpg", "dubai_t3p7_r1c2.jpg.jpg",
             "dubai_t3p7_r-1c2.jpg", "dubai_t3p7_r1c" + "9" * 30 + ".jpg", "ucm_river00.jpg"]
)  # fmt: skip
def test_other_names_have_no_place(file):
    with pytest.raises(UnusableFile, match="its name does not match grid_pattern"):
        FileGrid(DUBAI).place(file, side=1)


@pytest.mark.parametrize(
    "pattern, message",
    [
        ("{scene}.png", "has neither {row} and {column} nor {z}, {x} and {y}"),
        ("{row}_{x}.png", "has neither"),
        ("{x}_{y}.png", "has neither"),
        ("{row}_{row}_{column}.png", "has a field twice"),
        ("{1}_{row}_{column}.png", "has a field that is no word"),
    ],
)
def test_patterns_that_tell_no_place_are_input_errors(pattern, message):
    with pytest.raises(InputError, match=message):
        FileGrid(pattern)


def test_fixed_text_is_taken_as_it_is():
    grid = FileGrid("a+b (1).{row}.{column}.png")
    assert grid.place("a+b (1).2.3.png", side=1).row == 2
    with pytest.raises(UnusableFile):
        grid.place("aab (1)x2x3xpng", side=1)


def corner_by_the_published_formula(z: int, x: int, y: int) -> tuple[float, float]:
    """Longitude and latitude of a tile's upper left corner (OpenStreetMap wiki, Slippy map tilenames)."""
    n = 2.0**z
    return x / n * 360.0 - 180.0, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / n))))


def web_mercator(longitude: float, latitude: float) -> tuple[float, float]:
    """EPSG:3857 on a sphere of 6,378,137 m."""
    x = 6378137.0 * math.radians(longitude)
    return x, 6378137.0 * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))


@settings(max_examples=200)
@given(data=st.data(), z=st.integers(0, 22), side=st.sampled_from([1, 2, 4]))
def test_tiles_of_a_web_map_lie_where_the_published_formula_says(data, z, side):
    x, y = (data.draw(st.integers(0, 2**z - 1)) for _ in range(2))
    row, column = (data.draw(st.integers(0, side - 1)) for _ in range(2))
    place = FileGrid("{z}/{x}/{y}.png").place(f"{z}/{x}/{y}.png", side).within(row, column)
    zoom = z + side.bit_length() - 1  # a quarter of a tile is a tile of the next zoom
    left, top = web_mercator(*corner_by_the_published_formula(zoom, x * side + column, y * side + row))
    right, bottom = web_mercator(*corner_by_the_published_formula(zoom, x * side + column + 1, y * side + row + 1))
    assert place["crs"] == "EPSG:3857"
    assert place["bounds"] == pytest.approx((left, bottom, right, top), abs=0.01)
    assert (place["scene"], place["row"], place["column"]) == (f"{z}", y * side + row, x * side + column)


def test_a_known_tile_of_a_web_map():
    """The tile that the published code finds for 9.96 E, 53.55 N (Hamburg) holds that place."""
    n = 2**14
    x = int((9.96 + 180) / 360 * n)
    y = int((1 - math.asinh(math.tan(math.radians(53.55))) / math.pi) / 2 * n)
    left, bottom, right, top = FileGrid("{z}/{x}/{y}.jpg").place(f"14/{x}/{y}.jpg", 1).within(0, 0)["bounds"]
    east, north = web_mercator(9.96, 53.55)
    assert left <= east < right
    assert bottom < north <= top
    assert right - left == pytest.approx(2445.98, abs=0.01)  # the published width of a tile of zoom 14


@pytest.mark.parametrize("file", ["3/8/0.png", "3/0/8.png", "31/0/0.png"])
def test_there_are_no_tiles_beyond_the_edge_of_a_web_map(file):
    with pytest.raises(UnusableFile, match="there is no tile"):
        FileGrid("{z}/{x}/{y}.png").place(file, side=1)


def test_more_fields_name_more_scenes_of_a_web_map():
    place = FileGrid("{year}/{z}/{x}/{y}.png").place("2020/3/1/2.png", side=1)
    assert (place.scene, place.row, place.column) == ("2020/3", 2, 1)


def test_real_neighbours_continue_the_picture(tiles256):
    """Across the border of neighbouring tiles grey levels change less than between tiles that do not touch."""
    names = [name for name, _ in inputs.listing(f"{tiles256}/dubai_t[123]p*.jpg", (".jpg",)).files]
    grid = FileGrid(DUBAI)
    scenes: dict[str, dict[tuple[int, int], np.ndarray]] = collections.defaultdict(dict)
    for name in names:
        place = grid.place(name, side=1)
        scenes[place.scene][place.row, place.column] = np.asarray(Image.open(tiles256 / name)).mean(axis=2)
    assert len(names) > 100
    assert len(scenes) == 27
    touching, apart = [], []
    for tiles in scenes.values():
        for (row, column), tile in tiles.items():
            for other, ours, theirs in (
                ((row, column + 1), tile[:, -1], np.s_[:, 0]),
                ((row + 1, column), tile[-1], np.s_[0]),
            ):
                if other in tiles:
                    touching.append(np.abs(ours - tiles[other][theirs]).mean())
                    apart.append(np.abs(ours[::-1] - tiles[other][theirs]).mean())
    assert np.median(touching) < 0.5 * np.median(apart)
    assert np.mean(np.array(touching) < np.array(apart)) > 0.95
