"""Nothing can be learnt any more: the run goes back to its last good tick, and to the same bits however interrupted."""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import pytest

from progan_tf.config import Config, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.errors import Failed, Stopped
from progan_tf.training import checkpoints, rewind, strategy, trainer
from progan_tf.training.actions.metrics_log import MetricsLog
from progan_tf.training.progress import Progress
from tests import datasets, runs

# A step is 8 images, a tick 8 steps; 20 skipped steps make two ticks and a half. All of it at 4 x 4, on one graph.
CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=3, latent_size=8, fmap_base=64, fmap_max=8),
    schedule=ScheduleConfig(stable_kimg={4: 1}, total_kimg=0.576, batch_size={4: 8}),
    training=TrainingConfig(tick_kimg={4: 0.064}, shuffle_mb=1, seed=5),
)
POISONED_AT = 256  # a tick


class Poison(trainer.Action):
    """Makes a weight of the discriminator NaN behind the checkpoint of POISONED_AT, as often as `times` says."""

    def __init__(self, times: int):
        self.left = times

    def tick(self, networks, tick):
        self._networks = networks

    def saved(self, checkpoint):
        if self.left and checkpoint.name == f"{POISONED_AT:012d}":
            self._poison()

    def start(self, networks, progress):
        self._networks = networks
        if self.left and progress.images == POISONED_AT:
            self._poison()

    def _poison(self):
        self.left -= 1
        self._networks.discriminator.variables["4x4/output/bias"].assign([np.nan])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(40, 8), shards=3)
    return pipeline.open_dataset(str(folder))


def train(dataset, run_dir, poisoned: int, stop: Callable[[Progress], bool] = lambda progress: False) -> Progress:
    actions = [MetricsLog(run_dir), Poison(poisoned)]
    return trainer.train(CONFIG, dataset, run_dir, strategy.make("one"), actions, should_stop=stop)


@pytest.fixture(scope="module")
def clean(dataset, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "clean"
    assert train(dataset, run_dir, poisoned=0).rewinds == 0
    return run_dir


@pytest.fixture(scope="module")
def rewound(dataset, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "rewound"
    progress = train(dataset, run_dir, poisoned=1)
    assert (progress.images, progress.rewinds, progress.skipped) == (576, 1, 0)
    return run_dir


def test_the_seed_in_effect_follows_from_seed_and_count():
    seeds = [
        rewind.reseeded(dataclasses.replace(CONFIG, training=TrainingConfig(seed=seed)), count).training.seed
        for seed in range(5)
        for count in range(rewind.MAX_REWINDS + 1)
    ]
    assert seeds[::4] == list(range(5))
    assert len(set(seeds)) == len(seeds)
    assert rewind.reseeded(CONFIG, 2) == rewind.reseeded(CONFIG, 2)


def test_a_run_that_diverged_goes_on_from_its_last_good_tick_with_other_numbers(clean, rewound):
    before, after = runs.timeless(clean), runs.timeless(rewound)
    assert [line["images"] for line in after] == list(range(64, 577, 64))
    good = POISONED_AT // 64
    assert after[:good] == before[:good]
    assert all(a["d_loss"] != b["d_loss"] for a, b in zip(after[good:], before[good:], strict=True))
    assert all(np.isfinite(line["d_loss"]) and line["skipped_steps"] == 0 for line in after)
    assert checkpoints.load_progress(checkpoints.newest_whole(rewound / "checkpoints")).rewinds == 1


def test_after_three_rewinds_the_run_fails_and_names_its_checkpoint(dataset, tmp_path, caplog):
    run_dir = tmp_path / "run"
    wanted = rf"20 steps in a row .*d_loss nan.* after 3 rewinds .*checkpoints/0*{POISONED_AT};"
    with caplog.at_level(logging.WARNING), pytest.raises(Failed, match=wanted):
        train(dataset, run_dir, poisoned=4)
    assert any(record.message.startswith("step 33: d_loss nan") for record in caplog.records)
    told = [record.message for record in caplog.records if "rewind" in record.message]
    assert len(told) == 3
    for number, line in enumerate(told, start=1):
        assert "d_loss nan" in line and "at 0.4 kimg: back to 0.3 kimg" in line and f"rewind {number} of 3" in line
    assert train(dataset, run_dir, poisoned=0).images == 576  # what is left can be trained on


@pytest.mark.parametrize("stop", [
    lambda progress: progress.skipped_in_a_row >= 8,  # between the poison and the rewind
    lambda progress: progress.rewinds == 1 and progress.images > 320,  # after it, between ticks
], ids=["before", "after"])  # fmt: skip
def test_stopped_before_or_after_a_rewind_a_run_ends_in_the_same_bits(dataset, rewound, tmp_path, stop):
    run_dir = tmp_path / "run"
    with pytest.raises(Stopped):
        train(dataset, run_dir, poisoned=1, stop=stop)
    assert train(dataset, run_dir, poisoned=0).rewinds == 1
    assert runs.weights(run_dir) == runs.weights(rewound)
    assert runs.timeless(run_dir) == runs.timeless(rewound)


def test_nothing_learnt_from_the_start_goes_back_to_the_start(dataset, tmp_path):
    class Stillborn(trainer.Action):
        def start(self, networks, progress):
            bias = networks.discriminator.variables["4x4/output/bias"]
            bias.assign([np.nan if progress.rewinds == 0 else 0.0])

    progress = trainer.train(CONFIG, dataset, tmp_path / "run", strategy.make("one"), [Stillborn()])
    assert (progress.images, progress.rewinds) == (576, 1)
