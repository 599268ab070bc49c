"""Parts of the input cut and laid aside: pixels, rules for single tiles, and what bad files leave behind."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import cutting, look, work_folder
from data_prep.cutting import Cut, Part, Rules
from data_prep.sources.source import Form, Survey, Tile, UnusableFile
from progan_tf.data.scaling import Scaling

RGB = Form(("red", "green", "blue"), (0, 1, 2), "uint8")
PLAIN = Rules("uint8", None, 1.0, 0.0, hash_looks=False)


class Given:
    """A source of tiles that were made beforehand; a string among them is the reason why the file is bad."""

    def __init__(self, **files: list[Tile | str]):
        self._files = files

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
        for tile in self._files[file]:
            if isinstance(tile, str):
                raise UnusableFile(tile)
            yield tile


def pixels(seed: int, dtype: str = "uint8", channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (8, 8, channels)).astype(dtype)


def cut(tmp_path: Path, source: Given, rules: Rules = PLAIN, form: Form = RGB) -> Cut:
    work_folder.begin(str(tmp_path), "x")
    pieces = tuple((name, 0) for name in source._files)
    return cutting.cut(Part(7, pieces), source, form, rules, str(tmp_path))


def laid_aside(tmp_path: Path, done: Cut, dtype: str = "uint8", channels: int = 3) -> list[np.ndarray]:
    """Pixels of every tile of a cut, by its slot."""
    raw = np.frombuffer(Path(cutting.raw_path(str(tmp_path), 7)).read_bytes(), dtype).reshape(-1, channels, 8, 8)
    return [raw[tile.slot].transpose(1, 2, 0) for tile in done.tiles]


def test_tiles_lie_behind_each_other_with_digest_and_place(tmp_path):
    bounds = (0.5, 1.0, 2.0, 1e7 / 3)
    one = Tile("a#0", pixels(0), "scene", 3, 4, "sea", bounds=bounds, crs="EPSG:32633")
    two = Tile("b", pixels(1), "b")
    done = cut(tmp_path, Given(a=[one], b=[two]))
    assert [(t.part, t.slot, t.file, t.key) for t in done.tiles] == [(7, 0, "a", "a#0"), (7, 1, "b", "b")]
    first = done.tiles[0]
    assert (first.scene, first.row, first.column, first.label, first.bounds, first.crs) == (
        "scene", 3, 4, "sea", bounds, "EPSG:32633",
    )  # fmt: skip
    for tile, stored, given_tile in zip(done.tiles, laid_aside(tmp_path, done), (one, two), strict=True):
        np.testing.assert_array_equal(stored, given_tile.pixels)
        assert hashlib.sha256(given_tile.pixels.transpose(2, 0, 1).tobytes()).hexdigest().startswith(tile.digest)
        assert (len(tile.digest), tile.looks) == (32, None)


def test_what_is_taken_up_again_is_what_was_cut(tmp_path):
    place = {"label": "sea", "bounds": (0.1, 0.2, 0.3, 1 / 3), "crs": "EPSG:3857", "split": "test"}
    rules = Rules("uint8", None, 1.0, 5.0, hash_looks=True)
    flat = Tile("flat", np.zeros((8, 8, 3), np.uint8), "s")
    source = Given(a=[Tile("a", pixels(0), "s", **place), flat], b=["torn"], ü=[Tile("ü", pixels(2), "ü")])
    assert cutting.finished(str(tmp_path), 7) is None
    done = cut(tmp_path, source, rules)
    assert cutting.finished(str(tmp_path), 7) == done
    assert done.tiles[0].looks == look.describe(pixels(0))
    assert [tile.split for tile in done.tiles] == ["test", None]


@pytest.mark.parametrize("reason_first", [True, False])
def test_a_file_that_proves_bad_leaves_no_tile_and_moves_no_other(tmp_path, reason_first):
    flat = Tile("flat", np.zeros((8, 8, 3), np.uint8), "s")
    bad = ["torn"] if reason_first else [Tile("b#0", pixels(1), "b"), flat, "torn"]
    rules = Rules("uint8", None, 1.0, 5.0, hash_looks=False)
    done = cut(tmp_path, Given(a=[Tile("a", pixels(0), "a")], b=bad, c=[Tile("c", pixels(2), "c")]), rules)
    assert (done.rejected, done.dropped) == ({"b": "torn"}, {})
    assert [tile.key for tile in done.tiles] == ["a", "c"]
    for stored, seed in zip(laid_aside(tmp_path, done), (0, 2), strict=True):
        np.testing.assert_array_equal(stored, pixels(seed))


def test_a_part_that_fails_leaves_no_list(tmp_path):
    class Broken:
        _files = ("a",)

        def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
            yield Tile("a", pixels(0), "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cut(tmp_path, Broken())
    assert cutting.finished(str(tmp_path), 7) is None
    assert not Path(cutting.raw_path(str(tmp_path), 7)).exists()
    work_folder.begin(str(tmp_path), "x")  # started again, it first clears what is half-written
    assert [path.name for path in (tmp_path / ".convert").iterdir()] == ["plan.json"]


def half_valid(share: float) -> np.ndarray:
    valid = np.zeros(64, bool)
    valid[: round(share * 64)] = True
    return valid.reshape(8, 8)


@pytest.mark.parametrize("least, share, kept", [
    (1.0, 1.0, True), (1.0, 63 / 64, False), (0.5, 0.5, True), (0.5, 31 / 64, False), (0.0, 0.0, True),
])  # fmt: skip
def test_tiles_with_too_little_data_are_dropped_and_gaps_are_black(tmp_path, least, share, kept):
    valid = half_valid(share)
    source = Given(a=[Tile("a", pixels(0) | 1, "a", valid=valid)])
    done = cut(tmp_path, source, Rules("uint8", None, least, 0.0, hash_looks=False))
    if not kept:
        assert (done.tiles, done.dropped, done.rejected) == ((), {"a": "nodata"}, {})
    else:
        (stored,) = laid_aside(tmp_path, done)
        np.testing.assert_array_equal(stored, np.where(valid[..., None], pixels(0) | 1, 0))


@pytest.mark.parametrize("dtype, level", [("uint8", 1.0), ("uint16", 65535 / 255)])
def test_flat_is_a_standard_deviation_in_8_bit_grey_levels(tmp_path, dtype, level):
    stripes = np.where(np.indices((8, 8)).sum(0)[..., None] % 2, [1, 2, 3], -np.array([1, 2, 3]))  # deviations 1, 2, 3
    tile = np.rint(100 * level + stripes * level).astype(dtype)
    for least, flat in ((1.99, False), (2.01, True)):
        rules = Rules(dtype, None, 1.0, least, hash_looks=False)
        done = cut(tmp_path, Given(a=[Tile("a", tile, "a")]), rules, Form(RGB.bands, (0, 1, 2), dtype))
        assert done.dropped == ({"a": "flat"} if flat else {})


def test_flat_is_measured_where_there_is_data(tmp_path):
    tile = np.full((8, 8, 3), 100, np.uint8)
    rules = Rules("uint8", None, 0.0, 1.0, hash_looks=False)
    done = cut(
        tmp_path,
        Given(a=[Tile("a", tile, "a", valid=half_valid(0.5))], b=[Tile("b", tile, "b", valid=half_valid(0.0))]),
        rules,
    )
    assert done.dropped == {"a": "flat", "b": "flat"}


def test_values_are_scaled_before_they_are_laid_aside(tmp_path):
    values = np.random.default_rng(0).normal(500, 200, (8, 8, 1)).astype(np.float32)
    rules = Rules("uint16", Scaling("range", (100.0,), (900.0,)), 1.0, 0.0, hash_looks=False)
    done = cut(tmp_path, Given(a=[Tile("a", values, "a")]), rules, Form(("grey",), (0,), "float32"))
    (stored,) = laid_aside(tmp_path, done, "uint16", 1)
    exact = (np.clip(values.astype(np.float64), 100, 900) - 100) / 800 * 65535
    assert np.abs(stored - exact).max() <= 0.51
    assert stored.min() == 0


@given(
    files=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 900)), max_size=30),
    tile_bytes=st.sampled_from([192, 256 * 256 * 3, 1024 * 1024 * 8]),
)
def test_parts_hold_every_piece_once_in_order_and_no_more_than_they_should(files, tile_bytes):
    surveys = [Survey(f"{i:02}", parts=pieces, tiles=tiles) for i, (pieces, tiles) in enumerate(files)]
    parts = cutting.parts(surveys, tile_bytes)
    pieces = [piece for part in parts for piece in part.pieces]
    assert pieces == [(survey.file, piece) for survey in surveys for piece in range(survey.parts)]
    assert [part.index for part in parts] == list(range(len(parts)))
    of_piece = {survey.file: -(-survey.tiles // survey.parts) for survey in surveys}
    most = min(256, (64 << 20) // tile_bytes)
    for part in parts:
        assert len(part.pieces) == 1 or sum(of_piece[file] for file, _ in part.pieces) <= most
    for one, following in itertools.pairwise(parts):  # not one part more than needed
        assert sum(of_piece[file] for file, _ in one.pieces) + of_piece[following.pieces[0][0]] > most


def test_lists_are_plain_json(tmp_path):
    done = cut(tmp_path, Given(a=[Tile("a", pixels(0), "a")]))
    fields = json.loads((tmp_path / ".convert/part-000007.json").read_text())
    assert fields["part"] == 7
    assert fields["tiles"][0][:5] == [7, 0, "a", "a", "a"]
    assert len(done.tiles) == 1
