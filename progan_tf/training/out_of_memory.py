"""What to change where a step needs more memory than its device has."""

import json

from progan_tf import memory
from progan_tf.config import Config, at_resolution
from progan_tf.errors import Failed
from progan_tf.schedule import Phase


def explain(config: Config, phase: Phase, replicas: int) -> Failed:
    """An error that names level, batch and the flag that makes the step smaller, computing the same."""
    resolution, share = 2**phase.level, phase.batch_size // replicas
    now = min(int(at_resolution(config.training.microbatch, resolution)) or share, share)
    found = f"out of memory at {resolution} x {resolution} (level {phase.level}), {phase.batch_size} images a step"
    if replicas > 1:
        found += f", {share} a replica"
    smaller = [size for size in memory.divisions(share, config.network.stddev_group) if size <= now / 2]
    if not smaller:
        other = ", or --precision=mixed_bfloat16" if config.training.precision == "float32" else ""
        return Failed(
            f"{found}, {now} at once, which is one group of network.stddev_group = {config.network.stddev_group}: it "
            f"needs a device with more memory{other}"
        )
    setting = json.dumps({**config.training.microbatch, resolution: smaller[0]})
    return Failed(
        f"{found}, {now} at once; the same command with --set='training.microbatch={setting}' takes {smaller[0]} at "
        "once to the same result, and goes on from the last checkpoint"
    )
