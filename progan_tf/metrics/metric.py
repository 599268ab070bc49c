"""What a metric is, and what a network is that metrics see through."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from progan_tf.metrics.images import Images


class Extractor(Protocol):
    """A network that turns images into feature vectors. `digest` is the SHA-256 of its weights."""

    name: str
    digest: str

    def __call__(self, images: Images) -> np.ndarray:
        """Features float32 [N, D], in the order of the images."""


class Metric(Protocol):
    """A way to compare generated images with real ones.

    `extractor` is the network it sees through, None where it looks at pixels. `smallest` is the least number of images
    a side that it can be computed from.
    """

    name: str
    smallest: int
    extractor: Extractor | None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        """Yields (name, value): `name` itself is the headline, what it is made of is called `name/part`.

        `name/se`, where there is one, is the standard error of the headline.

        Raises:
            InputError: the two sets do not go together, or are too small.
        """
