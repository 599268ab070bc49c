"""Any network of the user's as an extractor. What is measured through it is a Fréchet distance, never called FID."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf.errors import InputError
from progan_tf.metrics.images import Images

_BATCH = 16


@dataclasses.dataclass(frozen=True, eq=False)
class SavedModelExtractor:
    """A SavedModel whose `serving_default` takes `images` [N, H, W, 3] and returns one output [N, D].

    It gets the bands on display as RGB of 8 bits; where it asks for floating point, the same numbers, 0 to 255.
    Loading a SavedModel runs what is in it: use those you trust.

    Args:
        folder: the SavedModel; its last part names the extractor.
        progress: told how many more images are through.

    Raises:
        InputError: there is no SavedModel, or its signature is another.
    """

    folder: Path
    progress: Callable[[int], None] = lambda images: None

    @property
    def name(self) -> str:
        return f"FD-{self.folder.name}"

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over graph and variables."""
        sha = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                sha.update(f"{path.relative_to(self.folder)} {path.stat().st_size}\n".encode())
                sha.update(path.read_bytes())
        return sha.hexdigest()

    def __call__(self, images: Images) -> np.ndarray:
        signature, dtype, output = self._signature
        batches = []
        for start in range(0, len(images), _BATCH):
            batch = images.rgb(slice(start, start + _BATCH))
            batches.append(signature(images=tf.cast(batch, dtype))[output].numpy().astype(np.float32))
            self.progress(len(batch))
        features = np.concatenate(batches)
        if features.ndim != 2 or len(features) != len(images):
            raise InputError(
                f"{self.folder} returns {list(features.shape)} for {len(images)} images; a row for each is needed"
            )
        if not np.isfinite(features).all():
            raise InputError(f"{self.folder} returns features that are not finite; it is no use as an extractor")
        return features

    @functools.cached_property
    def _signature(self) -> tuple[Callable[..., dict[str, tf.Tensor]], tf.DType, str]:
        """The function, the type of its images, and the name of its output."""
        try:
            signature = tf.saved_model.load(str(self.folder)).signatures["serving_default"]
        except (OSError, KeyError, tf.errors.OpError) as error:
            raise InputError(f"{self.folder} is no SavedModel with a serving_default ({error})") from error
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
        if set(inputs) != {"images"} or len(outputs) != 1:
            raise InputError(
                f"serving_default of {self.folder} takes {', '.join(inputs)} and returns {', '.join(sorted(outputs))}; "
                "it has to take images and return one array"
            )
        return signature, inputs["images"].dtype, next(iter(outputs))
