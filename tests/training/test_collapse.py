"""When the watchdog warns, on made-up series and samples, and when it must not."""

import numpy as np
import pytest

from progan_tf.training import collapse
from tests import datasets

WELL = {
    "resolution": 16, "alpha": 1.0, "real_score": 2.0, "fake_score": -1.0, "gradient_norm": 1.05,
    "watch": {"ms_ssim": 0.3, "ms_ssim_real": 0.28, "recall": 0.5, "recall_real": 0.64},
}  # fmt: skip


def tick(watch: dict | None = None, **figures: float) -> dict:
    return WELL | figures | {"watch": WELL["watch"] | (watch or {})}


def alarms(*ticks: dict, target: float | None = 1.0) -> list[str]:
    return collapse.alarms(ticks, target)


def test_a_run_that_goes_well_is_left_alone():
    assert alarms(*[tick()] * 10) == []


UNDISCERNING = tick(real_score=-1.5, fake_score=-1.0)
FLAT = tick(gradient_norm=0.05)
MISSED = tick({"recall": 0.05})


@pytest.mark.parametrize(("sick", "words"), [
    (UNDISCERNING, "scores real images no higher than generated ones (-0.5)"),
    (FLAT, "gone flat: gradient norm 0.05, which is held to 1"),
    (MISSED, "recall 0.050, of other real ones 0.640"),
], ids=["undiscerning", "flat", "missed"])  # fmt: skip
def test_what_lasts_for_three_ticks_of_one_grown_level_is_told_with_its_figures(sick, words):
    well = tick()
    (alarm,) = alarms(well, sick, sick, sick)
    assert words in alarm
    assert alarms(well, sick, sick) == []
    assert alarms(well, sick, well, sick, sick) == []
    assert alarms(well, sick | {"alpha": 0.5}, sick, sick) == []
    assert alarms(well, sick | {"resolution": 8}, sick, sick) == []


def test_a_new_discriminator_is_flat_and_no_cause_for_alarm():
    assert alarms(FLAT, FLAT, FLAT, FLAT) == []


def test_exploding_gradients_are_told_at_once():
    (alarm,) = alarms(tick(gradient_norm=12.0))
    assert "norm 12, which is held to 1" in alarm
    assert alarms(tick(gradient_norm=12.0), target=750.0) == []


def test_a_loss_that_holds_the_norm_to_nothing_is_not_judged_by_it():
    assert alarms(tick(), FLAT, FLAT, FLAT, tick(gradient_norm=12.0), target=None) == []


def test_images_that_are_alike_are_told_at_once():
    (alarm,) = alarms(tick({"ms_ssim": 0.9}, alpha=0.5))
    assert "MS-SSIM of pairs 0.900, of real ones 0.280" in alarm
    assert alarms(tick({"ms_ssim": 0.8})) == []  # 0.2 of variety, a quarter of 0.72 is 0.18


def test_ticks_at_which_nothing_was_learnt_have_no_figures_and_no_alarm():
    empty = {key: WELL[key] for key in ("resolution", "alpha", "watch")}
    assert alarms(tick(), empty, empty, empty) == []


@pytest.fixture(scope="module")
def landscapes() -> np.ndarray:
    """Three sets of 64 tiles of the same scenes."""
    return np.random.default_rng(0).permutation(datasets.landscape(192, 32)).reshape(3, 64, 32, 32, 3)


@pytest.mark.parametrize("size", [4, 8, 16, 32])
def test_variety_of_what_is_known(landscapes, size):
    real, others, more = (collapse.shrink(images, size) for images in landscapes)

    def look(generated: np.ndarray) -> list[str]:
        watch = collapse.variety(real, others, generated)
        assert watch["ms_ssim_real"] < 0.6 and watch["recall_real"] > 0.3
        return alarms(*[tick(watch, resolution=size)] * 3)

    assert look(more) == []
    constant = look(np.full_like(more, 128))
    assert len(constant) == 2 and "all alike" in constant[0] and "recall 0.000" in constant[1]
    same = look(more[:1].repeat(64, axis=0))
    assert len(same) == 2 and "MS-SSIM of pairs 1.000" in same[0]
    (few,) = look(more[:4].repeat(16, axis=0))  # four modes: pairs differ, but little of the real ones is reached
    assert "reach few" in few


def test_shrinking_is_the_mean_over_squares():
    pixels = np.random.default_rng(0).integers(0, 65536, (2, 8, 8, 4), np.uint16)
    wanted = np.rint([[[image[r : r + 4, c : c + 4].mean((0, 1)) for c in (0, 4)] for r in (0, 4)] for image in pixels])
    shrunk = collapse.shrink(pixels, 2)
    assert shrunk.dtype == np.uint16
    np.testing.assert_array_equal(shrunk, wanted)
    np.testing.assert_array_equal(collapse.shrink(pixels, 16), pixels)
