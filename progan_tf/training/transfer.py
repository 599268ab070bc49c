"""Where a new run starts: from nothing, or from the networks of another one."""

from pathlib import Path

from progan_tf import schedule
from progan_tf.config import Config
from progan_tf.errors import InputError
from progan_tf.networks.growing import level_of
from progan_tf.training.progress import Progress
from progan_tf.training.source import Source, open_source
from progan_tf.training.state import NETWORKS, Networks

_NAMED = 3  # weights that an error lists


def begin(config: Config, networks: Networks, init_from: str | None) -> Progress:
    """Puts the weights of another run or model into new networks; returns where the run starts.

    `schedule.start_kimg` says where; else it is where the source stands: at the fade of the first level that the source
    has not grown to, or at the last stable stretch.

    Raises:
        InputError: there is nothing at `init_from`, its weights do not fit, or the schedule ends before the start.
    """
    images = round(1000 * (config.schedule.start_kimg or 0))
    if init_from is not None:
        source = open_source(Path(init_from))
        take(source, networks, init_from)
        if config.schedule.start_kimg is None:
            images = schedule.start_of(config.schedule, config.network.final_level, source.level, source.alpha)
    if images >= schedule.total_images(config.schedule):
        raise InputError(
            f"schedule.total_kimg is {config.schedule.total_kimg:g}, and the run would start at {images / 1000:g}; "
            f"set more, or an earlier schedule.start_kimg"
        )
    return Progress(images=images, tick_images=images)


def take(source: Source, networks: Networks, name: str) -> None:
    """Sets generator, discriminator and averaged generator to those of a source; levels it has not stay as they are.

    Optional layers that one of them lacks, such as those of attention, are left out or stay as they are.

    Raises:
        InputError: a weight that both should have is of one alone, or of different shapes; nothing is changed.
    """
    ours = {weight: variable for weight, variable in networks.variables.items() if weight.partition("/")[0] in NETWORKS}
    top = max(map(_level, source.weights))
    wanted = {weight: tuple(variable.shape) for weight, variable in ours.items() if _level(weight) <= top}
    given = {weight: values.shape for weight, values in source.weights.items()}
    lacking = {weight for weight in wanted.keys() ^ given.keys() if weight.split("/")[2] in networks.generator.optional}
    faults = [
        f"{weight} is {given.get(weight, 'missing')} there and {wanted.get(weight, 'missing')} here"
        for weight in sorted((wanted.keys() | given.keys()) - lacking)
        if given.get(weight) != wanted.get(weight)
    ]
    if faults:
        more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise InputError(
            f"the weights of {name} do not fit: {'; '.join(faults[:_NAMED])}{more}; only levels above the last may be "
            f"new: give this run the latent_size, fmap_base, fmap_max, channels and labels of that one, and at least "
            f"its resolution ({2**top})"
        )
    for weight in given.keys() - lacking:
        ours[weight].assign(source.weights[weight])


def _level(weight: str) -> int:
    """The level of a weight with its network before it: `averaged/8x8/conv/kernel`."""
    return level_of(weight.partition("/")[2])
