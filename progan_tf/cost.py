"""What training costs: multiplications, weights and feature maps of the layers, from the shapes that the networks have.

Pure arithmetic, so that a plan or the time left needs no TensorFlow. The networks are those of `progan_tf.networks`,
fused up- and down-scaling included: a transposed or strided convolution with a 4 x 4 kernel.
"""

from typing import NamedTuple

from progan_tf.config import Config, NetworkConfig


class Layer(NamedTuple):
    """A layer for one image: `weights` with bias, multiplications of its forward pass, numbers it puts out."""

    name: str
    weights: int
    multiplications: int
    outputs: int


def generator(config: NetworkConfig, level: int, fading: bool = False) -> list[Layer]:
    """The layers that the generator of a level computes with; the old toRGB too while the level is fading in."""
    width, inputs = config.width, config.latent_size + config.labels
    dense = inputs * 16 * width(1)
    layers = [
        Layer("4x4/dense", dense + width(1), dense, 16 * width(1)),
        _convolution("4x4/conv", 16, 3, width(1), width(1)),
    ]
    for at in range(3, level + 1):
        name, narrow, wide = f"{2**at}x{2**at}", width(at - 1), width(at - 2)
        layers += [
            _fused(f"{name}/up", 4**at, wide, narrow, outputs=4**at * narrow),
            _convolution(f"{name}/conv", 4**at, 3, narrow, narrow),
        ]
    return layers + [
        _convolution(f"{2**at}x{2**at}/to_rgb", 4**at, 1, width(at - 1), config.channels) for at in _ends(level, fading)
    ]


def discriminator(config: NetworkConfig, level: int, fading: bool = False) -> list[Layer]:
    """The layers that the discriminator of a level computes with; the old fromRGB too while the level is fading in."""
    width = config.width
    layers = [
        _convolution(f"{2**at}x{2**at}/from_rgb", 4**at, 1, config.channels, width(at - 1))
        for at in _ends(level, fading)
    ]
    for at in range(level, 2, -1):
        name, narrow, wide = f"{2**at}x{2**at}", width(at - 1), width(at - 2)
        layers += [
            _convolution(f"{name}/conv", 4**at, 3, narrow, narrow),
            _fused(f"{name}/down", 4**at, narrow, wide, outputs=4 ** (at - 1) * wide),
        ]
    dense, output = 16 * width(1) * width(0), width(0) * (1 + config.labels)
    return [
        *layers,
        _convolution("4x4/conv", 16, 3, width(1) + 1, width(1)),  # one more: minibatch standard deviation
        Layer("4x4/dense", dense + width(0), dense, width(0)),
        Layer("4x4/output", output + 1 + config.labels, output, 1 + config.labels),
    ]


def forward_flops(layers: list[Layer]) -> int:
    """Floating-point operations of one image's forward pass; a multiplication and its addition are two."""
    return 2 * sum(layer.multiplications for layer in layers)


def weights(layers: list[Layer]) -> int:
    return sum(layer.weights for layer in layers)


def step_flops(config: Config, level: int, fading: bool = False) -> int:
    """Floating-point operations of a whole training step, for each image of its batch; augmentation is not counted.

    In forward passes of generator and discriminator, where a backward pass is one for the inputs and one for the
    weights: making the fakes 1 G, learning from scores 3 D for the reals and 3 D for the fakes, the generator's turn
    3 G + 2 D. A penalty on a gradient is 2 D to the gradient and 4 D back through both passes: WGAN-GP has it at images
    of its own, R1 and R2 at reals and fakes, instead of their 3 D. Least squares look at the gradient alone, for the
    log; relativistic losses judge the reals once more in the generator's turn.
    """
    d_passes = {"wgan_gp": 14, "logistic_r1": 11, "least_squares": 9, "relativistic_r1_r2": 15}[config.loss.name]
    g, d = (forward_flops(layers(config.network, level, fading)) for layers in (generator, discriminator))
    return 4 * g + d_passes * d


def _ends(level: int, fading: bool) -> tuple[int, ...]:
    """The levels at which images come out or in."""
    return (level, level - 1) if fading else (level,)


def _convolution(name: str, pixels: int, kernel: int, inputs: int, outputs: int) -> Layer:
    weights = kernel**2 * inputs * outputs
    return Layer(name, weights + outputs, pixels * weights, pixels * outputs)


def _fused(name: str, pixels: int, inputs: int, features: int, outputs: int) -> Layer:
    """Between `pixels` and a quarter of them: at each of these a 4 x 4 kernel, made of a stored one of 3 x 3."""
    return Layer(name, 9 * inputs * features + features, pixels // 4 * 16 * inputs * features, outputs)
