"""The engine, and known answers: sets whose faults are known, seen through all metrics by their names."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import ndimage

from progan_tf.errors import InputError
from progan_tf.metrics import evaluation, registry
from progan_tf.metrics.evaluation import Figure, evaluate
from progan_tf.metrics.images import Images
from progan_tf.metrics.remembered import Remembered
from tests import datasets
from tests.metrics.extractors import RandomFilters

N, SIDE = 200, 32
NAMES = registry.expand(["all"])


@pytest.fixture(scope="module")
def tiles() -> np.ndarray:
    """4 N different tiles in random order."""
    found = datasets.landscape(4 * N, SIDE)
    return found[np.random.default_rng(0).permutation(len(found))]


@pytest.fixture(scope="module")
def real(tiles) -> Images:
    return labelled("real", tiles[: 2 * N])


@pytest.fixture(scope="module")
def run(real):
    """Figures by name of a set of generated pixels, in the metrics that are named; floors are computed once."""
    extractor, floors = Remembered(RandomFilters(), most=5), {}

    def figures(names: list[str], pixels: np.ndarray, labels: np.ndarray | None = None) -> dict[str, Figure]:
        found = {}
        for metric in registry.make(names, extractor):
            if metric.name not in floors:
                floors[metric.name] = evaluation.floors([metric], real, N)
            generated = labelled("generated", pixels, labels)
            for figure in evaluate([metric], real, generated, N, known_floors=floors[metric.name]):
                found[figure.name.replace("fd-random filters", "fid")] = figure
        return found

    return figures


def labelled(name: str, pixels: np.ndarray, labels: np.ndarray | None = None) -> Images:
    """Images with classes that pixels tell: bright or dark."""
    bright = pixels.mean(axis=(1, 2, 3)) > 110 if labels is None else labels
    return dataclasses.replace(Images.of(name, pixels), labels=bright.astype(int), label_names=("dark", "bright"))


def blurred(pixels: np.ndarray) -> np.ndarray:
    return np.rint(ndimage.gaussian_filter(pixels.astype(float), (0, 1.5, 1.5, 0))).astype(np.uint8)


def repeated(pixels: np.ndarray) -> np.ndarray:
    most_contrast = pixels[np.argmax(pixels.std(axis=(1, 2, 3)))]
    return np.repeat(most_contrast[None], len(pixels), axis=0)


def noise(pixels: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, pixels.shape, np.uint8)


# Known answers.


def test_mirrored_reals_score_near_the_floor_in_every_metric(tiles, run):
    # Across the diagonal: the drawn landscapes are lit from the top left, and stay so.
    fresh = tiles[2 * N : 3 * N]
    mirrored = run(NAMES, fresh.swapaxes(1, 2))
    assert set(NAMES) <= set(mirrored)
    # Noise is as far from duplicates and from training images as new images are.
    for name, figure in run(sorted(set(NAMES) - {"birthday", "memorization", "cas"}), noise(fresh)).items():
        if figure.name == figure.metric:
            assert mirrored[name].excess < 0.2 * figure.excess, name
    assert mirrored["kid"].excess < 3 * np.hypot(mirrored["kid"].se, mirrored["kid"].floor_se)
    assert mirrored["probe"].value < 0.6
    assert mirrored["birthday"].value == mirrored["birthday"].floor == 0
    assert mirrored["memorization"].excess < 0.05 and mirrored["cas"].excess < 0.05


def test_reals_lit_from_another_side_are_told_from_real_ones(tiles, run):
    probe = run(["probe"], tiles[2 * N : 3 * N, :, ::-1])["probe"]
    assert probe.value > 0.7 > 0.6 > probe.floor


def test_blurred_reals_lose_recall_and_high_frequencies(tiles, run):
    names = ["recall", "coverage", "spectrum", "swd"]
    fresh, found = run(names, tiles[2 * N : 3 * N]), run(names, blurred(tiles[2 * N : 3 * N]))
    assert found["recall"].value < 0.6 * fresh["recall"].value
    assert found["coverage"].value < 0.6 * fresh["coverage"].value
    assert found["spectrum/high_frequency_ratio"].value < 0.1 * found["spectrum/high_frequency_ratio"].floor
    assert found["spectrum/slope_gap"].value < -1 and abs(fresh["spectrum/slope_gap"].value) < 0.2
    assert found["swd/32"].value > 3 * found["swd/32"].floor


def test_one_repeated_image_is_caught_by_birthday_recall_and_coverage(tiles, run):
    found = run(["birthday", "recall", "coverage", "ms_ssim"], repeated(tiles[2 * N : 3 * N]))
    assert found["birthday"].value == 1 and found["birthday"].floor == 0
    assert found["birthday/support"].value == 0 and np.isfinite(found["birthday/support_high"].value)
    assert found["recall"].value < 0.05 < found["recall"].floor
    assert found["coverage"].value < 0.1 < found["coverage"].floor
    assert found["ms_ssim"].value == pytest.approx(1)


def test_a_copied_training_set_is_caught_by_memorization_also_where_it_was_turned(tiles, run):
    training = tiles[: N // 2]  # the first half of the reference; the second is held out
    copies = np.concatenate([training[:, ::-1], training.swapaxes(1, 2)])
    fresh, found = run(["memorization"], tiles[2 * N : 3 * N]), run(["memorization"], copies)
    assert found["memorization"].value == 1
    assert found["memorization/generated_distance"].value == 0 < found["memorization/held_out_distance"].value
    assert fresh["memorization"].value < 0.05 and found["memorization"].floor < 0.05


@pytest.mark.parametrize(
    "fault, names",
    [
        (noise, ["fid", "kid", "precision", "density", "swd", "bands"]),
        (repeated, ["coverage", "ms_ssim", "birthday"]),
        (blurred, ["recall", "probe", "spectrum", "ssim"]),
    ],
)
def test_half_and_half_lies_between_fresh_reals_and_a_fault(tiles, run, fault, names):
    fresh = tiles[2 * N : 3 * N]
    faulty = fault(fresh)
    mixed = np.concatenate([fresh[: N // 2], faulty[N // 2 :]])
    none, half, whole = (run(names, pixels) for pixels in (fresh, mixed, faulty))
    for name in names:
        assert none[name].excess < half[name].excess < whole[name].excess, name


def test_half_copied_lies_between_fresh_reals_and_a_copied_training_set(tiles, run):
    fresh, copied = tiles[2 * N : 3 * N], np.concatenate([tiles[: N // 2]] * 2)
    mixed = np.concatenate([fresh[: N // 2], copied[N // 2 :]])
    none, half, whole = (run(["memorization"], pixels)["memorization"].value for pixels in (fresh, mixed, copied))
    assert none < half < whole == 1 and half == pytest.approx(0.5, abs=0.05)


def test_half_wrong_classes_lie_between_right_ones_and_wrong_ones(tiles, run):
    fresh = tiles[2 * N : 3 * N]
    right = labelled("generated", fresh).labels
    half = np.where(np.arange(N) % 2, right, 1 - right)
    none, some, whole = (run(["cas"], fresh, labels)["cas"].value for labels in (right, half, 1 - right))
    assert none > some > whole
    assert none > 0.9 and whole < 0.1


# The engine.


class Brightness:
    """Difference of mean brightness, and a part."""

    name, smallest, extractor = "brightness", 3, None

    def run(self, real, generated):
        gap = generated.pixels.mean() - real.pixels.mean()
        yield self.name, float(gap)
        yield f"{self.name}/se", abs(float(gap))
        yield f"{self.name}/squared", float(gap**2)


def flat(*values: int) -> Images:
    return Images.of("flat", np.array(values, np.uint8)[:, None, None, None] * np.ones((4, 4, 3), np.uint8))


def test_value_and_floor_are_of_one_reference_and_as_many_images():
    (value, squared) = evaluate([Brightness()], flat(0, 0, 0, 6, 6, 9, 90, 90), flat(3, 3, 3, 99), 3)
    assert (value.name, value.value, value.floor, value.n) == ("brightness", 3, 7, 3)
    assert (value.se, value.floor_se, value.excess) == (3, 7, 4)
    assert (squared.name, squared.value, squared.floor, squared.se) == ("brightness/squared", 9, 49, None)
    assert (value.extractor, value.bands) == (None, None)


def test_floors_may_be_known_already():
    real, generated = flat(0, 0, 0, 6, 6, 9), flat(3, 3, 3)
    floors = evaluation.floors([Brightness()], real, 3)
    assert floors == {"brightness": 7, "brightness/se": 7, "brightness/squared": 49}
    assert evaluate([Brightness()], real[:3], generated, 3, known_floors=floors) == evaluate(
        [Brightness()], real, generated, 3
    )


@pytest.mark.parametrize(
    "real, generated, most, n", [(10, 10, None, 5), (11, 3, None, 3), (100, 90, 20, 20), (3, 9, 9, 1)]
)
def test_the_sample_is_as_large_as_both_value_and_floor_allow(real, generated, most, n):
    assert evaluation.sample_size(real, generated, most) == n


def test_too_few_images_are_refused_or_the_metric_left_out_and_told():
    real, generated = flat(0, 0, 0, 0), flat(1, 1)
    with pytest.raises(InputError, match=r"brightness needs 3 images a side .* 2 a side is all there are"):
        evaluate([Brightness()], real, generated, 2)
    told = []
    assert evaluate([Brightness()], real, generated, 2, refused=lambda *what: told.append(what)) == []
    assert [(name, type(error)) for name, error in told] == [("brightness", InputError)]


@pytest.mark.parametrize("name", NAMES)
def test_one_image_is_refused_by_every_metric(name, real):
    (metric,) = registry.make([name], RandomFilters())
    with pytest.raises(InputError, match=f"{metric.name} needs {metric.smallest} images a side"):
        evaluate([metric], real[:2], real[2:3], 1)


@pytest.mark.parametrize(
    "other", [np.zeros((4, 8, 8, 3), np.uint8), np.zeros((4, 4, 4, 1), np.uint8), np.zeros((4, 4, 4, 3), np.uint16)]
)
def test_sets_of_another_form_are_refused(other):
    with pytest.raises(InputError, match="compare like with like"):
        evaluate([Brightness()], flat(0, 0, 0, 0), Images.of("other", other), 2)


def test_figures_of_features_name_the_network_and_its_bands(real):
    rgb_first = dataclasses.replace(real, bands=("blue", "green", "red"), display_bands=(2, 1, 0))
    (figure,) = evaluate(registry.make(["coverage"], RandomFilters()), rgb_first, rgb_first, 20)
    assert (figure.extractor, figure.bands) == ("random filters 5eed5eed", "red, green, blue")


def test_as_json_what_is_no_number_is_null(run, tiles):
    figures = run(["kid", "birthday"], tiles[2 * N : 3 * N]).values()
    assert {figure.name: figure for figure in figures}["birthday/support"].value == np.inf
    written = json.loads(json.dumps(evaluation.by_name(figures), allow_nan=False))
    assert written["birthday/support"]["value"] is None
    assert written["kid"]["n"] == N and written["kid"]["extractor"].startswith("random filters")


# Names.


def test_groups_and_single_names_are_resolved_each_once():
    assert registry.expand(["swd", "pixels", "swd"])[:2] == ["swd", "ms_ssim"]
    assert len(registry.expand(["all", "pixels"])) == len(set(NAMES)) == len(NAMES) == 15
    assert not registry.needs_extractor(["pixels"]) and registry.needs_extractor(["swd", "kid"])
    assert [metric.name for metric in registry.make(["pixels"])] == registry.expand(["pixels"])


@pytest.mark.parametrize("names", [["fdi"], ["fid", "fdi"], []])
def test_what_is_no_metric_is_refused_with_the_list(names):
    with pytest.raises(InputError, match=r"no metric .*; there are fid, kid, .*memorization"):
        registry.expand(names)


def test_metrics_of_features_want_an_extractor():
    with pytest.raises(InputError, match="kid is computed from features"):
        registry.make(["kid"])
    assert registry.make(["memorization"])[0].extractor is None


def test_features_of_one_set_are_computed_once_for_all_metrics(real):
    filters = RandomFilters()
    evaluate(registry.make(["fid", "kid", "recall", "coverage"], Remembered(filters, most=3)), real, real[N:], 50)
    assert filters.seen == 3 * 50


def test_the_oldest_features_are_forgotten_first():
    asked = []

    class Mean:
        name, digest = "mean", "0"

        def __call__(self, images):
            asked.append(images.name)
            return images.pixels.mean(axis=(1, 2))

    sets = [Images.of(name, np.full((2, 4, 4, 3), value, np.uint8)) for value, name in enumerate("abc")]
    remembered = Remembered(Mean())
    for number in (0, 1, 0, 2, 0, 1):
        np.testing.assert_array_equal(remembered(sets[number]), number)
    assert asked == ["a", "b", "c", "b"]
