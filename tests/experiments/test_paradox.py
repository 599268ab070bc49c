"""The birthday paradox test with verdicts, and the sheet that a person judges by."""

import json
import math

import numpy as np
import pytest

from experiments.openlab_2019 import contact_sheet, paradox
from experiments.openlab_2019.contact_sheet import Neighbour
from progan_tf.metrics import birthday, symmetries
from progan_tf.metrics.images import Images
from tests import datasets


def images(channels: int = 3) -> Images:
    """Four samples of ten tiles; the first holds one twice, the second a flat one twice, the third one with noise."""
    pixels = datasets.landscape(40, 32)[np.random.default_rng(1).permutation(40)][..., :channels].copy()
    pixels[7] = pixels[3]
    pixels[[12, 15]] = 80
    pixels[21] = np.clip(pixels[28].astype(int) + 6, 0, 255)
    return Images.of("model", pixels)


@pytest.fixture(scope="module")
def samples() -> tuple:
    return tuple(birthday.closest_of_samples(images(), 10, 3))


def pair(i: int, j: int) -> tuple[str, frozenset[str]]:
    return "model", frozenset((str(i), str(j)))


@pytest.mark.parametrize("known, threshold, duplicates", [
    ({}, None, set()),
    ({}, 0.0, {(3, 7)}),
    ({}, 0.001, {(3, 7), (21, 28)}),
    ({pair(28, 21): "same"}, 0.0, {(3, 7), (21, 28)}),
    ({pair(3, 7): "different"}, 0.001, {(21, 28)}),
    ({pair(3, 7): "unsure"}, 0.001, {(21, 28)}),
    ({pair(12, 15): "same"}, None, set()),
    ({("other", frozenset(("3", "7"))): "different"}, 0.0, {(3, 7)}),
])  # fmt: skip
def test_people_and_threshold_make_the_support(samples, known, threshold, duplicates):
    found = paradox.judge(images(), samples, 10, known, threshold)
    assert found.duplicates == duplicates
    assert found.support == birthday.support(len({i // 10 for i, _ in duplicates}), 4, 10)


def test_two_duplicates_in_one_sample_are_one_sample(samples):
    numbers = {(found.i, found.j) for found in samples[0]}
    known = {pair(i, j): "same" for i, j in numbers}
    assert len(numbers) == 3
    assert paradox.judge(images(), samples, 10, known, None).support.duplicated == 1


def test_pairs_that_nobody_judged_are_counted(samples):
    featured = sum(not found.featureless for pairs in samples for found in pairs)
    assert paradox.judge(images(), samples, 10, {}, None).open == featured == 12
    known = {pair(3, 7): "unsure", pair(12, 15): "same"}
    assert paradox.judge(images(), samples, 10, known, None).open == featured - 1


def test_the_json_has_every_pair_with_what_was_said_and_its_nearest_real_images(samples):
    real = Images.of("real", datasets.landscape(5, 32))
    found = paradox.judge(images(), samples, 10, {pair(3, 7): "same"}, None)
    told = json.loads(json.dumps(found.as_json(real, {3: Neighbour(4, 1, 0.25)}), allow_nan=False))
    assert [len(pairs) for pairs in told["samples"]] == [len(pairs) for pairs in samples]
    first = told["samples"][0][0]
    assert (first["keys"], first["mse"], first["verdict"], first["duplicate"]) == (["3", "7"], 0, "same", True)
    assert first["nearest_real"] == [{"key": "4", "index": 4, "symmetry": 1, "mse": 0.25}]
    assert told["support"]["duplicated"] == 1
    none = paradox.judge(images(), samples, 10, {}, None)
    assert none.support.estimate == math.inf and none.as_json(real, {})["support"]["estimate"] is None


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sheet_shows_both_members_and_their_nearest_real_images_as_they_lie(channels):
    generated = images(channels)
    real = Images.of("real", np.stack([symmetries.transform(image, 5) for image in generated.pixels[:10]]))
    near = symmetries.nearest(generated.pixels[[3, 5]], real.pixels)
    neighbours = {
        member: Neighbour(int(near.index[row]), int(near.symmetry[row]), float(near.mse[row]))
        for row, member in enumerate((3, 5))
    }
    (found,) = (p for p in birthday.closest_pairs(generated[:10], 45) if (p.i, p.j) == (3, 5))
    figure = contact_sheet.draw(generated, {"Closest": [found], "None": []}, real, neighbours)
    (shown,) = (axis for axis in figure.subfigs[0].axes if axis.images)
    pixels = [np.atleast_3d(image.get_array()) for image in shown.images]
    for drawn, index in zip(pixels, (3, 5, 3, 5), strict=True):
        np.testing.assert_array_equal(drawn, generated.pixels[index])
    texts = " ".join(text.get_text() for text in shown.texts)
    assert f"nearest real, mse 0.0000\n{neighbours[3].index}" in texts
    assert shown.get_title(loc="left") == contact_sheet.measured(found)
    assert [part.get_suptitle() for part in figure.subfigs] == ["Closest"]


def test_a_pair_is_measured_in_words():
    fields = {"i": 0, "j": 1, "keys": ("a", "b"), "featureless": False}
    plain = birthday.Pair(mse=0.25, turned_mse=0.25, symmetry=0, ssim=None, feature_distance=None, **fields)
    assert contact_sheet.measured(plain) == "mse 0.25000"
    turned = birthday.Pair(mse=0.25, turned_mse=0.125, symmetry=1, ssim=0.5, feature_distance=12.0, **fields)
    assert contact_sheet.measured(turned) == "mse 0.25000, 0.12500 mirrored, ssim 0.500, features 12.00"


def test_a_sheet_without_pairs_is_empty():
    generated = images()
    assert not contact_sheet.draw(generated, {"Closest": []}, generated, {}).axes
