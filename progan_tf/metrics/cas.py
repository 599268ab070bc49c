"""Classification accuracy score: what a classifier taught by generated images knows of real ones (Ravuri & Vinyals,
Classification accuracy score for conditional generative models, NeurIPS 2019)."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError
from progan_tf.metrics import linear_classifier
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor


@dataclasses.dataclass(frozen=True)
class Cas:
    """Accuracy of a linear classifier of features that learnt from generated images, on the second half of the real.

    `cas/real` is that of one that learnt from the first half of the real images; both learn from as many.
    """

    extractor: Extractor
    name = "cas"
    smallest = 10

    def __post_init__(self):
        if self.extractor is None:
            raise InputError("cas classifies features and has no network to make them; give an extractor")

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        for images in (real, generated):
            if images.labels is None:
                raise InputError(
                    f"cas needs the classes of images, {images.name} has none; convert with labels and train a "
                    "labelled model, or leave cas out"
                )
        if real.label_names != generated.label_names:
            raise InputError(
                f"cas needs the same classes on both sides, {real.name} has {', '.join(real.label_names)}, "
                f"{generated.name} {', '.join(generated.label_names)}; compare with the data the model learnt from"
            )
        half = len(real) // 2
        count = min(half, len(generated))
        seen, synthetic = self.extractor(real), self.extractor(generated)
        for name, features, labels in (
            (self.name, synthetic[:count], generated.labels[:count]),
            (f"{self.name}/real", seen[:count], real.labels[:count]),
        ):
            right = transferred(features, labels, seen[half:], real.labels[half:])
            yield name, float(right.mean())
            yield f"{name}/se", float(np.sqrt(right.mean() * (1 - right.mean()) / len(right)))


def transferred(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray
) -> np.ndarray:
    """Which test images, bool [M], are classified rightly by what learnt from features [N, D] with labels [N]."""
    classes = 1 + max(int(labels.max()), int(test_labels.max()))
    return linear_classifier.fit(features, labels, classes)(test_features) == test_labels
