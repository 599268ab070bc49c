"""What training changes: networks and optimisers."""

from collections.abc import Callable

import tensorflow as tf

from progan_tf.config import Config
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from progan_tf.networks.growing import GrowingNetwork
from progan_tf.training.adam import SkippingAdam
from progan_tf.training.augment_probability import AugmentProbability
from progan_tf.training.loss_scale import LossScale

NETWORKS = ("generator", "discriminator", "averaged")  # groups of variables that are weights of networks


class Networks:
    """Generator, discriminator, averaged generator, the two optimisers, and what steers them.

    Make it inside a strategy's scope. `generator` and `discriminator` are what makes the two, from a NetworkConfig, a
    seed and a precision.
    """

    def __init__(
        self,
        config: Config,
        generator: Callable[..., GrowingNetwork] = Generator,
        discriminator: Callable[..., GrowingNetwork] = Discriminator,
    ):
        seed, precision = config.training.seed, config.training.precision
        self.generator = generator(config.network, seed, precision=precision)
        self.discriminator = discriminator(config.network, seed, precision=precision)
        self.averaged = generator(config.network, seed)
        self.g_optimizer = SkippingAdam(config.optimizer, name="g_adam")
        self.d_optimizer = SkippingAdam(config.optimizer, name="d_adam")
        self.g_optimizer.build(list(self.generator.variables.values()))
        self.d_optimizer.build(list(self.discriminator.variables.values()))
        self.g_loss_scale, self.d_loss_scale = LossScale("g_loss_scale"), LossScale("d_loss_scale")
        self.augment_p = AugmentProbability(config.augmentation)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Everything that training changes, by name."""
        groups = {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "averaged": self.averaged.variables,
            "g_optimizer": self.g_optimizer.named_state(self.generator.variables),
            "d_optimizer": self.d_optimizer.named_state(self.discriminator.variables),
        }
        named = {
            f"{group}/{name}": variable.value for group, found in groups.items() for name, variable in found.items()
        }
        scales = {"g_loss_scale": self.g_loss_scale.log2, "d_loss_scale": self.d_loss_scale.log2}
        return named | scales | self.augment_p.variables

    def reset_optimizers(self) -> None:
        """Forgets all moments and step counters."""
        self.g_optimizer.reset()
        self.d_optimizer.reset()

    def set_learning_rate(self, learning_rate: float) -> None:
        for optimizer in (self.g_optimizer, self.d_optimizer):
            optimizer.learning_rate = learning_rate
