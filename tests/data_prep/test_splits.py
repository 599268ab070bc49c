"""Splits by place: the same whatever the order, and with at least a tile's width between them, anywhere on earth."""

import dataclasses
import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import assembly, ground, plan, splits
from data_prep.cutting import CutTile
from progan_tf.errors import InputError

warp = pytest.importorskip("rasterio.warp", reason="places on the ground are told by rasterio")

HALVES = (("train", 50.0), ("test", 50.0))
ANY_SEED = settings(deadline=None, max_examples=15)


def cut_tile(key: str, scene: str, bounds, crs) -> CutTile:
    return CutTile(0, 0, scene, key, scene, 0, 0, None, bounds, crs, key, None)


def scene(crs: str, left: float, top: float, side: float, count: int, name: str = "x") -> list[CutTile]:
    """`count` x `count` tiles of `side` units of `crs` from a corner."""
    corners = [(left + i * side, top - j * side) for j in range(count) for i in range(count)]
    return [cut_tile(f"{name}#{x} {y}", name, (x, y - side, x + side, y), crs) for x, y in corners]


def at(crs: str, longitude: float, latitude: float, side: float, count: int, name: str = "x") -> list[CutTile]:
    """A scene around a place."""
    (x,), (y,) = warp.transform("EPSG:4326", crs, [longitude], [latitude])
    return scene(crs, x - count * side / 2, y + count * side / 2, side, count, name)


def assign_somehow(tiles: list[CutTile], shares, cell_km: float, seed: int) -> list[str | None]:
    """As `assign`, but a seed that leaves nothing to train on is not a failure of what is tested here."""
    extra = cut_tile("extra", "extra", None, None)
    while splits.assign([extra], (("train", 1.0),), 1, seed) and splits._split_of("extra", shares, seed) != "train":
        seed += 1000
    return splits.assign([*tiles, extra], shares, cell_km, seed)[:-1]


def gaps(tiles: list[CutTile], found: list[str | None]) -> list[float]:
    """Distance, in tiles of the second, of every pair of tiles of different splits; whichever coordinates they have.

    It is the larger of those in x and y, from the edges of the first to the second, in the second's coordinates.
    """
    steps = np.linspace(0, 1, 9)
    distances = []
    by_split = {name: [tile for tile, split in zip(tiles, found, strict=True) if split == name] for name in set(found)}
    for first in by_split.get("train", []):
        left, bottom, right, top = first.bounds
        xs = np.concatenate([left + (right - left) * steps] * 2 + [np.full(9, left), np.full(9, right)])
        ys = np.concatenate([np.full(9, bottom), np.full(9, top), *[bottom + (top - bottom) * steps] * 2])
        seen = {}
        for second in by_split.get("test", []):
            if second.crs not in seen:
                inside = (xs, ys) if second.crs == first.crs else warp.transform(first.crs, second.crs, xs, ys)
                seen[second.crs] = tuple(map(np.asarray, inside))
            x, y = seen[second.crs]
            left, bottom, right, top = second.bounds
            apart = np.maximum(np.maximum(left - x, x - right), np.maximum(bottom - y, y - top))
            distances.append(float(apart.min() / (right - left)))
    return distances


