"""How far a run has come."""

import dataclasses

from progan_tf import schedule
from progan_tf.config import Config


@dataclasses.dataclass
class Progress:
    """How far a run has come. All of it is written to the checkpoint, so that a resumed run goes on to the bit.

    `stage` is the stretch (level, fading) the optimisers were last reset for, None before the first step. The
    sums are over the steps since the last tick, `tick_images` and `tick_seconds` where that was. `rewinds` counts how
    often the run went back to an earlier checkpoint and on with other data and noise.
    """

    images: int = 0
    steps: int = 0
    stage: tuple[int, bool] | None = None
    tick: int = 0
    tick_images: int = 0
    tick_seconds: float = 0.0
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    summed_steps: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    seconds: float = 0.0
    rewinds: int = 0

    @property
    def good(self) -> bool:
        """Whether this is where a tick ended with something learnt: a place to go back to."""
        return self.images == self.tick_images and self.skipped_in_a_row == 0


def where_it_stands(config: Config, progress: Progress) -> tuple[int, float]:
    """Level and alpha of a run's last step."""
    level, alpha = schedule.level_and_alpha(config.schedule, config.network.final_level, progress.images)
    if progress.stage not in (None, (level, alpha < 1)):
        return progress.stage[0], 1.0  # a stretch has just ended, and of the next one nothing is learnt yet
    return level, alpha
