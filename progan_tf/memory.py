"""How much memory a training step takes, and how many images at once fit into a device: an estimate, for planning.

What is proportional to what follows from how a step works. The factors are fitted to the largest resident size of steps
of the published network on a CPU: float32 at 32 to 1024 pixels, bfloat16 at 256, and float16 is taken to be the same;
the estimate was never off by more than a quarter. On a GPU the workspaces of its libraries come on top.
"""

from progan_tf import cost
from progan_tf.config import Config

WITHIN = 1.25  # the factor that the estimate was off by at most
_RUNTIME = 700e6  # TensorFlow itself, the input, the compiled functions
_COPIES = 7  # of all weights: G, D, the averaged G, and two moments of G and D each
_UPDATE = 8  # times the weights of the level, while they are updated: gradients and what comes between them
_FEATURES = {"float32": 10.5, "mixed_bfloat16": 8.0, "mixed_float16": 8.0}  # times the features of D, for each image


def step_bytes(config: Config, level: int, at_once: int) -> int:
    """Bytes of memory while steps of a level run, `at_once` images a time; resolution, channels and precision given."""
    network = config.network
    final = cost.weights(cost.generator(network, network.final_level))
    here = cost.discriminator(network, level)
    features = sum(layer.outputs for layer in here) * _FEATURES[config.training.precision]
    return round(_RUNTIME + 4 * (_COPIES * final + _UPDATE * cost.weights(here) + at_once * features))


def divisions(batch: int, group: int) -> list[int]:
    """How many of a device's `batch` images may be taken at once, most first: whole groups that divide the batch."""
    group = min(group, batch)
    return [size for size in range(batch, group - 1, -1) if batch % size == 0 and size % group == 0]


def at_once(config: Config, level: int, batch: int, device_bytes: float) -> int | None:
    """The most of `batch` images that fit into the memory of a device at once; None where not even one group does."""
    fitting = (
        size
        for size in divisions(batch, config.network.stddev_group)
        if step_bytes(config, level, size) <= device_bytes
    )
    return next(fitting, None)
