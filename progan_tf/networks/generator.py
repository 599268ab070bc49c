"""The growing generator: all layers of all levels made once, composed afresh for each level."""

import keras
from keras import ops

from progan_tf.config import NetworkConfig
from progan_tf.layers.equalized_conv import EqualizedConv2D, EqualizedUpConv2D
from progan_tf.layers.equalized_dense import EqualizedDense
from progan_tf.layers.pixel_norm import PixelNorm
from progan_tf.layers.resampling import blend, leaky_relu, upscale
from progan_tf.networks.growing import GrowingNetwork


class Generator(GrowingNetwork):
    """Latents to images (Karras et al. 2018, table 2; the published code's fused up-scaling).

    Every hidden layer is followed by a leaky ReLU and then pixel norm; toRGB is linear, images are about in [-1, 1].
    Under a mixed precision images are still float32, made by a float32 toRGB.
    """

    def __init__(self, config: NetworkConfig, seed: int = 0, name: str = "generator", precision: str = "float32"):
        super().__init__(config, seed, name, precision)
        self.latent_norm = PixelNorm(dtype="float32")
        self.pixel_norm = PixelNorm(dtype=precision)
        width = config.width
        inputs = config.latent_size + config.labels
        # A quarter of the usual gain, as published.
        dense = self.add("4x4/dense", EqualizedDense, (inputs,), output_shape=(4, 4, width(1)), gain=2**0.5 / 4)
        conv = self.add("4x4/conv", EqualizedConv2D, (4, 4, width(1)), filters=width(1))
        self.blocks = {2: (dense, conv)}
        for level in range(3, config.final_level + 1):
            size, features = 2**level, width(level - 1)
            up = self.add(
                f"{size}x{size}/up", EqualizedUpConv2D, (size // 2, size // 2, width(level - 2)), filters=features
            )
            conv = self.add(f"{size}x{size}/conv", EqualizedConv2D, (size, size, features), filters=features)
            self.blocks[level] = (up, conv)
        self.to_rgb = {
            level: self.add(
                f"{2**level}x{2**level}/to_rgb", EqualizedConv2D, (2**level, 2**level, width(level - 1)),
                filters=config.channels, kernel_size=1, gain=1.0, precision="float32",
            )
            for level in self.blocks
        }  # fmt: skip

    def model_at(self, level: int, fading: bool = False, batch_size: int | None = None) -> keras.Model:
        """The generator grown to `level`, the newest level weighed by alpha where it is `fading` in.

        Inputs: latents [N, latent_size], labels [N, labels] (one-hot; no columns where unconditional), alpha [].
        Output: images [N, 2^level, 2^level, channels].
        """
        latents = keras.Input((self.config.latent_size,), batch_size=batch_size, dtype="float32", name="latents")
        labels = keras.Input((self.config.labels,), batch_size=batch_size, dtype="float32", name="labels")
        alpha = keras.Input(batch_shape=(), dtype="float32", name="alpha")

        # Labels are normalised together with the latents, as published.
        x = self.latent_norm(ops.concatenate([latents, labels], axis=-1))
        for current in range(2, level + 1):
            previous = x
            for layer in self.blocks[current]:
                x = self.pixel_norm(leaky_relu(layer(x)))
        images = self.to_rgb[level](x)
        if fading:
            images = blend(upscale(self.to_rgb[level - 1](previous)), images, alpha)
        return keras.Model([latents, labels, alpha], images, name=f"{self.name}_{2**level}{'_fading' * fading}")
