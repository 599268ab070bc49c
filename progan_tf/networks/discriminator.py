"""The growing discriminator, mirror of the generator: all layers made once, composed afresh for each level."""

import keras

from progan_tf.config import NetworkConfig
from progan_tf.layers.equalized_conv import EqualizedConv2D, EqualizedDownConv2D
from progan_tf.layers.equalized_dense import EqualizedDense
from progan_tf.layers.minibatch_stddev import MinibatchStddev
from progan_tf.layers.resampling import blend, downscale, leaky_relu
from progan_tf.networks.growing import GrowingNetwork


class Discriminator(GrowingNetwork):
    """Images to scores and label logits (Karras et al. 2018, table 2; the published code's fused down-scaling).

    Under a mixed precision the statistics of the minibatch and the last layer, whose scores may be large, are float32.
    """

    def __init__(self, config: NetworkConfig, seed: int = 0, name: str = "discriminator", precision: str = "float32"):
        super().__init__(config, seed, name, precision)
        width = config.width
        self.minibatch_stddev = MinibatchStddev(config.stddev_group, dtype="float32")
        self.from_rgb = {
            level: self.add(
                f"{2**level}x{2**level}/from_rgb", EqualizedConv2D, (2**level, 2**level, config.channels),
                filters=width(level - 1), kernel_size=1,
            )
            for level in range(2, config.final_level + 1)
        }  # fmt: skip
        self.blocks = {}
        for level in range(3, config.final_level + 1):
            size, features = 2**level, width(level - 1)
            conv = self.add(f"{size}x{size}/conv", EqualizedConv2D, (size, size, features), filters=features)
            down = self.add(
                f"{size}x{size}/down", EqualizedDownConv2D, (size, size, features), filters=width(level - 2)
            )
            self.blocks[level] = (conv, down)
        self.last_conv = self.add("4x4/conv", EqualizedConv2D, (4, 4, width(1) + 1), filters=width(1))
        self.last_dense = self.add("4x4/dense", EqualizedDense, (16 * width(1),), output_shape=(width(0),))
        self.output = self.add(
            "4x4/output", EqualizedDense, (width(0),), output_shape=(1 + config.labels,), gain=1.0, precision="float32"
        )

    def model_at(self, level: int, fading: bool = False, batch_size: int | None = None) -> keras.Model:
        """The discriminator grown to `level`, the newest level weighed by alpha where it is `fading` in.

        Inputs: images [N, 2^level, 2^level, channels], alpha []. Outputs: scores [N, 1] and label logits [N, labels].
        """
        size = 2**level
        images = keras.Input((size, size, self.config.channels), batch_size=batch_size, dtype="float32", name="images")
        alpha = keras.Input(batch_shape=(), dtype="float32", name="alpha")

        x = leaky_relu(self.from_rgb[level](images))
        for current in range(level, 2, -1):
            for layer in self.blocks[current]:
                x = leaky_relu(layer(x))
            if fading and current == level:
                x = blend(leaky_relu(self.from_rgb[level - 1](downscale(images))), x, alpha)
        x = leaky_relu(self.last_conv(self.minibatch_stddev(x)))
        x = leaky_relu(self.last_dense(keras.layers.Flatten()(x)))
        x = self.output(x)
        return keras.Model([images, alpha], [x[:, :1], x[:, 1:]], name=f"{self.name}_{size}{'_fading' * fading}")
