"""The watchdog in a run: what it writes down, and that it barks at a generator that makes one image."""

import logging

import numpy as np
import pytest

from progan_tf.config import Config, NetworkConfig
from progan_tf.data import pipeline
from progan_tf.schedule import Phase
from progan_tf.training.actions.metrics_log import MetricsLog
from progan_tf.training.actions.watchdog import Watchdog
from progan_tf.training.progress import Progress
from progan_tf.training.run_directory import read_metrics
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from tests import datasets

CONFIG = Config(network=NetworkConfig(resolution=16, channels=3, labels=2, latent_size=16, fmap_base=512, fmap_max=64))
WELL = {"real_score": 1.0, "fake_score": 0.0, "gradient_norm": 1.0}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    images = datasets.landscape(64, 16)
    folder = datasets.write(tmp_path_factory.mktemp("data") / "small", images, labels=[0, 1] * 32)
    return pipeline.open_dataset(str(folder))


def watch(dataset, networks: Networks, run_dir, phases: list[Phase]) -> list[dict]:
    """The `watch` of ticks at the phases, as the metrics log has it."""
    watchdog = Watchdog(CONFIG, dataset, Sampler(CONFIG.network, "uint8"), run_dir)
    actions = [watchdog, MetricsLog(run_dir, watchdog=watchdog)]
    for action in actions:
        action.start(networks, Progress())
    for number, phase in enumerate(phases):
        for action in actions:
            action.tick(networks, Tick(number, 1000 * (number + 1), phase, WELL, 0, 1.0, 1.0, 1.0, 1.0))
    return [line["watch"] for line in read_metrics(run_dir)]


def test_a_generator_that_makes_one_image_is_told_in_log_and_metrics(dataset, tmp_path, caplog):
    networks = Networks(CONFIG)
    for level in (2, 3, 4):
        networks.averaged.variables[f"{2**level}x{2**level}/to_rgb/kernel"].assign(np.zeros((1, 1, 64, 3)))
    with caplog.at_level(logging.WARNING):
        phases = [Phase(2, 1.0, 8, 0.001), Phase(3, 0.5, 8, 0.001), *[Phase(4, 1.0, 8, 0.001)] * 3]
        found = watch(dataset, networks, tmp_path, phases)
    assert all(one["ms_ssim"] == pytest.approx(1) and one["recall"] == 0 for one in found)
    assert all(one["ms_ssim_real"] < 0.7 and one["recall_real"] > 0.2 for one in found)
    assert [len(one["alarms"]) for one in found] == [1, 1, 1, 1, 2]
    told = [record.message for record in caplog.records if record.name == "root"]
    assert told == [
        f"watchdog at {number + 1:.1f} kimg: {alarm}" for number, one in enumerate(found) for alarm in one["alarms"]
    ]
    assert "all alike" in told[0] and "MS-SSIM of pairs 1.000" in told[0]


def test_a_generator_that_makes_real_images_is_left_alone(dataset, tmp_path, monkeypatch, caplog):
    images, _ = next(pipeline.read(dataset, 4, 64, shuffle_mb=1, seed=1))
    made = iter(np.split(images[:32], 2))
    monkeypatch.setattr(Sampler, "__call__", lambda self, networks, phase, latents, labels: next(made)[: len(latents)])
    with caplog.at_level(logging.WARNING):
        (found,) = watch(dataset, Networks(CONFIG), tmp_path, [Phase(4, 1.0, 8, 0.001)])
    assert found["alarms"] == [] and "watchdog" not in caplog.text
    assert found["recall"] > 0.2 and found["ms_ssim"] == pytest.approx(found["ms_ssim_real"], abs=0.2)
