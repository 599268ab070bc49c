"""How long a run still takes: its levels differ a hundredfold in cost, so the rate of now says little by itself."""

from progan_tf.config import Config
from progan_tf.schedule import FIRST_LEVEL, level_and_alpha, total_images


def seconds_left(config: Config, images: int, images_per_second: float) -> float:
    """Seconds to the end of the schedule at `images`, from the rate at the level now in training."""
    total, final_level = total_images(config.schedule), config.network.final_level
    now, _ = level_and_alpha(config.schedule, final_level, images)
    step = max(1, (total - images) // 1000)  # fine against any phase
    cost = sum(
        _cost(config, level_and_alpha(config.schedule, final_level, at)[0]) * min(step, total - at)
        for at in range(images, total, step)
    )
    return cost / _cost(config, now) / images_per_second if images_per_second > 0 else float("inf")


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


def _cost(config: Config, level: int) -> float:
    """Multiplications of an image in the blocks up to `level`, up to a factor."""
    return sum(4**at * config.network.width(at - 1) ** 2 for at in range(FIRST_LEVEL, level + 1))
