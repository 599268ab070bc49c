"""Features of the FID Inception-v3, which FID, KID, precision, recall, density and coverage are measured in.

  python -m progan_tf.metrics.inception --fetch

gets its weights into the user's cache folder, once.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from progan_tf.errors import Failed, InputError
from progan_tf.metrics import inception_weights
from progan_tf.metrics.images import Images
from progan_tf.metrics.inception_layout import FEATURES
from progan_tf.metrics.inception_weights import Network
from progan_tf.metrics.resizing import RESIZES

if TYPE_CHECKING:
    import tensorflow as tf

PRECISIONS = ("float32", "bfloat16")
_BATCH = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Inception:
    """The network as an extractor: 2048 features an image, of the bands on display, 8 bits a band.

    Images pass through in batches, so memory does not grow with their number.

    Args:
        network: the weights; `inception_weights.find` returns those of the file or of the cache.
        resize: how images come to 299 x 299, see `progan_tf.metrics.resizing`.
        precision: what convolutions compute in.
        progress: told how many more images are through.

    Raises:
        InputError: there is no such resize or precision.
    """

    network: Network
    resize: str = "clean"
    precision: str = "float32"
    progress: Callable[[int], None] = lambda images: None

    def __post_init__(self):
        for what, given, known in (("resize", self.resize, RESIZES), ("precision", self.precision, PRECISIONS)):
            if given not in known:
                raise InputError(f"{what} {given} is unknown; choose one of {', '.join(known)}")

    @functools.cached_property
    def digest(self) -> str:
        return inception_weights.digest(self.network)

    @functools.cached_property
    def name(self) -> str:
        """`inception-2015-12-05 clean`: network, resize, and precision where it is not float32."""
        known = self.digest == inception_weights.DIGEST
        parts = [inception_weights.NAME if known else "other inception-v3", self.resize, self.precision]
        return " ".join(parts[:2] if self.precision == "float32" else parts)

    def __call__(self, images: Images) -> np.ndarray:
        features = np.empty((len(images), FEATURES), np.float32)
        for start in range(0, len(images), _BATCH):
            batch = images.rgb(slice(start, start + _BATCH))
            features[start : start + _BATCH] = self._run(batch)
            self.progress(len(batch))
        return features

    @functools.cached_property
    def _run(self) -> Callable[[np.ndarray], "tf.Tensor"]:
        from progan_tf.metrics import inception_graph  # imports TensorFlow, which fetching does without

        return inception_graph.build(self.network, self.resize, self.precision)


def main() -> int:
    """Fetches the weights; returns the exit code."""
    if sys.argv[1:] != ["--fetch"]:
        sys.stderr.write(f"inception: {' '.join(sys.argv[1:]) or 'no flag'} is not --fetch, all it does\n")
        return 2
    try:
        sys.stdout.write(f"weights  {inception_weights.fetch()}\n")
    except Failed as error:
        sys.stderr.write(f"inception: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
