"""A smooth continuation of what is known, which the network adds to."""

from keras import ops

from progan_tf.layers.resampling import downscale

_REACH = 2  # pixels, at every scale


def fill(images, known):
    """Known pixels as they are; every other one the mean of the known around it, at the finest scale that has any.

    Images [N, S, S, C], known [N, S, S, 1] of 0 and 1 -> [N, S, S, C]. Beside the join that is what lies across it, far
    away the mean of all that is known, and 0 where nothing is. A pull-push pyramid (Gortler et al. 1996, section 3.4)
    that looks `_REACH` pixels far at every scale before it falls back on the next.
    """
    return _fill(images * known, known)


def _fill(sums, weights):
    """`sums` are values times their weights, which are over 0 where there is a value."""
    reached = _ratio(sums, weights)
    if sums.shape[1] == 1:
        return reached
    coarse = _enlarge(_fill(downscale(sums), downscale(weights)))
    wide_sums, wide_weights = sums, weights
    for _ in range(_REACH):
        wide_sums, wide_weights = _around(wide_sums), _around(wide_weights)
    beside = ops.where(wide_weights > 0, _ratio(wide_sums, wide_weights), coarse)
    return ops.where(weights > 0, reached, beside)


def _ratio(sums, weights):
    return sums / ops.maximum(weights, 1e-6)


def _around(x):
    """Sums over 3 x 3 pixels, nothing beyond the border."""
    for axis in (1, 2):
        x = x + _shifted(x, axis, 1) + _shifted(x, axis, -1)
    return x


def _shifted(x, axis: int, by: int):
    """x moved by one pixel along an axis, zeros coming in."""
    padding = [(0, 0)] * 4
    padding[axis] = (by, 0) if by > 0 else (0, -by)
    padded = ops.pad(x, padding)
    kept = [slice(None)] * 4
    kept[axis] = slice(0, x.shape[axis]) if by > 0 else slice(-by, None)
    return padded[tuple(kept)]


def _enlarge(x):
    """Bilinear 2x up-scaling."""
    size = (2 * x.shape[1], 2 * x.shape[2])
    return ops.image.resize(x, size, interpolation="bilinear", data_format="channels_last")
