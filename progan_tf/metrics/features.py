"""Features kept on disk, so that images seen once by a network are not passed through it again."""

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import numpy as np

from progan_tf.metrics import npz
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Extractor


@dataclasses.dataclass(frozen=True)
class Cached:
    """An extractor that looks into `folder` first.

    An entry is found by network (name, which tells the resize, and digest) and images (digest of their pixels), so it
    is never of another split, size or order. It is an npz, whose checksum tells damage; what is damaged is made anew.
    """

    extractor: Extractor
    folder: Path

    @property
    def name(self) -> str:
        return self.extractor.name

    @property
    def digest(self) -> str:
        return self.extractor.digest

    def __call__(self, images: Images) -> np.ndarray:
        path = self.path(images)
        features = _read(path)
        if features is None or len(features) != len(images):
            features = self.extractor(images)
            npz.write(path, {"features": features})
        return features

    def path(self, images: Images) -> Path:
        """The file of these images' features."""
        key = f"{self.name}\n{self.digest}\n{images.digest}"
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def _read(path: Path) -> np.ndarray | None:
    try:
        with np.load(path, allow_pickle=False) as entry:
            return entry["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
