"""What a PNG says of itself in its metadata: that it is synthetic, of which model, and what it was made from."""

import numpy as np

from progan_tf import imaging
from progan_tf.serving.model import Arrays, Version

_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_HEADER_BYTES = 33  # up to where IHDR ends


def signed(outputs: Arrays, inputs: Arrays, version: Version) -> Arrays:
    """Outputs of a model, every PNG among them with text: SYNTHETIC, Model, Version, and the numbers of its own row.

    Numbers are those inputs that have one a row, such as Seed and Truncation. Other outputs are as they were.
    """
    return {name: _signed(array, inputs, version) for name, array in outputs.items()}


def _signed(array: np.ndarray, inputs: Arrays, version: Version) -> np.ndarray:
    if array.dtype != object or array.ndim != 1 or not all(map(_is_png, array)):
        return array
    text = {"SYNTHETIC": version.synthetic, "Model": version.model, "Version": str(version.number)}
    numbers = {
        name.capitalize(): column
        for name, column in inputs.items()
        if column.shape == array.shape and column.dtype != object
    }
    said = [{**text, **{name: str(column[row]) for name, column in numbers.items()}} for row in range(len(array))]
    signed = np.empty(len(array), object)
    signed[:] = [imaging.with_text(png, words) for png, words in zip(array, said, strict=True)]
    return signed


def _is_png(value: bytes) -> bool:
    return value.startswith(_PNG) and len(value) > _HEADER_BYTES
