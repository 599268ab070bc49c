"""How well a linear classifier tells generated images from real ones (Lopez-Paz & Oquab, Revisiting classifier
two-sample tests, ICLR 2017)."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError
from progan_tf.metrics import linear_classifier
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor


@dataclasses.dataclass(frozen=True)
class Probe:
    """Accuracy on images the classifier has not seen: 0.5 where the sets cannot be told apart, 1 where they always can.

    Well below 0.5 the sets hold the same images: one seen as real makes its twin be taken for real. As many images of
    either set are used as the smaller one has.
    """

    extractor: Extractor
    folds: int = 5
    seed: int = 0
    name = "probe"
    smallest = 10

    def __post_init__(self):
        if self.extractor is None:
            raise InputError("probe classifies features and has no network to make them; give an extractor")

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        count = min(len(real), len(generated))
        if count < self.folds:
            raise InputError(f"probe needs an image of each set in each of {self.folds} folds, there are {count}")
        right = told_apart(self.extractor(real[:count]), self.extractor(generated[:count]), self.folds, self.seed)
        yield self.name, float(right.mean())
        yield f"{self.name}/se", float(np.sqrt(right.mean() * (1 - right.mean()) / right.size))


def told_apart(real: np.ndarray, generated: np.ndarray, folds: int = 5, seed: int = 0) -> np.ndarray:
    """Which images are classified rightly, bool [2, N], by a classifier that learnt from the other folds.

    Args:
        real, generated: features [N, D]. Every fold has as many of the ones as of the others.
    """
    rng, count = np.random.default_rng(seed), len(real)
    fold = np.stack([rng.permutation(count) % folds for _ in range(2)])  # [2, N]
    features = np.stack([real, generated])  # [2, N, D]
    labels = np.repeat([[0], [1]], count, axis=1)
    right = np.empty((2, count), bool)
    for number in range(folds):
        held_out = fold == number
        classifier = linear_classifier.fit(features[~held_out], labels[~held_out], classes=2)
        right[held_out] = classifier(features[held_out]) == labels[held_out]
    return right
