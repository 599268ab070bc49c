"""Opens the network that metrics of features see through, with progress shown and features kept on disk."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from data_prep import quietly
from data_prep.progress import Progress, Silent
from progan_tf.errors import InputError
from progan_tf.metrics.features import Cached
from progan_tf.metrics.images import Images
from progan_tf.metrics.inception import Inception
from progan_tf.metrics.inception_weights import find
from progan_tf.metrics.metric import Extractor


class Shown:
    """An extractor with a bar for every set of images it sees; `make` makes it, given whom to tell of its progress."""

    def __init__(self, make: Callable[[Callable[[int], None]], Extractor], progress: type[Progress]):
        self._progress, self._bar = progress, Silent("", 0, "")
        self._extractor = make(lambda count: self._bar.advance(count))
        self.name, self.digest = self._extractor.name, self._extractor.digest

    def __call__(self, images: Images) -> np.ndarray:
        with self._progress(f"features of {images.name}", len(images), "images") as self._bar:
            return self._extractor(images)


def default_cache() -> Path:
    """Where features are kept without another folder: progan_tf/features in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "progan_tf" / "features"


def open_inception(
    path: str = "",
    *,
    resize: str = "clean",
    precision: str = "float32",
    cache: Path | None = None,
    progress: type[Progress] = Silent,
) -> Extractor:
    """The FID network, of weights in a file or else in the user's cache; features are kept in `cache`, if one is given.

    Raises:
        InputError: there are no weights, or other ones; says how to get them.
    """
    network = find(Path(path) if path else None)
    extractor = Shown(lambda told: Inception(network, resize, precision, told), progress)
    return Cached(extractor, cache) if cache else extractor


def open_saved_model(path: str, *, cache: Path, progress: type[Progress] = Silent) -> Extractor:
    """A SavedModel of the user's that makes features of images; they are kept in `cache`.

    Raises:
        InputError: it is none, or takes and returns something else.
    """
    if not (Path(path) / "saved_model.pb").is_file():
        raise InputError(f"--extractor={path} is no SavedModel; give a folder that holds a saved_model.pb")
    quietly.import_tensorflow()
    from progan_tf.metrics.saved_model_extractor import SavedModelExtractor

    return Cached(Shown(lambda told: SavedModelExtractor(Path(path), told), progress), cache)
