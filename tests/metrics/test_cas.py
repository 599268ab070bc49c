"""Train on generated, test on real: known classes, wrong labels, and sets without any."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from progan_tf.errors import InputError
from progan_tf.metrics.cas import Cas
from progan_tf.metrics.images import Images
from tests.metrics.pixel_features import Pixels

NAMES = ("field", "town", "water")


def labelled(count: int, spread: float = 40, seed: int = 0, classes: int = 3) -> Images:
    """Noise around one picture a class."""
    pictures = np.random.default_rng(99).integers(60, 200, (len(NAMES), 4, 4, 3))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    pixels = np.clip(np.rint(rng.normal(pictures[labels], spread)), 0, 255).astype(np.uint8)
    return dataclasses.replace(Images.of("labelled", pixels), labels=labels, label_names=NAMES)


def run(real: Images, generated: Images) -> dict[str, float]:
    return dict(Cas(Pixels()).run(real, generated))


def test_a_generator_as_good_as_real_teaches_as_well():
    found = run(labelled(600, spread=120), labelled(300, spread=120, seed=1))
    assert 0.7 < found["cas"] < 1
    assert abs(found["cas"] - found["cas/real"]) < 3 * np.hypot(found["cas/se"], found["cas/real/se"])
    assert found["cas/se"] == pytest.approx((found["cas"] * (1 - found["cas"]) / 300) ** 0.5)


def test_accuracies_are_those_of_scikit_learn():
    real, generated = labelled(400, spread=150), labelled(500, spread=150, seed=1)
    found, features = run(real, generated), Pixels()
    for name, images in (("cas", generated[:200]), ("cas/real", real[:200])):
        scaler = StandardScaler().fit(features(images))
        theirs = LogisticRegression(tol=1e-8, max_iter=10000).fit(scaler.transform(features(images)), images.labels)
        expected = theirs.score(scaler.transform(features(real[200:])), real.labels[200:])
        assert found[name] == pytest.approx(expected, abs=0.006)
        assert 0.4 < expected < 0.95


def test_wrong_labels_teach_nothing():
    generated = labelled(300, seed=1)
    shuffled = dataclasses.replace(generated, labels=np.random.default_rng(0).permutation(generated.labels))
    found = run(labelled(600), shuffled)
    assert found["cas"] < 0.5 < 0.8 < found["cas/real"]


def test_a_class_that_is_never_generated_is_never_recognised():
    real = labelled(600)
    found = run(real, labelled(300, seed=1, classes=2))
    share = np.mean(real.labels[300:] < 2)
    assert share - 0.1 < found["cas"] <= share


def test_sets_without_classes_are_refused_with_the_remedy():
    plain = dataclasses.replace(labelled(20), labels=None, label_names=(), name="plain")
    for real, generated in ((plain, labelled(20)), (labelled(20), plain)):
        with pytest.raises(InputError, match="plain has none; convert with labels and train a labelled model"):
            run(real, generated)


def test_sets_of_other_classes_are_refused():
    other = dataclasses.replace(labelled(20), label_names=("town", "field", "water"), name="other")
    with pytest.raises(InputError, match="labelled has field, town, water, other town, field, water"):
        run(labelled(20), other)


def test_without_an_extractor_it_refuses():
    with pytest.raises(InputError, match="give an extractor"):
        Cas(None)
