"""What judges an extended window: one critic of all of it, and one of crops on the join."""

import dataclasses

import keras

from progan_tf.config import NetworkConfig
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.growing import GrowingNetwork, level_of

_CROP_LEVELS = 2  # a crop has a quarter of the window's side
_FIRST_LEVEL = 2 + _CROP_LEVELS  # of windows that have crops


class Critics(GrowingNetwork):
    """Two growing discriminators, which grow together: `window`, and `seam` of half its width.

    Both are the published network with one channel more, which tells what is known. Weights of the seam critic are
    named after the level of the window: `64x64/seam_conv/kernel` is that of its own 16x16 level.
    """

    def __init__(self, config: NetworkConfig, seed: int = 0, name: str = "discriminator", precision: str = "float32"):
        super().__init__(config, seed, name, precision)
        channels = config.channels + 1
        self.window = Discriminator(dataclasses.replace(config, channels=channels), seed, name, precision)
        crops = dataclasses.replace(
            config,
            resolution=config.resolution >> _CROP_LEVELS,
            channels=channels,
            fmap_base=config.fmap_base // 2,
            fmap_max=max(1, config.fmap_max // 2),
        )
        self.seam = Discriminator(crops, seed, f"{name}_of_seams", precision)
        self.layers = self.window.layers | {_renamed(layer): made for layer, made in self.seam.layers.items()}

    def judges_seams(self, level: int) -> bool:
        """Whether windows of a level are large enough for crops."""
        return level >= _FIRST_LEVEL

    def variables_used(self, level: int, fading: bool) -> dict[str, keras.Variable]:
        """The weights that the two models of `level` compute with."""
        used = self.window.variables_used(level, fading)
        if self.judges_seams(level):
            seam = self.seam.variables_used(level - _CROP_LEVELS, fading and level > _FIRST_LEVEL)
            used = used | {_renamed(name): variable for name, variable in seam.items()}
        return used

    def model_at(self, level: int, fading: bool = False, batch_size: int | None = None) -> keras.Model:
        """The window critic grown to `level`: windows [N, S, S, channels + 1] and alpha to scores and no labels."""
        return self.window.model_at(level, fading, batch_size)

    def seam_model_at(self, level: int, fading: bool = False, batch_size: int | None = None) -> keras.Model:
        """The seam critic of windows of `level`: crops [N, S / 4, S / 4, channels + 1] and alpha to scores."""
        return self.seam.model_at(level - _CROP_LEVELS, fading and level > _FIRST_LEVEL, batch_size)


def _renamed(name: str) -> str:
    """The name among both critics' of a layer or weight of the seam critic."""
    size = 2 ** (level_of(name) + _CROP_LEVELS)
    return f"{size}x{size}/seam_{name.partition('/')[2]}"
