"""The estimate of memory against what steps of the published network take, as processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from progan_tf import memory
from progan_tf.config import Config, NetworkConfig, TrainingConfig

ROOT = Path(__file__).parents[1]

STEP = """
import resource, sys
import tensorflow as tf
from progan_tf.config import Config, NetworkConfig, TrainingConfig
from experiments.probe import StepProbe
level, batch, precision = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
config = Config(network=NetworkConfig(2**level, 3), training=TrainingConfig(precision=precision))
StepProbe(config)(level, batch)
print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "batch", "precision"),
    [(5, 8, "float32"), (7, 8, "float32"), (8, 4, "float32"), (6, 8, "mixed_bfloat16"), (8, 4, "mixed_bfloat16")],
)
def test_a_step_takes_what_is_estimated(level, batch, precision):
    config = Config(network=NetworkConfig(2**level, 3), training=TrainingConfig(precision=precision))
    command = [sys.executable, "-c", STEP, str(level), str(batch), precision]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ratio = int(done.stdout) / memory.step_bytes(config, level, batch)
    assert 1 / memory.WITHIN < ratio < memory.WITHIN


@pytest.mark.parametrize(("batch", "group", "sizes"), [
    (32, 4, [32, 16, 8, 4]),
    (24, 4, [24, 12, 8, 4]),
    (20, 4, [20, 4]),
    (6, 16, [6]),
    (14, 7, [14, 7]),
])  # fmt: skip
def test_images_at_once_are_whole_groups_that_divide_the_batch(batch, group, sizes):
    assert memory.divisions(batch, group) == sizes


def test_the_most_that_fits_is_taken():
    config = Config(network=NetworkConfig(256, 3))
    needed = [memory.step_bytes(config, 8, size) for size in (16, 8, 4)]
    assert needed == sorted(needed, reverse=True)
    assert [memory.at_once(config, 8, 16, device) for device in needed] == [16, 8, 4]
    assert memory.at_once(config, 8, 16, needed[-1] - 1) is None
