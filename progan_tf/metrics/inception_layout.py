"""The FID Inception-v3 as a table: its convolutions and pools, in their order (Szegedy et al. 2016, figures 5 to 7).

It is the network of the file inception-2015-12-05, which differs from later ones of that name in its last block: there
a max pool stands before the last convolution, where the block before it has an average pool.
"""

import dataclasses
import functools
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution, batch norm without scale, and ReLU.

    `name` is its scope in the TensorFlow graph of 2015, `torch_name` its module where others keep the same weights.
    """

    name: str
    torch_name: str
    size: tuple[int, int]
    filters: int
    stride: int = 1
    padding: str = "SAME"


@dataclasses.dataclass(frozen=True)
class Pool:
    """Max or average over 3 x 3 pixels: with stride 1 padded, the padding not averaged; with stride 2 not padded."""

    kind: str
    stride: int = 1


@dataclasses.dataclass(frozen=True)
class Branches:
    """Chains that see the same input, their outputs joined."""

    chains: tuple["Chain", ...]


Chain = tuple[Convolution | Pool | Branches, ...]

SIDE, FEATURES = 299, 2048


def _convolution(block: str, torch_block: str, name: str, torch_name: str, *rest, **options) -> Convolution:
    return Convolution(f"{block}/{name}", f"{torch_block}.{torch_name}", *rest, **options)


def _block_a(conv: Callable[..., Convolution], pooled: int) -> Branches:
    return Branches((
        (conv("conv", "branch1x1", (1, 1), 64),),
        (conv("tower/conv", "branch5x5_1", (1, 1), 48), conv("tower/conv_1", "branch5x5_2", (5, 5), 64)),
        (
            conv("tower_1/conv", "branch3x3dbl_1", (1, 1), 64),
            conv("tower_1/conv_1", "branch3x3dbl_2", (3, 3), 96),
            conv("tower_1/conv_2", "branch3x3dbl_3", (3, 3), 96),
        ),
        (Pool("average"), conv("tower_2/conv", "branch_pool", (1, 1), pooled)),
    ))  # fmt: skip


def _block_b(conv: Callable[..., Convolution]) -> Branches:
    return Branches((
        (conv("conv", "branch3x3", (3, 3), 384, stride=2, padding="VALID"),),
        (
            conv("tower/conv", "branch3x3dbl_1", (1, 1), 64),
            conv("tower/conv_1", "branch3x3dbl_2", (3, 3), 96),
            conv("tower/conv_2", "branch3x3dbl_3", (3, 3), 96, stride=2, padding="VALID"),
        ),
        (Pool("max", stride=2),),
    ))  # fmt: skip


def _block_c(conv: Callable[..., Convolution], inner: int) -> Branches:
    return Branches((
        (conv("conv", "branch1x1", (1, 1), 192),),
        (
            conv("tower/conv", "branch7x7_1", (1, 1), inner),
            conv("tower/conv_1", "branch7x7_2", (1, 7), inner),
            conv("tower/conv_2", "branch7x7_3", (7, 1), 192),
        ),
        (
            conv("tower_1/conv", "branch7x7dbl_1", (1, 1), inner),
            conv("tower_1/conv_1", "branch7x7dbl_2", (7, 1), inner),
            conv("tower_1/conv_2", "branch7x7dbl_3", (1, 7), inner),
            conv("tower_1/conv_3", "branch7x7dbl_4", (7, 1), inner),
            conv("tower_1/conv_4", "branch7x7dbl_5", (1, 7), 192),
        ),
        (Pool("average"), conv("tower_2/conv", "branch_pool", (1, 1), 192)),
    ))  # fmt: skip


def _block_d(conv: Callable[..., Convolution]) -> Branches:
    return Branches((
        (
            conv("tower/conv", "branch3x3_1", (1, 1), 192),
            conv("tower/conv_1", "branch3x3_2", (3, 3), 320, stride=2, padding="VALID"),
        ),
        (
            conv("tower_1/conv", "branch7x7x3_1", (1, 1), 192),
            conv("tower_1/conv_1", "branch7x7x3_2", (1, 7), 192),
            conv("tower_1/conv_2", "branch7x7x3_3", (7, 1), 192),
            conv("tower_1/conv_3", "branch7x7x3_4", (3, 3), 192, stride=2, padding="VALID"),
        ),
        (Pool("max", stride=2),),
    ))  # fmt: skip


def _block_e(conv: Callable[..., Convolution], pool: str) -> Branches:
    return Branches((
        (conv("conv", "branch1x1", (1, 1), 320),),
        (
            conv("tower/conv", "branch3x3_1", (1, 1), 384),
            Branches((
                (conv("tower/mixed/conv", "branch3x3_2a", (1, 3), 384),),
                (conv("tower/mixed/conv_1", "branch3x3_2b", (3, 1), 384),),
            )),
        ),
        (
            conv("tower_1/conv", "branch3x3dbl_1", (1, 1), 448),
            conv("tower_1/conv_1", "branch3x3dbl_2", (3, 3), 384),
            Branches((
                (conv("tower_1/mixed/conv", "branch3x3dbl_3a", (1, 3), 384),),
                (conv("tower_1/mixed/conv_1", "branch3x3dbl_3b", (3, 1), 384),),
            )),
        ),
        (Pool(pool), conv("tower_2/conv", "branch_pool", (1, 1), 192)),
    ))  # fmt: skip


def _block(number: int, torch_block: str) -> Callable[..., Convolution]:
    return functools.partial(_convolution, f"mixed_{number}" if number else "mixed", f"Mixed_{torch_block}")


NETWORK: Chain = (
    Convolution("conv", "Conv2d_1a_3x3", (3, 3), 32, stride=2, padding="VALID"),
    Convolution("conv_1", "Conv2d_2a_3x3", (3, 3), 32, padding="VALID"),
    Convolution("conv_2", "Conv2d_2b_3x3", (3, 3), 64),
    Pool("max", stride=2),
    Convolution("conv_3", "Conv2d_3b_1x1", (1, 1), 80),
    Convolution("conv_4", "Conv2d_4a_3x3", (3, 3), 192, padding="VALID"),
    Pool("max", stride=2),
    _block_a(_block(0, "5b"), 32),
    _block_a(_block(1, "5c"), 64),
    _block_a(_block(2, "5d"), 64),
    _block_b(_block(3, "6a")),
    _block_c(_block(4, "6b"), 128),
    _block_c(_block(5, "6c"), 160),
    _block_c(_block(6, "6d"), 160),
    _block_c(_block(7, "6e"), 192),
    _block_d(_block(8, "7a")),
    _block_e(_block(9, "7b"), "average"),
    _block_e(_block(10, "7c"), "max"),
)


def kernel_shapes() -> dict[Convolution, tuple[int, int, int, int]]:
    """[height, width, inputs, outputs] of every convolution's kernel, in the order of the network."""
    shapes: dict[Convolution, tuple[int, int, int, int]] = {}
    _follow(NETWORK, 3, shapes)
    return shapes


def _follow(chain: Chain, channels: int, shapes: dict[Convolution, tuple[int, int, int, int]]) -> int:
    """The number of channels after a chain; notes the shapes on the way."""
    for part in chain:
        if isinstance(part, Convolution):
            shapes[part] = (*part.size, channels, part.filters)
            channels = part.filters
        elif isinstance(part, Branches):
            channels = sum(_follow(branch, channels, shapes) for branch in part.chains)
    return channels
