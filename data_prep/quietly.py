"""Loads TensorFlow without what it has to say about missing GPU drivers, which no setting of its own turns off."""

import os
import sys


def import_tensorflow() -> None:
    """Imports TensorFlow; meanwhile what C++ writes to stderr is dropped. Python errors come through."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
