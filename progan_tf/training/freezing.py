"""Which weights stay as they are while the others learn."""

import keras

from progan_tf.config import Config
from progan_tf.networks.growing import level_of
from progan_tf.schedule import FIRST_LEVEL

Weights = dict[str, keras.Variable]


def learning_discriminator(weights: Weights, config: Config, level: int, fading: bool) -> Weights:
    """Those of the discriminator's weights that learn: all but `training.freeze_levels` levels nearest the image.

    What these see is of use for other images too, and a small dataset spoils it (FreezeD: Mo et al. 2020). They are
    held once the network is grown; until then they are new. The last layers, at 4 x 4, always learn.
    """
    final = config.network.final_level
    if level < final or fading:
        return weights
    last_learning = max(FIRST_LEVEL, final - config.training.freeze_levels)
    return {name: weight for name, weight in weights.items() if level_of(name) <= last_learning}
