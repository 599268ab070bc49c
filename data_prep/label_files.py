"""Labels beside the records, as the official tools read them: `<name>-rxx.labels` of every split of one shard.

npy, float32 one-hot [images, labels], in the order of the records, which have the same labels in them.
"""

import io

import numpy as np

from data_prep import files
from progan_tf.data.manifest import Manifest


def listed(manifest: Manifest) -> dict[str, str]:
    """The label file of each split that has one, relative to the dataset directory; of datasets that we converted."""
    if not manifest.labels or "recipe" not in manifest.source:
        return {}
    top = manifest.levels[-1]
    return {
        split: f"{split}/{manifest.name}-rxx.labels"
        for split in manifest.splits
        if len(manifest.shards(split, top)) == 1
    }


def content(rows: np.ndarray) -> bytes:
    """What the file of these labels [images, labels] holds."""
    file = io.BytesIO()
    np.save(file, rows.astype(np.float32))
    return file.getvalue()


def write(path: str, rows: np.ndarray, partial: str) -> None:
    """Writes the file of these labels, at `partial` until it is whole."""
    with files.open_file(partial, "wb") as file:
        file.write(content(rows))
    files.move(partial, path)
