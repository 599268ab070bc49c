"""Contextual attention (Yu et al. 2018, section 4.1): what is unknown is put together from patches of what is known.

Every patch of a map asks every patch of the same map how much it is like itself, and takes its values from the known
ones, in proportion. All of it is written with sums that slide along two places of a table at once, `_sliding_sum`:

- The product of two patches is the sum of the products of their cells, so the table of all pairs of cells [H, W, H, W],
  one matrix product, becomes that of all pairs of patches.
- Neighbouring patches should copy neighbouring patches. Fusing sums the table once more: a pair of patches has the
  scores of the pairs that lie beside it in the same direction.
- Overlapping patches pasted side by side and averaged are blocks that do not overlap, weighted by the sum of the
  weights of the patches they are part of.

Departures from the published code, which are meant: the table slides in two dimensions, so that the end of a row has
no neighbour in the next one; unusable keys have no share in the softmax; what overlaps is divided by how often it
does, at borders too; each image has a mask of its own; the map is shrunk by the mean of its cells and not to the first
of them, which prefers no corner; and a patch that reaches beyond the border is no key, for it would paste cells that
do not exist (as a query it has zeros there).
"""

import functools
import operator

import keras
from keras import KerasTensor, ops

from progan_tf.layers.borders import cropped

_NO_KEY = -1e30  # the logit of a key that may not be used


class ContextualAttention(keras.Layer):
    """Attends every patch of a feature map to those of its patches that are known, and tells where it copied from.

    The map is shrunk by `rate`. A key is a patch of `patch` x `patch` shrunk cells, all of them known and inside the
    map; a shrunk cell is known where all that it is made of is. Queries are all patches. The logit of a pair is the
    product of the query with the key, which alone has length one (at least 1e-4 is divided by), fused over
    `fuse` x `fuse` neighbours, times `scale`. Values are 2 `rate` cells wide, centred on the shrunk cell (an odd rate
    has them half a cell to the bottom right), and pasted where the query lies; where they overlap the mean is taken.
    Where an image has no key at all, both results are 0.

    Turning or mirroring the map and its mask does the same to the result, with an even rate. Scores and softmax are
    float32 whatever the policy.

    Args:
        rate: how much the map is shrunk for matching; H and W are multiples of it.
        patch: cells a side of what is matched, odd, at least 3: the values of a known key are then all known.
        fuse: neighbours a side whose scores are summed, odd; 1 for no fusing.
        scale: what logits are multiplied by; the larger, the more one patch is copied and the less many are mixed.

    Input: features [N, H, W, C]; known [N, H, W, 1], 1 where a cell is fully known, less where it is not.
    Output: attended [N, H, W, C]; copied int32 [N, H / rate, W / rate, 2], rows and columns from each query to the key
    it weighs most, in shrunk cells.
    """

    def __init__(self, rate: int = 2, patch: int = 3, fuse: int = 3, scale: float = 10.0, **kwargs):
        super().__init__(**kwargs)
        if rate < 1 or patch < 3 or patch % 2 == 0 or fuse < 1 or fuse % 2 == 0:
            raise ValueError(
                f"rate {rate}, patch {patch} and fuse {fuse}; rate must be at least 1, patch odd and at least 3, "
                "fuse odd and at least 1"
            )
        self.rate = rate
        self.patch = patch
        self.fuse = fuse
        self.scale = scale

    def call(self, features, known):
        cells = ops.mean(ops.cast(_blocks(features, self.rate), "float32"), axis=3)  # [N, h, w, C]
        cells_known = ops.cast(ops.min(_blocks(known, self.rate), axis=(3, 4)) >= 1, "float32")  # [N, h, w]
        usable = _sliding_sum(cells_known, self.patch, (1,), (2,)) == self.patch**2
        logits = ops.where(usable[:, None, None], self._logits(cells), _NO_KEY)  # [N, h, w, h, w]
        any_key = ops.any(usable, axis=(1, 2))[:, None, None, None]
        weights = _softmax(logits) * ops.cast(any_key, "float32")[..., None]
        return _paste(weights, features, self.rate), ops.where(any_key, _offsets(logits), 0)

    def _logits(self, cells):
        """Of every query [N, h, w] with every key [h, w], from shrunk features [N, h, w, C]."""
        height, width, channels = cells.shape[1:]
        flat = ops.reshape(cells, (-1, height * width, channels))
        products = ops.reshape(flat @ ops.swapaxes(flat, 1, 2), (-1, height, width, height, width))
        products = _sliding_sum(products, self.patch, (1, 3), (2, 4))
        squares = _sliding_sum(ops.sum(ops.square(cells), axis=-1), self.patch, (1,), (2,))
        lengths = ops.sqrt(ops.maximum(squares, 1e-8))  # the root of 0 would have no gradient
        return _sliding_sum(products * (self.scale / lengths)[:, None, None], self.fuse, (1, 3), (2, 4))

    def compute_output_shape(self, features_shape, known_shape):
        count, height, width, _ = features_shape
        if height % self.rate or width % self.rate:
            raise ValueError(
                f"features of {height} x {width} cells do not shrink by {self.rate}; give a multiple of it"
            )
        return tuple(features_shape), (count, height // self.rate, width // self.rate, 2)

    def compute_output_spec(self, features, known):
        attended, copied = self.compute_output_shape(features.shape, known.shape)
        return KerasTensor(attended, self.compute_dtype), KerasTensor(copied, "int32")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "rate": self.rate,
            "patch": self.patch,
            "fuse": self.fuse,
            "scale": self.scale,
        }