PLACES = {
    "a UTM zone": at("EPSG:32618", -75, 45, 1000, 16),
    "the edge of a UTM zone": at("EPSG:32632", 14.5, 67, 1000, 16),
    "the equator": at("EPSG:32637", 39, 0, 1000, 16),
    "degrees": at("EPSG:4326", 12, 50, 0.01, 16),
    "web map": at("EPSG:3857", 7, 60, 2000, 16),
    "date line": at("EPSG:32701", -180, -17, 1000, 16),
    "turned by 45 degrees": at("EPSG:3413", 0, 75, 1000, 16),
    "North Pole": at("EPSG:3413", 0, 90, 1000, 24),
    "South Pole": at("EPSG:3031", 0, -90, 1000, 24),
    "near a pole": at("EPSG:3031", 100, -89.9, 1000, 24),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cell_km", [5.0, 9.0])
def test_a_tile_lies_between_tiles_of_different_splits(place, cell_km):
    checked = 0
    for seed in range(3):
        found = assign_somehow(PLACES[place], HALVES, cell_km, seed)
        distances = gaps(PLACES[place], found)
        assert min(distances, default=9) >= 0.999
        checked += len(distances)
    assert checked > 100


@pytest.mark.parametrize(
    "longitude, latitude, first, second",
    [(12, 55, "EPSG:32632", "EPSG:32633"), (180, 65, "EPSG:32660", "EPSG:32601"), (30, 40, "EPSG:4326", "EPSG:3857")],
)
def test_the_same_ground_in_other_coordinates_keeps_the_distance(longitude, latitude, first, second):
    side = {"EPSG:4326": 0.012}
    tiles = at(first, longitude, latitude, side.get(first, 1000), 16, "a")
    tiles += at(second, longitude + 0.01, latitude, side.get(second, 1300), 14, "b")
    for seed in range(4):
        found = assign_somehow(tiles, HALVES, 7.0, seed)
        distances = gaps(tiles, found)
        assert {"train", "test"} <= set(found)
        # Half of each tile's own width, tiles of 1 and 1.3 km, so that half of the larger and the smaller are apart.
        assert min(distances) > 0.8


@ANY_SEED
@given(seed=st.integers(0, 2**32), data=st.data())
def test_what_a_tile_gets_depends_on_nothing_but_its_place(seed, data):
    tiles = at("EPSG:32618", -75, 45, 1000, 10, "a") + at("EPSG:3857", -75, 45, 1500, 8, "b")
    tiles += [cut_tile(f"c#{i}", f"c{i % 5}", None, None) for i in range(20)]
    whole = {tile.key: split for tile, split in zip(tiles, assign_somehow(tiles, HALVES, 6.0, seed), strict=True)}
    part = random.Random(data.draw(st.integers(0, 99))).sample(tiles, data.draw(st.integers(1, len(tiles))))
    assert assign_somehow(part, HALVES, 6.0, seed) == [whole[tile.key] for tile in part]


@ANY_SEED
@given(seed=st.integers(0, 2**32))
def test_scenes_of_unknown_place_stay_whole(seed):
    tiles = [cut_tile(f"{i}", f"scene {i % 30}", None, None) for i in range(120)]
    found = assign_somehow(tiles, HALVES, 1.0, seed)
    by_scene = {tile.scene: {found[n] for n in range(120) if tiles[n].scene == tile.scene} for tile in tiles}
    assert {len(names) for names in by_scene.values()} == {1}
    assert set.union(*by_scene.values()) == {"train", "test"}


def test_shares_are_met_over_many_cells():
    shares = (("train", 70.0), ("validation", 20.0), ("test", 10.0))
    rng = np.random.default_rng(0)
    longitudes, latitudes = rng.uniform(-180, 180, 6000), np.degrees(np.arcsin(rng.uniform(-1, 1, 6000)))
    places = [(x, y, x + 1e-4, y + 1e-4) for x, y in zip(longitudes, latitudes, strict=True)]
    tiles = [cut_tile(str(number), "world", place, "EPSG:4326") for number, place in enumerate(places)]
    found = splits.assign(tiles, shares, 10.0, 3)
    kept = [split for split in found if split]
    assert len(kept) > 0.99 * len(tiles)
    for name, share in shares:
        deviation = math.sqrt(share / 100 * (1 - share / 100) / len(kept))
        assert abs(kept.count(name) / len(kept) - share / 100) < 5 * deviation


def test_seeds_give_other_splits_and_no_shares_give_training_alone():
    tiles = PLACES["a UTM zone"]
    assert len({tuple(assign_somehow(tiles, HALVES, 5.0, seed)) for seed in range(5)}) == 5
    assert set(splits.assign(tiles, (), 1e-9, 0)) == {"train"}
    assert "validation" not in assign_somehow(tiles, (("train", 1.0), ("validation", 0.0), ("test", 1.0)), 5.0, 0)


def test_tiles_stay_in_the_split_they_have_where_no_shares_are_asked_for():
    tiles = at("EPSG:32618", -75, 45, 100, 2)
    had = ["test", None, "train", "validation"]
    tiles = [dataclasses.replace(tile, split=split) for tile, split in zip(tiles, had, strict=True)]
    assert splits.assign(tiles, (), 10.0, 0) == ["test", "train", "train", "validation"]
    with pytest.raises(InputError, match="training empty: all 1 tiles fell to test, borders; they stay in the splits"):
        splits.assign(tiles[:1], (), 10.0, 0)


def test_training_without_tiles_is_refused():
    tiles = at("EPSG:32618", -75, 45, 100, 3)
    seeds = [seed for seed in range(20) if "train" not in assign_somehow(tiles, HALVES, 500.0, seed)]
    assert seeds
    with pytest.raises(InputError, match=r"training empty: all 9 tiles fell to .*borders; .*split_cell_km.* 500"):
        splits.assign(tiles, HALVES, 500.0, seeds[0])


@pytest.mark.parametrize("seed", range(4))
def test_the_remedy_for_empty_splits_is_the_largest_half_that_fills_them(seed):
    tiles, thirds = PLACES["a UTM zone"], (("train", 1.0), ("validation", 1.0), ("test", 1.0))
    said = splits.remedy(tiles, thirds, 160.0, seed)
    fitting = float(re.match(r"repeat with --split_cell_km=([\d.]+) instead of 160", said)[1])
    assert {"train", "validation", "test"} <= set(splits.assign(tiles, thirds, fitting, seed))
    for larger in (160.0, 80.0, 40.0, 20.0, 10.0, 5.0):
        if larger > fitting:
            assert not {"train", "validation", "test"} <= set(splits._assigned(tiles, thirds, larger, seed))


def test_where_no_cells_fill_the_splits_other_remedies_are_named():
    for tiles in ([cut_tile("a", "a", None, None)], at("EPSG:32618", -75, 45, 1000, 2)):
        said = splits.remedy(tiles, HALVES, 160.0, 0)
        assert said.startswith("no --split_cell_km below 160 fills every split; choose other shares")


@pytest.mark.parametrize("place", PLACES)
def test_cells_of_less_than_two_tiles_are_refused(place):
    with pytest.raises(InputError, match=r"split_cell_km 1 is less than two tiles \(\d"):
        splits.assign(PLACES[place], HALVES, 1.0, 0)


def test_two_tiles_are_told_rightly_on_both_sides_of_the_date_line():
    with pytest.raises(InputError, match=r"two tiles \(2(\.0\d)? km"):
        splits.assign(scene("EPSG:32701", 500_000 - 318_000, 8_118_000, 1000, 3), HALVES, 1.5, 0)


@given(
    longitude=st.floats(-180, 180),
    latitude=st.floats(-90, 90),
    width=st.floats(0, 1),
    height=st.floats(0, 1),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    turns=st.integers(-1, 1),
)
def test_the_cell_of_every_point_of_a_box_is_among_those_of_the_box(longitude, latitude, width, height, x, y, turns):
    north = min(90, latitude + height)
    touched = splits._cells(longitude, latitude, longitude + width, north, 20.0)
    inside = longitude + x * width + 360 * turns + 1e-9, min(north, latitude + y * height)
    if x * width + 2e-9 < width:
        (cell,) = splits._cells(inside[0], inside[1], inside[0], inside[1], 20.0)
        assert cell in touched


@pytest.mark.parametrize("latitude", [0.0, 30.0, 60.0, 80.0, 89.0, 89.7])
def test_no_cell_is_narrower_than_asked_for_and_few_are_wider(latitude):
    around = {min(splits._cells(x, latitude, x, latitude, 20.0)) for x in np.linspace(-180, 180, 9001)}
    width = 2 * math.pi * math.cos(math.radians(latitude)) * 6378.137 / len(around)
    assert width >= 20 or len(around) == 9001
    if latitude <= 80:
        assert len(around) == 9001 or width < 22


def test_what_is_off_the_earth_is_in_no_split():
    off = scene("+proj=geos +h=35785831 +lon_0=0", -6e6, 6e6, 1e5, 2)
    known = scene("+proj=geos +h=35785831 +lon_0=0", 0, 0, 1e5, 1)
    found = assign_somehow(off + known, HALVES, 1000.0, 0)
    assert found[:4] == [None] * 4
    assert ground.overlapping([("off", off[0].crs, off[0].bounds), ("on", known[0].crs, known[0].bounds)]) == []


def test_unknown_coordinates_are_an_input_error():
    with pytest.raises(InputError, match="nobody knows the coordinates EPSG:999999"):
        splits.assign(scene("EPSG:999999", 0, 0, 1, 1), HALVES, 10.0, 0)


# Boxes and footprints


@pytest.mark.parametrize(
    "crs, longitude, latitude", [("EPSG:32618", -75, 45), ("EPSG:3413", 20, 80), ("EPSG:32601", 180, 60)]
)
def test_boxes_hold_the_place_and_hardly_more(crs, longitude, latitude):
    (tile,) = at(crs, longitude, latitude, 1000, 1)
    west, south, east, north = ground.boxes(crs, np.array([tile.bounds]), margin=0.5)[0]
    steps = np.linspace(-0.5, 1.5, 21)
    xs, ys = np.meshgrid(tile.bounds[0] + 1000 * steps, tile.bounds[1] + 1000 * steps)
    found = np.array(warp.transform(crs, "EPSG:4326", xs.ravel(), ys.ravel()))
    found[0] = longitude + (found[0] - longitude + 180) % 360 - 180
    np.testing.assert_allclose(
        [found[0].min(), found[1].min(), found[0].max(), found[1].max()],
        [west + 360 * (west < longitude - 180), south, east + 360 * (east < longitude - 180), north],
        atol=1e-5,
    )


def test_a_box_around_a_pole_reaches_it_and_has_all_longitudes():
    for crs, pole in (("EPSG:3413", 90), ("EPSG:3031", -90)):
        box = ground.boxes(crs, np.array([(-1000.0, -1500.0, 2000.0, 700.0)]))[0]
        assert (box[0], box[2]) == (-180, 180)
        assert pole in (box[1], box[3])
        assert 0.01 < box[3] - box[1] < 0.03


def test_scenes_that_share_ground_are_found_across_the_date_line():
    def footprint(name, crs, longitude, latitude, side):
        (tile,) = at(crs, longitude, latitude, side, 1)
        return name, crs, tile.bounds

    scenes = [
        footprint("west of it", "EPSG:32660", 179.9, 10, 50_000),
        footprint("east of it", "EPSG:32601", -179.8, 10, 50_000),
        footprint("on the far side", "EPSG:32631", 3, 10, 50_000),
        footprint("further north", "EPSG:32660", 179.9, 12, 50_000),
        footprint("in degrees", "EPSG:4326", 3.3, 10.1, 0.2),
        footprint("at the pole", "EPSG:3413", 0, 90, 50_000),
        footprint("beside the pole", "EPSG:3413", 77, 89.8, 50_000),
    ]
    pairs = [("at the pole", "beside the pole"), ("east of it", "west of it"), ("in degrees", "on the far side")]
    for _ in range(5):
        random.Random(1).shuffle(scenes)
        assert ground.overlapping(scenes) == pairs


def less_half_a_pixel(tile: CutTile, pixels: int = 64) -> tuple[str, str, ground.Bounds]:
    """What is compared of a scene that is one tile."""
    return tile.scene, tile.crs, assembly._footprint([tile], pixels)


@pytest.mark.parametrize("crs, left, top, side", [
    ("EPSG:4326", 10, 50, 0.5), ("EPSG:32618", 300_000, 4_500_000, 6400), ("EPSG:3413", 1_000_000, -700_000, 6400),
    ("EPSG:3857", 1_000_000, 7_000_000, 9000), ("EPSG:4326", 179.2, -16, 0.4), ("EPSG:32760", 800_000, 8_118_000, 6400),
])  # fmt: skip
def test_scenes_side_by_side_share_no_ground_and_scenes_a_pixel_further_on_do(crs, left, top, side):
    tiles = scene(crs, left, top, side, 5)
    tiles = [dataclasses.replace(tile, scene=tile.key) for tile in tiles]
    assert ground.overlapping([less_half_a_pixel(tile) for tile in tiles]) == []
    off = 1.5 * side / 64
    moved = cut_tile("moved", "moved", tuple(edge - off for edge in tiles[12].bounds), crs)
    pairs = ground.overlapping([less_half_a_pixel(tile) for tile in [*tiles, moved]])
    assert pairs == sorted(("moved", tiles[number].key) for number in (11, 12, 16, 17))


def test_a_scene_500_m_beside_another_of_110_km_shares_no_ground_with_it():
    first = scene("EPSG:32618", 600_000, 4_500_000, 110_000, 1, "first")
    for off, pairs in ((500, []), (-500, [("first", "second")])):
        second = scene("EPSG:32618", 710_000 + off, 4_500_000 - 30_000, 110_000, 1, "second")
        assert ground.overlapping([less_half_a_pixel(*first, 11_000), less_half_a_pixel(*second, 11_000)]) == pairs


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32619", "EPSG:5070"])
@pytest.mark.parametrize("off, pairs", [(100, []), (-100, [("first", "second")])])
def test_rectangles_in_other_coordinates_are_compared_as_they_lie(crs, off, pairs):
    """The second one lies to the east of the first, in coordinates where its western edge is askew."""
    first = (500_000.0, 4_400_000.0, 600_000.0, 4_500_000.0)
    xs, ys = warp.transform("EPSG:32618", crs, [600_000.0] * 101, np.linspace(4_400_000, 4_500_000, 101).tolist())
    (far, *_), _ = warp.transform("EPSG:32618", crs, [660_000.0], [4_450_000.0])
    edge = max(xs)
    (nearest,), _ = warp.transform(crs, "EPSG:32618", [edge], [ys[xs.index(edge)]])
    assert abs(nearest - 600_000) < 0.01
    scale = (far - xs[50]) / 60_000  # units of crs a metre, about
    second = (edge + off * scale, min(ys), far, max(ys))
    footprints = [("first", "EPSG:32618", first), ("second", crs, second)]
    assert ground.overlapping(footprints) == ground.overlapping(footprints[::-1]) == pairs


def test_the_whole_world_shares_the_ground_of_every_scene():
    world = ("world", "EPSG:4326", (-180.0, -90.0, 180.0, 90.0))
    scenes = [(name, tiles[0].crs, tiles[0].bounds) for name, tiles in PLACES.items()]
    found = {other for pair in ground.overlapping([world, *scenes]) if "world" in pair for other in pair}
    assert found == {"world", *PLACES}


def test_a_manifest_lists_the_first_pairs_and_counts_all():
    tiles = scene("EPSG:32618", 300_000, 4_500_000, 6400, 1) * 20
    tiles = [dataclasses.replace(tile, scene=f"{number:02d}") for number, tile in enumerate(tiles)]
    planned = plan.Plan({"train": tuple(tiles)}, {"train": 1}, (), {}, 20, 1)
    places = assembly._places(planned, 64)
    assert (places["overlaps"], len(places["overlapping_scenes"])) == (190, 100)
    assert places["overlapping_scenes"][0] == ["00", "01"]
