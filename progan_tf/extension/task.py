"""Scene extension as something that a run learns."""

import functools

from progan_tf.config import Config
from progan_tf.extension.context_generator import ContextGenerator
from progan_tf.extension.context_grids import ContextGrids
from progan_tf.extension.critics import Critics
from progan_tf.extension.sampler import ExtensionSampler
from progan_tf.extension.step import ExtensionStep
from progan_tf.training.task import Task


def extension(config: Config) -> Task:
    """The task of a run whose `training.task` is extension."""
    generator = functools.partial(ContextGenerator, extension=config.extension)
    return Task(generator, Critics, ExtensionStep, ExtensionSampler, lambda *run: [ContextGrids(*run)])
