"""What the trainer does at its own times: rates and resets by stage, checkpoints by the clock. Thirteen bands."""

import dataclasses

import numpy as np
import pytest

from progan_tf.config import Config, NetworkConfig, OptimizerConfig, ScheduleConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.training import checkpoints, strategy, trainer
from progan_tf.training.ticks import Tick
from tests import datasets

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=13, latent_size=4, fmap_base=64, fmap_max=4),
    optimizer=OptimizerConfig(reset_optimizer=False),
    schedule=ScheduleConfig(
        stable_kimg={4: 0.032},
        fade_kimg={4: 0.128},
        total_kimg=0.128,
        batch_size={4: 8},
        learning_rate={4: 3e-3, 8: 5e-4},
    ),
    training=TrainingConfig(tick_kimg={4: 0.032}, shuffle_mb=1),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    colours = datasets.landscape(16, 8)
    bands = np.concatenate([colours] * 4 + [colours[..., :1]], axis=-1)
    return pipeline.open_dataset(str(datasets.write(tmp_path_factory.mktemp("data") / "small", bands)))


@dataclasses.dataclass(frozen=True)
class Seen:
    """A tick, and how the optimisers stood at it."""

    tick: Tick
    rates: tuple[float, float]
    steps: tuple[int, int]


class Recorder(trainer.Action):
    """Keeps what it sees."""

    def __init__(self):
        self.seen: list[Seen] = []

    def tick(self, networks, tick):
        optimizers = (networks.g_optimizer, networks.d_optimizer)
        rates, steps = zip(*((float(o.learning_rate), int(o.iterations)) for o in optimizers), strict=True)
        self.seen.append(Seen(tick, rates, steps))


@pytest.fixture(scope="module")
def seen(dataset, tmp_path_factory) -> list[Seen]:
    """Ticks of 4 steps each: two stable at 4 x 4, two in the fade to 8 x 8, without resets."""
    recorder = Recorder()
    trainer.train(CONFIG, dataset, tmp_path_factory.mktemp("runs") / "run", strategy.make("one"), [recorder])
    assert [one.tick.phase.stage for one in recorder.seen] == [(2, False)] * 2 + [(3, True)] * 2
    return recorder.seen


def test_optimizers_have_the_rate_of_the_level(seen):
    for one, rate in zip(seen, (3e-3, 3e-3, 5e-4, 5e-4), strict=True):
        np.testing.assert_allclose(one.rates, rate, rtol=1e-6)


def test_optimizers_go_on_counting_where_they_are_not_to_be_reset(seen):
    assert [one.steps for one in seen] == [(4, 4), (8, 8), (12, 12), (16, 16)]


def test_thirteen_bands_are_learnt_from(seen):
    assert all(one.tick.skipped == 0 and np.isfinite(list(one.tick.metrics.values())).all() for one in seen)


@pytest.mark.parametrize(("minutes", "kept"), [(1e-9, [0, 32, 64, 96]), (10.0, [0, 0, 0, 0])])
def test_checkpoints_are_written_by_the_clock_between_ticks(dataset, tmp_path, minutes, kept):
    training = dataclasses.replace(CONFIG.training, tick_kimg={4: 1}, checkpoint_minutes=minutes)
    schedule = dataclasses.replace(CONFIG.schedule, stable_kimg={4: 1})
    config = dataclasses.replace(CONFIG, training=training, schedule=schedule)
    newest = []

    def watch(progress) -> bool:
        """Asked after every call of 32 images, before what that call may save."""
        path = checkpoints.newest_whole(tmp_path / "run" / "checkpoints")
        newest.append(path and checkpoints.load_progress(path).images)
        return False

    trainer.train(config, dataset, tmp_path / "run", strategy.make("one"), [], should_stop=watch)
    assert newest == kept
