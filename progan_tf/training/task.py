"""What a run learns: its networks, and the step that trains them."""

import dataclasses
from collections.abc import Callable

from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from progan_tf.networks.growing import GrowingNetwork
from progan_tf.training.steps import TrainStep


@dataclasses.dataclass(frozen=True)
class Task:
    """`generator` and `discriminator` make the networks, from a NetworkConfig, a seed and a precision."""

    generator: Callable[..., GrowingNetwork]
    discriminator: Callable[..., GrowingNetwork]
    step: type[TrainStep]


IMAGES = Task(Generator, Discriminator, TrainStep)  # images from nothing but latents
