"""What a run learns: all that one task has otherwise than another, in one place."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from progan_tf.config import Config
from progan_tf.data.pipeline import Dataset
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from progan_tf.networks.growing import GrowingNetwork
from progan_tf.training.sampler import Sampler
from progan_tf.training.steps import TrainStep

if TYPE_CHECKING:
    from progan_tf.training.trainer import Action


@dataclasses.dataclass(frozen=True)
class Task:
    """`generator` and `discriminator` make the networks, from a NetworkConfig, a seed and a precision.

    `actions` are those that other tasks do not have, given the run's samples folder, config, dataset and sampler.
    """

    generator: Callable[..., GrowingNetwork]
    discriminator: Callable[..., GrowingNetwork]
    step: type[TrainStep]
    sampler: Callable[[Config, Dataset], Sampler]
    actions: Callable[[Path, Config, Dataset, Sampler], Sequence["Action"]] = lambda *arguments: ()


def _sampler(config: Config, dataset: Dataset) -> Sampler:
    return Sampler(config.network, dataset.manifest.dtype)


IMAGES = Task(Generator, Discriminator, TrainStep, _sampler)  # images from nothing but latents
