"""The roll-out: what it promises of pixels, whatever the extender is."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from progan_tf.errors import InputError
from progan_tf.extension import cells as cells_of
from progan_tf.extension import rollout_plan
from progan_tf.extension.canvas import open_canvas
from progan_tf.extension.extender import in_batches
from progan_tf.extension.rollout import cell_seed, roll_out
from tests.extension import stand_in

WINDOW, TILE, BATCH = 16, 8, 3
PLACES = {  # name: height and width of the canvas, where the image lies, holes in it
    "all four sides": ((40, 48), (16, 16, 24, 32), None),
    "one side": ((24, 44), (0, 0, 24, 20), None),
    "no multiple of the tile": ((37, 41), (5, 9, 24, 22), None),
    "an image smaller than a tile": ((21, 30), (9, 11, 12, 16), None),
    "a canvas smaller than a window": ((11, 9), (2, 0, 7, 4), None),
    "holes": ((33, 40), (0, 0, 33, 40), (slice(7, 20), slice(11, 30))),
    "holes and sides": ((40, 40), (10, 0, 35, 30), (slice(3, 9), slice(0, 5))),
    "nothing": ((30, 41), (0, 0, 0, 0), None),
}
every_place = pytest.mark.parametrize("name", PLACES)


class Interrupted(Exception):
    pass


class Case:
    """A canvas with real pixels on it, to be filled in one way or another."""

    def __init__(self, folder, name, dtype="uint8"):
        (self.height, self.width), self.scene, hole = PLACES[name]
        top, left, bottom, right = self.scene
        self.folder, self.dtype = folder, dtype
        self.image = np.random.default_rng(0).integers(0, 256, (bottom - top, right - left, 3)).astype(dtype)
        known = np.ones(self.image.shape[:2], bool)
        if hole:
            known[hole] = False
        self.known = known
        self.real = np.zeros((self.height, self.width), bool)
        self.real[top:bottom, left:right] = known

    def open(self, folder, **settings):
        place = lambda canvas: canvas.place(*self.scene[:2], self.image, self.known)  # noqa: E731
        return open_canvas(self.folder / folder, settings, (self.height, self.width, 3), self.dtype, place)

    def fill(self, order="raster", seed=5, variant=0, blend=0, extend=stand_in.extend, folder=None):
        """Pixels and provenance after the roll-out."""
        canvas = self.open(folder or f"{order}-{seed}-{variant}-{blend}")
        cells = cells_of.survey(canvas.provenance, self.scene, TILE)
        steps = rollout_plan.make(cells, WINDOW, order, blend, BATCH)
        left = sum(map(len, steps[canvas.done :]))
        filled = sum(roll_out(canvas, steps, in_batches(extend, BATCH), WINDOW, seed, variant, blend))
        assert filled == left
        return np.array(canvas.pixels), np.array(canvas.provenance)


@every_place
@pytest.mark.parametrize("blend", [0, 3])
@pytest.mark.parametrize("order", rollout_plan.ORDERS)
def test_real_pixels_stay_and_none_is_left_unknown(tmp_path, name, order, blend):
    case = Case(tmp_path, name)
    pixels, provenance = case.fill(order, blend=blend)
    top, left, bottom, right = case.scene
    np.testing.assert_array_equal(provenance == 1, case.real)
    np.testing.assert_array_equal(pixels[top:bottom, left:right][case.known], case.image[case.known])
    assert provenance.min() >= 1 and (provenance > 1).any()


@every_place
@pytest.mark.parametrize("blend", [0, 3])
def test_a_wavefront_has_the_pixels_of_a_raster(tmp_path, name, blend):
    case = Case(tmp_path, name)
    for raster, wavefront in zip(case.fill("raster", blend=blend), case.fill("wavefront", blend=blend), strict=True):
        np.testing.assert_array_equal(raster, wavefront)


@every_place
@pytest.mark.parametrize("blend", [0, 3])
def test_cells_of_a_spiral_that_are_filled_at_once_do_not_depend_on_each_other(tmp_path, name, blend, monkeypatch):
    case = Case(tmp_path, name)
    at_once = case.fill("spiral", blend=blend)
    cells = cells_of.survey(case.real.astype(np.uint8), case.scene, TILE)
    steps = rollout_plan.make(cells, WINDOW, "spiral", blend, BATCH)
    one_by_one = [[cell] for step in steps for cell in reversed(step)]
    canvas = case.open("one by one")
    list(roll_out(canvas, one_by_one, stand_in.extend, WINDOW, 5, 0, blend))
    np.testing.assert_array_equal(canvas.pixels, at_once[0])


def test_independent_cells_are_filled_at_once():
    cells = cells_of.survey(np.pad(np.ones((16, 16), np.uint8), 32), (32, 32, 48, 48), TILE)
    count = {order: len(rollout_plan.make(cells, WINDOW, order, 0, 99)) for order in rollout_plan.ORDERS}
    assert count["raster"] == 96
    assert count["wavefront"] < 96 / 3 and count["spiral"] < 96 / 3


@every_place
@pytest.mark.parametrize("order", rollout_plan.ORDERS)
def test_a_plan_fills_every_cell_once_through_a_window_that_holds_it(name, order, tmp_path):
    case = Case(tmp_path, name)
    cells = cells_of.survey(case.real.astype(np.uint8), case.scene, TILE)
    filled = case.real.astype(int)
    for cell in itertools.chain(*rollout_plan.make(cells, WINDOW, order, 2, BATCH)):
        assert cell.bottom - cell.top <= TILE and cell.right - cell.left <= TILE
        for start, stop, first, length in (
            (cell.top, cell.bottom, cell.window_top, case.height),
            (cell.left, cell.right, cell.window_left, case.width),
        ):
            assert first == 0 or 0 < first <= length - WINDOW
            assert first <= max(0, start - 2) and min(stop + 2, length) <= first + WINDOW
        filled[cell.top : cell.bottom, cell.left : cell.right] += 1
    np.testing.assert_array_equal(filled[~case.real], 1)


def test_windows_lie_where_most_is_known():
    """Beside whole known cells, by counting pixels at every place that a window could have."""
    real = np.zeros((48, 56), np.uint8)
    real[16:32, 16:40] = 1
    cells = cells_of.survey(real, (16, 16, 32, 40), TILE)
    known = real.astype(bool)
    for (cell,) in rollout_plan.make(cells, WINDOW, "raster", 0, BATCH):
        tops = range(max(0, cell.bottom - WINDOW), min(cell.top, 48 - WINDOW) + 1)
        lefts = range(max(0, cell.right - WINDOW), min(cell.left, 56 - WINDOW) + 1)
        seen = {(y, x): known[y : y + WINDOW, x : x + WINDOW].sum() for y in tops for x in lefts}
        assert seen[cell.window_top, cell.window_left] == max(seen.values())
        known[cell.top : cell.bottom, cell.left : cell.right] = True


def test_a_hole_is_seen_from_its_middle():
    real = np.ones((48, 48), np.uint8)
    real[16:24, 24:32] = 0
    ((cell,),) = rollout_plan.make(cells_of.survey(real, (0, 0, 48, 48), TILE), WINDOW, "spiral", 0, BATCH)
    assert (cell.top, cell.left, cell.bottom, cell.right) == (16, 24, 24, 32)
    assert (cell.window_top, cell.window_left) == (12, 20)


def test_a_spiral_goes_outwards(tmp_path):
    case = Case(tmp_path, "all four sides")
    cells = cells_of.survey(case.real.astype(np.uint8), case.scene, TILE)
    rings = [[cell.ring for cell in step] for step in rollout_plan.make(cells, WINDOW, "spiral", 0, 1)]
    assert sorted(itertools.chain(*rings)) == [1] * 10 + [2] * 18
    assert rings[0] == [1] and rings[-1] == [2]


@every_place
@pytest.mark.parametrize("order", ["raster", "spiral"])
def test_rings_are_those_of_growing_the_real_part_cell_by_cell(tmp_path, name, order):
    case = Case(tmp_path, name)
    provenance = case.fill(order, blend=2)[1]
    cells = cells_of.survey(case.real.astype(np.uint8), case.scene, TILE)
    boxes = [
        (slice(*rows), slice(*columns))
        for rows in itertools.pairwise(cells.tops)
        for columns in itertools.pairwise(cells.lefts)
    ]
    expected = case.real.astype(int)
    if not case.real.any():
        middle = len(cells.tops[1:]) // 2 * len(cells.lefts[1:]) + len(cells.lefts[1:]) // 2
        expected[boxes[0 if order == "raster" else middle]] = 2
    ring = 1 if case.real.any() else 2
    while (expected == 0).any():
        reached = ndimage.binary_dilation(expected > 0, np.ones((3, 3)))
        ring += 1
        for box in boxes:
            if (expected[box] == 0).any() and reached[box].any():
                expected[box][expected[box] == 0] = ring
    np.testing.assert_array_equal(provenance, expected)


def test_rings_beyond_254_are_not_told_apart(tmp_path):
    canvas = open_canvas(tmp_path / "long", {}, (2, 2 * 300, 1), "uint8", lambda canvas: None)
    canvas.place(0, 0, np.ones((2, 2, 1), np.uint8), np.ones((2, 2), bool))
    cells = cells_of.survey(canvas.provenance, (0, 0, 2, 2), 2)
    steps = rollout_plan.make(cells, 4, "spiral", 0, 1)
    list(roll_out(canvas, steps, stand_in.extend, 4, 0, 0, 0))
    np.testing.assert_array_equal(canvas.provenance[0, ::2], np.minimum(np.arange(300) + 1, 255))


def test_the_same_seed_gives_the_same_canvas_and_another_one_another(tmp_path):
    case = Case(tmp_path, "all four sides")
    first = case.fill()[0]
    np.testing.assert_array_equal(case.fill(folder="again")[0], first)
    others = [case.fill(seed=6)[0], case.fill(variant=1)[0], case.fill("spiral")[0]]
    for one, other in itertools.combinations([first, *others], 2):
        assert (one != other)[~case.real].mean() > 0.9
        np.testing.assert_array_equal(one[case.real], other[case.real])


def test_seeds_of_cells_differ_and_fit_into_int64():
    seeds = {cell_seed(*numbers) for numbers in itertools.product((0, 1, 11), (0, 1), range(20), range(20))}
    assert len(seeds) == 3 * 2 * 400 and min(seeds) >= 0 and max(seeds) < 2**63


def test_the_extender_is_shown_no_unknown_pixel_and_always_one_batch(tmp_path):
    case, sizes = Case(tmp_path, "holes and sides"), []

    def extend(images, known, seeds):
        sizes.append((images.shape, known.shape, seeds.shape))
        assert not images[~known].any()
        return stand_in.extend(images, known, seeds)

    case.fill("wavefront", extend=extend)
    assert set(sizes) == {((BATCH, WINDOW, WINDOW, 3), (BATCH, WINDOW, WINDOW), (BATCH,))}


@pytest.mark.parametrize("order", rollout_plan.ORDERS)
@pytest.mark.parametrize("blend", [0, 3])
def test_an_interrupted_canvas_goes_on_to_the_same_bytes(tmp_path, order, blend, monkeypatch):
    case = Case(tmp_path, "all four sides")
    expected = case.fill(order, blend=blend)
    calls = itertools.count(1)

    def extend(images, known, seeds):
        if next(calls) % 4 == 0:
            raise Interrupted
        return stand_in.extend(images, known, seeds)

    interruptions = 0
    while True:
        try:
            found = case.fill(order, blend=blend, extend=extend, folder="interrupted")
            break
        except Interrupted:
            interruptions += 1
    assert interruptions >= 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_change_that_was_half_carried_out_is_carried_out(tmp_path, monkeypatch):
    case = Case(tmp_path, "all four sides")
    expected = case.fill(blend=3)[0]
    copyto, calls = np.copyto, itertools.count(1)

    def copyto_or_die(*arguments, **options):
        if next(calls) % 17 == 0:
            raise Interrupted
        copyto(*arguments, **options)

    monkeypatch.setattr(np, "copyto", copyto_or_die)
    interruptions = 0
    while True:
        try:
            found = case.fill(blend=3, folder="killed")[0]
            break
        except Interrupted:
            interruptions += 1
    assert interruptions >= 2
    np.testing.assert_array_equal(found, expected)


def test_a_work_folder_of_other_settings_is_refused_and_kept(tmp_path):
    case = Case(tmp_path, "one side")
    case.open("work", seed=1, order="spiral").place(0, 40, np.full((1, 1, 3), 77, np.uint8), np.ones((1, 1), bool))
    with pytest.raises(InputError, match="with seed 1, now it is 2; repeat that"):
        case.open("work", seed=2, order="spiral")
    case.height += 1
    with pytest.raises(InputError, match=r"with shape \[24, 44, 3\], now it is \[25, 44, 3\]"):
        case.open("work", seed=1, order="spiral")
    case.height -= 1
    assert case.open("work", seed=1, order="spiral").pixels[0, 40, 0] == 77


def test_sixteen_bits_and_floats_are_canvases_too(tmp_path):
    for dtype in ("uint16", "float32"):
        case = Case(tmp_path / dtype, "all four sides", dtype)
        pixels = case.fill()[0]
        assert pixels.dtype == dtype and pixels.max() > 255


@pytest.mark.parametrize(
    "order, blend, message", [("zigzag", 0, "order zigzag"), ("raster", 5, "blend 5 does not fit")]
)
def test_what_cannot_be_planned_is_refused(order, blend, message):
    cells = cells_of.survey(np.zeros((32, 32), np.uint8), (0, 0, 0, 0), TILE)
    with pytest.raises(InputError, match=message):
        rollout_plan.make(cells, WINDOW, order, blend, BATCH)
