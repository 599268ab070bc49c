"""From training weights to the weights of inference: all that is constant is multiplied out beforehand."""

import dataclasses

import numpy as np

from progan_tf.layers.equalized import Equalized
from progan_tf.layers.equalized_conv import EqualizedUpConv2D, spread
from progan_tf.networks.generator import Generator


@dataclasses.dataclass(frozen=True)
class Affine:
    """A kernel ready for use, of a matrix product or a convolution, and its bias [features]."""

    kernel: np.ndarray
    bias: np.ndarray


@dataclasses.dataclass(frozen=True)
class FoldedGenerator:
    """The weights of one level, float32.

    `blocks` go from 4 x 4 upwards, two layers each: first dense [Z + L, 16 C] and convolution [3, 3, C, C], then
    up-scaling convolution [4, 4, C, previous C] and convolution. `to_rgb` has kernels [1, 1, C, channels];
    `old_to_rgb` is that of the level before, and None where the newest level does not fade in (`alpha` is 1).
    """

    blocks: tuple[tuple[Affine, Affine], ...]
    to_rgb: Affine
    old_to_rgb: Affine | None
    alpha: float


def fold(generator: Generator, level: int, alpha: float) -> FoldedGenerator:
    """The weights that `generator` computes with at `level`, the newest level weighed by `alpha` in (0, 1]."""
    return FoldedGenerator(
        blocks=tuple(tuple(map(_fold_layer, generator.blocks[current])) for current in range(2, level + 1)),
        to_rgb=_fold_layer(generator.to_rgb[level]),
        old_to_rgb=_fold_layer(generator.to_rgb[level - 1]) if alpha < 1 else None,
        alpha=alpha,
    )


def _fold_layer(layer: Equalized) -> Affine:
    kernel = layer.scaled_kernel()
    if isinstance(layer, EqualizedUpConv2D):
        kernel = spread(kernel)
    return Affine(kernel.numpy(), layer.bias.numpy())
