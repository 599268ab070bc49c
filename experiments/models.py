"""Loads an exported model."""

from pathlib import Path
from typing import Any

from data_prep import quietly
from progan_tf.errors import InputError


def load(folder: Path) -> Any:
    """The SavedModel of a version folder; its weights live as long as this object.

    Raises:
        InputError: it is damaged.
    """
    quietly.import_tensorflow()
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"model {folder} is damaged ({error}); export it again") from error
