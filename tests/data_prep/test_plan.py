"""Which tile goes where: neighbours against brute force, copies, shards, labels."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import plan
from data_prep.cutting import Cut, CutTile
from data_prep.job import Job
from data_prep.sources.source import Listing
from progan_tf.errors import InputError


def tile(number: int, **fields) -> CutTile:
    values = {
        "part": 0, "slot": number, "file": f"f{number}", "key": f"key {number}", "scene": "s", "row": 0,
        "column": number, "label": None, "bounds": None, "crs": None, "digest": f"digest {number}", "looks": None,
    }  # fmt: skip
    return CutTile(**values | fields)


def cuts(tiles: list[CutTile], dropped: dict[str, str] | None = None) -> list[Cut]:
    return [Cut(0, tuple(tiles), dropped or {}, {})]


def make(tiles: list[CutTile], dropped: dict[str, str] | None = None, bad: dict | None = None, **options) -> plan.Plan:
    return plan.make(Job("in", "out", **{"resolution": 8} | options), cuts(tiles, dropped), bad or {}, 192)


def all_shards(planned: plan.Plan) -> list[plan.Shard]:
    return list(plan.shards(planned, planned.shards()))


@settings(deadline=None, max_examples=100)
@given(
    data=st.data(),
    stride=st.sampled_from([0, 8, 4, 2, 3, 16]),
    cells=st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60),
)
def test_neighbours_are_the_tiles_that_touch_on_the_ground(data, stride, cells):
    step = stride or 8
    tiles = [
        tile(i, key=f"{scene}#{row}_{column}", scene=scene, row=row, column=column)
        for i, (scene, row, column) in enumerate(sorted(cells))
    ]
    limit = data.draw(st.integers(0, len(tiles)))
    planned = make(tiles, stride=stride, max_tiles=limit)
    kept = {t.tile.key: t for shard in all_shards(planned) for t in shard.tiles}
    assert len(kept) == limit or (limit == 0 and len(kept) == len(tiles))
    for one in kept.values():
        left, top = one.tile.column * step, one.tile.row * step  # in pixels of the scene
        around = [
            (down * 8, right * 8) for down, right in itertools.product((-1, 0, 1), repeat=2) if (down, right) != (0, 0)
        ]
        assert len(one.neighbours) == len(around)
        for (down, right), neighbour in zip(around, one.neighbours, strict=True):
            there = [
                other.tile.key
                for other in kept.values()
                if other.tile.scene == one.tile.scene
                and (other.tile.row * step, other.tile.column * step) == (top + down, left + right)
            ]
            assert [neighbour] == (there or [""])


def test_order_and_shards_are_a_shuffle_by_the_seed_cut_evenly():
    tiles = [tile(i) for i in range(103)]
    orders = []
    for seed in (0, 1):
        shards = all_shards(make(tiles, seed=seed, shards=8))
        assert [(shard.split, shard.index, shard.count) for shard in shards] == [("train", i, 8) for i in range(8)]
        assert {len(shard.tiles) for shard in shards} == {12, 13}
        orders.append([planned.tile for shard in shards for planned in shard.tiles])
        assert sorted(orders[-1], key=lambda one: one.slot) == tiles
    assert orders[0] != orders[1]
    expected = np.random.default_rng(1).permutation(103)
    assert [one.slot for one in orders[1]] == expected.tolist()


def test_any_shards_can_be_asked_for_alone():
    planned = make([tile(i) for i in range(20)], shards=4)
    assert list(plan.shards(planned, [("train", 2)])) == [all_shards(planned)[2]]


def test_the_plan_does_not_depend_on_the_order_parts_get_ready_in():
    parts = [Cut(part, tuple(tile(10 * part + i, part=part) for i in range(5)), {}, {}) for part in range(4)]
    job = Job("in", "out", resolution=8)
    assert plan.make(job, parts[::-1], {}, 192) == plan.make(job, parts, {}, 192)


def test_copies_are_dropped_after_the_first_in_the_order_of_the_input():
    tiles = [tile(0), tile(1, digest="same"), tile(2, digest="same"), tile(3), tile(4, digest="same")]
    planned = make(tiles, dropped={"sea": "flat", "edge": "nodata", "edge 2": "nodata"})
    assert planned.dropped == {
        "sea": "flat",
        "edge": "nodata",
        "edge 2": "nodata",
        "key 2": "duplicate of key 1",
        "key 4": "duplicate of key 1",
    }
    assert (planned.found, sum(map(len, planned.splits.values()))) == (8, 3)
    assert plan.counts(planned.dropped) == {"duplicate": 2, "flat": 1, "nodata": 2}


def test_near_copies_are_dropped_where_asked_and_exact_ones_are_not_counted_twice():
    look, other = "0" * 16 + "7f" * 63, "f" * 16 + "7f" * 63
    tiles = [tile(0, looks=look), tile(1, looks=look), tile(2, looks=look, digest="digest 0"), tile(3, looks=other)]
    assert make(tiles).dropped == {"key 2": "duplicate of key 0"}
    dropped = {"key 1": "near duplicate of key 0", "key 2": "duplicate of key 0"}
    assert make(tiles, near_duplicates="drop").dropped == dropped


def test_a_file_bad_in_one_part_leaves_no_tile_of_another():
    tiles = [tile(0, file="good"), tile(1, file="bad"), tile(2, file="good")]
    assert {one.slot for one in make(tiles, bad={"bad": "torn"}).splits["train"]} == {0, 2}


def test_labels_are_numbered_by_their_names():
    tiles = [tile(i, label=label) for i, label in enumerate(["sea", "city", "sea", "wood"])]
    planned = make(tiles, labels="folders")
    assert planned.labels == ("city", "sea", "wood")
    found = {one.tile.slot: one.label for shard in all_shards(planned) for one in shard.tiles}
    assert found == {0: 1, 1: 0, 2: 1, 3: 2}
    assert {one.label for shard in all_shards(make(tiles)) for one in shard.tiles} == {None}


def test_splits_hold_whole_scenes_where_no_place_is_known_and_neighbours_stay_within():
    tiles = [
        tile(i, scene=f"scene {i // 9}", row=i % 9 // 3, column=i % 3, key=f"{i // 9}#{i % 9}") for i in range(900)
    ]
    planned = make(tiles, splits=(("train", 60.0), ("validation", 20.0), ("test", 20.0)), shards=2)
    scenes = {split: {one.scene for one in chosen} for split, chosen in planned.splits.items()}
    assert set(scenes) == {"train", "validation", "test"}
    assert sum(map(len, scenes.values())) == 100
    assert sum(map(len, planned.splits.values())) == 900
    assert 40 < len(scenes["train"]) < 80
    for shard in all_shards(planned):
        for one in shard.tiles:
            assert all(key.partition("#")[0] == one.tile.key.partition("#")[0] for key in one.neighbours if key)


@pytest.mark.parametrize(
    "tiles, options, message",
    [
        (0, {}, "input in leaves no image: 1 tiles found, dropped {'flat': 1}, 1 files rejected"),
        (3, {"shards": 4}, "shards 4 are more than the 3 images; choose fewer, or 0"),
    ],
)
def test_too_few_images_are_an_input_error(tiles, options, message):
    with pytest.raises(InputError, match=message):
        make([tile(i) for i in range(tiles)], dropped={"x": "flat"}, bad={"b": "torn"}, **options)


def test_the_fingerprint_tells_flags_and_files_apart():
    job, listing = Job("in", "out"), Listing((("a.png", 10), ("b.png", 20)))
    assert plan.fingerprint(job, listing) == plan.fingerprint(dataclasses.replace(job, workers=7), listing)
    others = [
        plan.fingerprint(dataclasses.replace(job, seed=1), listing),
        plan.fingerprint(job, Listing((("a.png", 10), ("b.png", 21)))),
        plan.fingerprint(job, Listing((("a.png", 10), ("c.png", 20)))),
        plan.fingerprint(job, Listing((("a.png", 10),))),
    ]
    assert len({*others, plan.fingerprint(job, listing)}) == 5
