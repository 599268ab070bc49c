"""A network for tests that needs no weights: it tells colours, textures and their places apart, and is no judge."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from progan_tf.metrics.images import Images

_SIDE, _FILTERS, _PLACES = 5, 24, 2


class RandomFilters:
    """What random filters of 5 x 5 pixels leave above zero: mean and deviation in each quarter of an image.

    Half of the filters see no colour, and are louder for it, so that texture counts. 192 features.
    """

    name, digest = "random filters", "5eed" * 16

    def __init__(self):
        self.seen = 0
        filters = np.random.default_rng(0).standard_normal((3, _SIDE**2, _FILTERS)) / 9
        filters[..., ::2] = 6 * (filters[..., ::2] - filters[..., ::2].mean(axis=1, keepdims=True))
        self._filters = filters.reshape(-1, _FILTERS)

    def __call__(self, images: Images) -> np.ndarray:
        self.seen += len(images)
        found = [self._features(images.rgb(slice(start, start + 32))) for start in range(0, len(images), 32)]
        return np.concatenate(found).astype(np.float32)

    def _features(self, rgb: np.ndarray) -> np.ndarray:
        windows = sliding_window_view(rgb / 127.5 - 1, (_SIDE, _SIDE), axis=(1, 2))[:, ::2, ::2]  # [N, y, x, 3, 5, 5]
        passed = np.maximum(windows.reshape(*windows.shape[:3], -1) @ self._filters, 0)
        part = passed.shape[1] // _PLACES
        parts = passed[:, : _PLACES * part, : _PLACES * part].reshape(len(rgb), _PLACES, part, _PLACES, part, -1)
        return np.concatenate([getattr(parts, kind)(axis=(2, 4)).reshape(len(rgb), -1) for kind in ("mean", "std")], 1)
