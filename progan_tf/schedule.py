"""How a run grows: from the number of real images seen to level, alpha, batch size and learning rate.

The network starts stable at 4 x 4; every further level fades in and is then held stable (Karras et al. 2018,
section 2 and appendix A). Boundaries are the published ones: at the very image where a fade begins the old level is
still stable, at the very image where it ends the new one is.
"""

import dataclasses

from progan_tf.config import Config, ScheduleConfig, at_resolution
from progan_tf.errors import InputError

FIRST_LEVEL = 2


@dataclasses.dataclass(frozen=True)
class Phase:
    """What a step does: `alpha` is the weight of the newest level, 1 where nothing fades."""

    level: int
    alpha: float
    batch_size: int
    learning_rate: float

    @property
    def fading(self) -> bool:
        return self.alpha < 1

    @property
    def graph(self) -> tuple[int, bool, int]:
        """What the compiled step depends on; phases that agree in it run on one graph."""
        return self.level, self.fading, self.batch_size

    @property
    def stage(self) -> tuple[int, bool]:
        """The stretch of training the phase belongs to: optimisers are reset where it changes."""
        return self.level, self.fading


def phase_at(config: ScheduleConfig, final_level: int, images: int) -> Phase:
    """The phase after `images` real images, of a network that grows to `final_level`."""
    level, alpha = level_and_alpha(config, final_level, images)
    resolution = 2**level
    return Phase(
        level=level,
        alpha=alpha,
        batch_size=int(at_resolution(config.batch_size, resolution)),
        learning_rate=at_resolution(config.learning_rate, resolution),
    )


def level_and_alpha(config: ScheduleConfig, final_level: int, images: int) -> tuple[int, float]:
    """The level in use after `images` real images and its weight in (0, 1]."""
    end_of_stable = _images(config.stable_kimg, FIRST_LEVEL)
    for level in range(FIRST_LEVEL + 1, final_level + 1):
        if images <= end_of_stable:
            return level - 1, 1.0
        fade = _images(config.fade_kimg, level)
        if images < end_of_stable + fade:
            return level, (images - end_of_stable) / fade
        end_of_stable += fade + _images(config.stable_kimg, level)
    return final_level, 1.0


def upcoming(config: Config, images: int) -> list[Phase]:
    """The phase of each step in the next call of the compiled loop, at `images` real images; empty at the end.

    Alpha stays for `schedule.repeats` steps, as published. A call ends where the graph changes.
    """
    phases: list[Phase] = []
    while len(phases) < config.training.steps_per_call and images < total_images(config.schedule):
        phase = phase_at(config.schedule, config.network.final_level, images)
        if phases and phase.graph != phases[0].graph:
            break
        phases += [phase] * config.schedule.repeats
        images += phase.batch_size * config.schedule.repeats
    return phases


def total_images(config: ScheduleConfig) -> int:
    """Real images of a whole run."""
    return round(1000 * config.total_kimg)


def check(config: Config, replicas: int) -> None:
    """Raises InputError where a batch of the schedule cannot be split over replicas and minibatch-stddev groups."""
    for level in range(FIRST_LEVEL, config.network.final_level + 1):
        resolution = 2**level
        batch = int(at_resolution(config.schedule.batch_size, resolution))
        if batch % replicas:
            raise InputError(
                f"schedule.batch_size is {batch} at resolution {resolution}, which {replicas} replicas cannot share; "
                f"set a multiple of {replicas}"
            )
        group = min(config.network.stddev_group, batch // replicas)
        if batch // replicas % group:
            raise InputError(
                f"schedule.batch_size is {batch} at resolution {resolution}, {batch // replicas} a replica, which "
                f"groups of network.stddev_group = {group} cannot share; set a multiple of {group * replicas} or "
                f"another group size"
            )
        microbatch = int(at_resolution(config.training.microbatch, resolution)) or batch // replicas
        if microbatch < batch // replicas and (batch // replicas % microbatch or microbatch % group):
            raise InputError(
                f"training.microbatch is {microbatch} at resolution {resolution}, into which a replica's "
                f"{batch // replicas} images cannot be split by whole groups of {group} (network.stddev_group); set a "
                f"multiple of {group} that divides {batch // replicas}"
            )


def _images(kimg: dict[int, float], level: int) -> int:
    return round(1000 * at_resolution(kimg, 2**level))
