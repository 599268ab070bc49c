"""Softmax regression against scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from progan_tf.metrics import linear_classifier


def clusters(count: int, classes: int, dimensions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    centres = np.random.default_rng(1).normal(size=(classes, dimensions))
    return (centres[labels] + rng.normal(size=(count, dimensions))) * 5 + 300, labels


@pytest.mark.parametrize("count, classes, dimensions", [(300, 3, 5), (60, 4, 200), (500, 10, 20)])
def test_probabilities_are_those_of_scikit_learn(count, classes, dimensions):
    features, labels = clusters(count, classes, dimensions)
    unseen, _ = clusters(200, classes, dimensions, seed=2)
    ours = linear_classifier.fit(features, labels, classes)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=10000).fit((features - mean) / deviation, labels)
    scores = ours.scores(unseen)
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, theirs.predict_proba((unseen - mean) / deviation), atol=2e-4)


def test_two_classes_are_logistic_regression_of_half_the_penalty():
    features, labels = clusters(200, 2, 6)
    ours = linear_classifier.fit(features, labels, 2)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    theirs = LogisticRegression(C=2.0, tol=1e-8, max_iter=10000).fit((features - mean) / deviation, labels)
    np.testing.assert_allclose(ours.weights[:, 1] - ours.weights[:, 0], theirs.coef_[0], atol=1e-3)
    np.testing.assert_allclose(ours.bias[1] - ours.bias[0], theirs.intercept_[0], atol=1e-3)


def test_a_class_without_examples_is_never_chosen():
    features, labels = clusters(100, 2, 3)
    classifier = linear_classifier.fit(features, labels * 2 + 1, classes=5)
    assert set(classifier(features).tolist()) == {1, 3}
    alone = linear_classifier.fit(features, np.full(100, 2), classes=5)
    assert set(alone(features).tolist()) == {2}


def test_features_that_do_not_vary_have_no_say():
    features, labels = clusters(100, 2, 3)
    constant = np.column_stack([features, np.full(100, 0.1), np.zeros(100)])
    unseen = np.column_stack([features, np.full(100, 1e6), np.full(100, -3)])
    plain = linear_classifier.fit(features, labels, 2)(features)
    np.testing.assert_array_equal(linear_classifier.fit(constant, labels, 2)(unseen), plain)
