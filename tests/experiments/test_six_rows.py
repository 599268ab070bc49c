"""The six rows: who is compared with whom, samples that share nothing, and the two scales of SSIM on known tiles."""

import statistics

import numpy as np
import pytest
from PIL import Image

from experiments.openlab_2019 import row_figure, six_rows
from experiments.openlab_2019.row_figure import Panel
from progan_tf.errors import InputError
from progan_tf.metrics.fid import frechet_distance
from progan_tf.metrics.images import Images


def numbers(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count)


def compared(real: np.ndarray, generated: np.ndarray, **drawing) -> list[tuple[list, list]]:
    """Which samples each comparison was given."""
    seen = []
    six_rows.compare(real, generated, lambda a, b: seen.append((a.tolist(), b.tolist())) or 0.0, **drawing)
    return seen


def test_rows_compare_what_their_names_say():
    rows = compared(numbers(0, 50), numbers(1000, 40), sample_size=10, repeats=1)
    (real_1, real_2), (generated_1, generated_2) = rows[0], rows[1]
    assert rows[2:] == [
        (real_1, generated_1), (real_1, generated_2), (real_2, generated_1), (real_2, generated_2)
    ]  # fmt: skip
    assert len({*real_1, *real_2}) == len({*generated_1, *generated_2}) == 20
    assert max(real_1 + real_2) < 50 and min(generated_1 + generated_2) >= 1000
    assert real_1 != sorted(real_1)
    assert six_rows.ROWS[0] == "real 1 / real 2" and six_rows.ROWS[4] == "real 2 / generated 1"


def test_samples_are_drawn_anew_and_depend_on_the_seed_alone():
    sets = numbers(0, 50), numbers(1000, 50)
    options = {"sample_size": 10, "repeats": 3}
    one, again, other = (compared(*sets, seed=seed, **options) for seed in (0, 0, 1))
    assert one == again != other
    assert len(one) == 18
    assert len({tuple(row[0]) for row in one[::6]}) == 3
    assert one[:6] == compared(*sets, seed=0, sample_size=10, repeats=1)


def test_every_comparison_is_told():
    told = []
    six_rows.compare(numbers(0, 8), numbers(0, 8), lambda a, b: 1.0, sample_size=4, repeats=2, advance=told.append)
    assert told == [1] * 12


def test_a_row_has_mean_and_deviation_of_its_repeats():
    row = six_rows.compare(
        numbers(0, 30).astype(float), numbers(0, 30), lambda a, b: a.mean(), sample_size=5, repeats=4
    )[0]
    assert len(set(row.values)) > 1
    assert row.mean == pytest.approx(np.mean(row.values))
    assert row.deviation == pytest.approx(np.std(row.values, ddof=1))
    assert six_rows.Row("one", (3.0,)).deviation == 0


@pytest.mark.parametrize("real, generated, message", [
    (19, 20, "two samples of 10 take 20 real images, there are 19; give more, or samples of 9 at most"),
    (20, 5, "20 generated images, there are 5; give more, or samples of 2"),
])  # fmt: skip
def test_too_few_images_are_refused(real, generated, message):
    with pytest.raises(InputError, match=message):
        compared(numbers(0, real), numbers(0, generated), sample_size=10, repeats=1)
    assert len(compared(numbers(0, 20), numbers(0, 20), sample_size=10, repeats=1)) == 6


def test_distances_of_features_have_their_floor_in_the_first_row():
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(200, 8)), rng.normal(1, 1, size=(200, 8))
    rows = six_rows.fid_rows(real, generated, sample_size=100, repeats=3)
    floor = [row.mean for row in rows[:2]]
    across = [row.mean for row in rows[2:]]
    assert max(floor) < 2 < 7 < min(across)
    order = np.random.default_rng([0, 0]).permutation(200)
    assert rows[0].values[0] == pytest.approx(frechet_distance(real[order[:100]], real[order[100:]]))


def test_both_scales_of_the_talk_on_desert_tiles(tiles256):
    """Random tiles of Dubai: near 0.1 with the right range, near the talk's values with images in [-1, 1] and 255."""
    paths = sorted(tiles256.glob("dubai_*.jpg"))
    chosen = np.random.default_rng(0).permutation(len(paths))[:80]
    desert = Images.of("dubai", np.stack([np.asarray(Image.open(paths[index])) for index in chosen]))
    options = {"sample_size": 20, "repeats": 1}
    right = six_rows.ssim_rows(desert[:40], desert[40:], **options)
    talk = six_rows.ssim_rows(desert[:40], desert[40:], talk2019_range=True, **options)
    assert statistics.fmean(row.mean for row in right) == pytest.approx(0.089, abs=0.02)
    assert statistics.fmean(row.mean for row in talk) == pytest.approx(0.908, abs=0.02)
    assert statistics.fmean(six_rows.TALK_SSIM) == pytest.approx(0.914, abs=0.001)


def test_the_range_is_that_of_the_depth():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3)).astype(np.uint8)
    deep = pixels.astype(np.uint16) * 257
    options = {"sample_size": 4, "repeats": 2}
    for talk in (False, True):
        shallow, fine = (
            six_rows.ssim_rows(Images.of("", p[:8]), Images.of("", p[8:]), talk2019_range=talk, **options)
            for p in (pixels, deep)
        )
        for one, other in zip(shallow, fine, strict=True):
            np.testing.assert_allclose(one.values, other.values, atol=1e-5)


def test_the_figure_has_a_panel_a_scale_with_the_talks_values_on_their_own():
    rows = tuple(six_rows.Row(name, (0.1 * number, 0.2)) for number, name in enumerate(six_rows.ROWS))
    figure = row_figure.draw([Panel("SSIM", rows, None), Panel("talk's scale", rows, six_rows.TALK_SSIM)])
    plain, talk = figure.axes
    assert [label.get_text() for label in plain.get_yticklabels()] == list(six_rows.ROWS)
    assert [axis.get_xlabel() for axis in figure.axes] == ["SSIM", "talk's scale"]
    shown = [tuple(line.get_xdata()) for line in talk.get_lines()]
    assert six_rows.TALK_SSIM in shown and tuple(row.mean for row in rows) in shown
    assert six_rows.TALK_SSIM not in [tuple(line.get_xdata()) for line in plain.get_lines()]