def _sliding_sum(x, window: int, *directions: tuple[int, ...]):
    """Sums over `window` places along each direction: one axis, or several as long that slide together.

    Beyond the ends are zeros. An odd window is centred and leaves the size as it is; the sums of an even one lie
    between places, one more than there are.
    """
    reach = window // 2

    @ops.custom_gradient  # such a sum itself; made of the gradients of slices it takes ten times as long
    def summed(x):
        def gradient(upstream):
            return _slide(upstream, window, window - 1 - reach, directions)

        return _slide(x, window, reach, directions), gradient

    return summed(x)


def _slide(x, window: int, padding: int, directions: tuple[tuple[int, ...], ...]):
    """The same with `padding` zeros at both ends."""
    for axes in directions:
        padded = ops.pad(x, [(padding, padding) if axis in axes else (0, 0) for axis in range(x.ndim)])
        size = padded.shape[axes[0]] - window + 1
        places = [
            [slice(k, k + size) if axis in axes else slice(None) for axis in range(x.ndim)] for k in range(window)
        ]
        x = functools.reduce(operator.add, [padded[tuple(place)] for place in places])
    return x


def _softmax(logits):
    """Over all keys [h, w] of logits [N, h, w, h, w]."""
    height, width = logits.shape[3:]
    flat = ops.reshape(logits, (-1, height, width, height * width))
    return ops.reshape(ops.softmax(flat), (-1, height, width, height, width))


def _offsets(logits):
    """Rows and columns from each query to the key of the greatest logit: int32 [N, h, w, 2]."""
    height, width = logits.shape[3:]
    best = ops.cast(ops.argmax(ops.reshape(logits, (-1, height, width, height * width)), axis=-1), "int32")
    rows = best // width - ops.arange(height, dtype="int32")[:, None]
    columns = best % width - ops.arange(width, dtype="int32")
    return ops.stack([rows, columns], axis=-1)


def _paste(weights, features, rate: int):
    """The mean of the patches 2 `rate` wide that `weights` [N, h, w, h, w] choose for each place: [N, H, W, C]."""
    channels = features.shape[-1]
    before, after = rate // 2, rate - rate // 2
    around = [(0, 0), (before, after), (before, after), (0, 0)]
    blocks = _blocks(ops.pad(features, around), rate)  # a patch is 2 x 2 of these
    rows, columns = blocks.shape[1:3]
    overlaps = _sliding_sum(ops.ones(weights.shape[1:3], "float32"), 2, (0,), (1,))
    weights = _sliding_sum(weights, 2, (1, 3), (2, 4)) / overlaps[:, :, None, None]
    weights = ops.cast(ops.reshape(weights, (-1, rows * columns, rows * columns)), features.dtype)
    pasted = weights @ ops.reshape(blocks, (-1, rows * columns, rate * rate * channels))
    whole = _from_blocks(ops.reshape(pasted, (-1, rows, columns, rate * rate, channels)), rate)
    return cropped(whole, before, after)


def _blocks(x, size: int):
    """[N, H, W, C] -> [N, H / size, W / size, size * size, C]."""
    height, width, channels = x.shape[1:]
    split = ops.reshape(x, (-1, height // size, size, width // size, size, channels))
    rows, columns = height // size, width // size
    return ops.reshape(ops.transpose(split, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, size * size, channels))


def _from_blocks(blocks, size: int):
    """[N, H / size, W / size, size * size, C] -> [N, H, W, C]."""
    rows, columns, _, channels = blocks.shape[1:]
    split = ops.reshape(blocks, (-1, rows, columns, size, size, channels))
    return ops.reshape(ops.transpose(split, (0, 1, 3, 2, 4, 5)), (-1, rows * size, columns * size, channels))
