"""How long a run still takes: its levels differ a hundredfold in cost, so the rate of now says little by itself."""

from progan_tf import schedule
from progan_tf.config import Config
from progan_tf.cost import step_flops


def seconds_left(config: Config, images: int, images_per_second: float) -> float:
    """Seconds to the end of the schedule at `images`, from the rate at the level now in training."""
    now, _ = schedule.level_and_alpha(config.schedule, config.network.final_level, images)
    left = sum(
        step_flops(config, level) * max(0, end - max(begin, images)) for level, begin, end in schedule.levels(config)
    )
    return left / step_flops(config, now) / images_per_second if images_per_second > 0 else float("inf")


def duration(seconds: float) -> str:
    """Seconds as people say them: 48s, 3m 20s, 2h 05m, 4d 02h."""
    if seconds == float("inf"):
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"
