"""The probe: half where sets are alike, near one where they are not, and scikit-learn as its oracle."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from progan_tf.errors import InputError
from progan_tf.metrics import probe
from progan_tf.metrics.images import Images
from progan_tf.metrics.probe import Probe
from tests.metrics.pixel_features import Pixels


def noise(count: int, mean: float = 100, seed: int = 0) -> Images:
    pixels = np.random.default_rng(seed).normal(mean, 20, (count, 4, 4, 1))
    return Images.of("noise", np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def run(real: Images, generated: Images, **options) -> dict[str, float]:
    return dict(Probe(Pixels(), **options).run(real, generated))


def test_sets_of_one_kind_cannot_be_told_apart():
    found = run(noise(400), noise(400, seed=1))
    assert abs(found["probe"] - 0.5) < 3 * found["probe/se"]
    assert found["probe/se"] == pytest.approx((0.25 / 800) ** 0.5, rel=0.02)


def test_sets_further_apart_are_told_apart_better():
    scores = [run(noise(200), noise(200, mean, seed=1))["probe"] for mean in (100, 102, 106, 130)]
    assert scores == sorted(scores)
    assert scores[0] < 0.6 and scores[-1] > 0.99


def test_accuracy_is_that_of_scikit_learn_on_the_same_folds():
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(150, 8)), rng.normal(0.3, 1.2, size=(150, 8))
    right = probe.told_apart(real, generated, folds=5, seed=3)
    draw = np.random.default_rng(3)
    folds = np.concatenate([draw.permutation(150) % 5 for _ in range(2)])
    labels = np.repeat([0, 1], 150)
    theirs = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(C=2.0, tol=1e-8)),
        np.concatenate([real, generated]),
        labels,
        cv=PredefinedSplit(folds),
    )
    assert np.mean(right.ravel() != (theirs == labels)) <= 0.01
    assert right.mean() > 0.55


def test_sets_that_hold_the_same_images_score_below_half():
    images = noise(100)
    found = run(images, images[::-1])
    assert found["probe"] < 0.5 - 3 * found["probe/se"]


def test_the_seed_draws_the_folds():
    sets = noise(60), noise(60, 103, seed=1)
    assert run(*sets) == run(*sets)
    assert len({run(*sets, seed=seed)["probe"] for seed in range(3)}) > 1


def test_as_many_images_of_either_set_count():
    found = run(noise(40), noise(400, seed=1))
    assert found["probe/se"] == pytest.approx((found["probe"] * (1 - found["probe"]) / 80) ** 0.5)


def test_one_image_repeated_and_constant_images_are_told_apart():
    repeated = Images.of("repeated", np.repeat(noise(1).pixels, 50, axis=0))
    constant = Images.of("constant", np.full((50, 4, 4, 1), 130, np.uint8))
    assert run(noise(50, seed=1), repeated)["probe"] > 0.7
    assert run(noise(50, seed=1), constant)["probe"] > 0.9
    assert run(constant, constant)["probe"] == 0.5


def test_every_fold_needs_an_image_of_each_set():
    assert 0 <= run(noise(5), noise(5, seed=1))["probe"] <= 1
    with pytest.raises(InputError, match="each of 5 folds, there are 4"):
        run(noise(4), noise(40))


def test_without_an_extractor_it_refuses():
    with pytest.raises(InputError, match="give an extractor"):
        Probe(None)
