"""What training changes: networks and optimisers."""

import tensorflow as tf

from progan_tf.config import Config
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from progan_tf.training.adam import SkippingAdam
from progan_tf.training.loss_scale import LossScale


class Networks:
    """Generator, discriminator, averaged generator and the two optimisers. Make it inside a strategy's scope."""

    def __init__(self, config: Config):
        seed, precision = config.training.seed, config.training.precision
        self.generator = Generator(config.network, seed, precision=precision)
        self.discriminator = Discriminator(config.network, seed, precision=precision)
        self.averaged = Generator(config.network, seed)
        self.g_optimizer = SkippingAdam(config.optimizer, name="g_adam")
        self.d_optimizer = SkippingAdam(config.optimizer, name="d_adam")
        self.g_optimizer.build(list(self.generator.variables.values()))
        self.d_optimizer.build(list(self.discriminator.variables.values()))
        self.g_loss_scale, self.d_loss_scale = LossScale("g_loss_scale"), LossScale("d_loss_scale")

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
        return named | {"g_loss_scale": self.g_loss_scale.log2, "d_loss_scale": self.d_loss_scale.log2}

    def reset_optimizers(self) -> None:
        """Forgets all moments and step counters."""
        self.g_optimizer.reset()
        self.d_optimizer.reset()

    def set_learning_rate(self, learning_rate: float) -> None:
        for optimizer in (self.g_optimizer, self.d_optimizer):
            optimizer.learning_rate = learning_rate
