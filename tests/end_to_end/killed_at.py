"""The training command, killed by itself (kill -9) at a point that no signal from outside could hit.

Usage: killed_at.py save:N|phase:N FLAGS_OF_TRAIN. `save:N` dies in the Nth checkpoint of this start, its files written
and not yet sealed, `phase:N` where the Nth graph of this start is to be made.
"""

import os
import signal
import sys

point, number = sys.argv.pop(1).split(":")

from data_prep import command_line  # noqa: E402
from experiments import train  # noqa: E402
from progan_tf.training import checkpoints, trainer  # noqa: E402


def counted(function, before_it: bool):
    """`function`, dead at its call number `number`: before it, or once it has done its work."""
    calls = 0

    def wrapped(*arguments, **named):
        nonlocal calls
        calls += 1
        if before_it and calls == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        if calls == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


if point == "phase":
    trainer.CompiledLoop = counted(trainer.CompiledLoop, before_it=True)
else:
    written = checkpoints.tf.train.Checkpoint.write
    checkpoints.tf.train.Checkpoint.write = counted(written, before_it=False)
command_line.run(train.main)
