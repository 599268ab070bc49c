"""A run that was stopped goes on to the very bits of one that was not; what is damaged is noticed."""

import dataclasses
import itertools
import json
import shutil

import pytest

from progan_tf.config import AugmentationConfig, Config, LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.errors import InputError, Stopped
from progan_tf.training import checkpoints, run_directory, strategy, trainer
from progan_tf.training.actions.metrics_log import MetricsLog
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from tests import datasets, runs

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=3, latent_size=8, fmap_base=64, fmap_max=8),
    schedule=ScheduleConfig(
        stable_kimg={4: 0.128},
        fade_kimg={4: 0.256},
        total_kimg=0.512,
        batch_size={4: 16, 8: 8},
        learning_rate={4: 2e-3},
    ),
    augmentation=AugmentationConfig(symmetries="mirror"),
    training=TrainingConfig(tick_kimg={4: 0.1}, shuffle_mb=1, seed=5),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(40, 8), shards=3)
    return pipeline.open_dataset(str(folder))


def train(dataset, run_dir, stop_at=None, config=CONFIG):
    """Trains with a metrics log; stops once `stop_at` images were seen. Returns the progress, None where stopped."""
    try:
        return trainer.train(
            config, dataset, run_dir, strategy.make("one"), [MetricsLog(run_dir)],
            should_stop=lambda progress: stop_at is not None and progress.images >= stop_at,
        )  # fmt: skip
    except Stopped:
        return None


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "undisturbed"
    progress = train(dataset, run_dir)
    assert progress.images == 512
    return run_dir


def test_stopped_in_stable_fade_and_at_a_boundary_ends_in_the_same_bits(dataset, undisturbed, tmp_path):
    run_dir = tmp_path / "run"
    for stop_at in (64, 192, 320, 384):
        assert train(dataset, run_dir, stop_at) is None
    assert train(dataset, run_dir).images == 512
    assert runs.weights(run_dir) == runs.weights(undisturbed)
    assert runs.timeless(run_dir) == runs.timeless(undisturbed)


def test_adas_probability_goes_on_from_the_middle_of_an_interval(dataset, tmp_path):
    config = dataclasses.replace(
        CONFIG,
        loss=LossConfig("logistic_r1"),
        augmentation=AugmentationConfig("all", "ada", ada_target=0.1, ada_kimg=0.5),
        schedule=dataclasses.replace(CONFIG.schedule, total_kimg=0.24, stable_kimg={4: 0.24}, repeats=1),
        training=dataclasses.replace(CONFIG.training, steps_per_call=3, tick_kimg={4: 0.01}),
    )
    for run, stops in (("undisturbed", ()), ("stopped", (96,))):  # after 6 steps: 2 of the second interval
        for stop_at in stops:
            assert train(dataset, tmp_path / run, stop_at, config) is None
        assert train(dataset, tmp_path / run, config=config).images == 240
    assert runs.weights(tmp_path / "stopped") == runs.weights(tmp_path / "undisturbed")
    told = runs.timeless(tmp_path / "stopped")
    assert told == runs.timeless(tmp_path / "undisturbed")
    assert max(line["augment_p"] for line in told) > 0.1


def test_weights_have_moved_and_differ_by_seed(dataset, undisturbed, tmp_path):
    other = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, seed=6))
    train(dataset, tmp_path / "run", config=other)
    mine, theirs = runs.weights(undisturbed), runs.weights(tmp_path / "run")
    assert sum(mine[name] != theirs[name] for name in mine) > len(mine) / 2


def test_a_torn_checkpoint_is_left_for_the_one_before(dataset, undisturbed, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(undisturbed, run_dir)
    newest = checkpoints.newest_whole(run_dir / "checkpoints")
    data = next(newest.glob("weights.data*"))
    data.write_bytes(data.read_bytes()[:-100])
    assert "weights.data" in checkpoints.torn(newest)
    assert train(dataset, run_dir).images == 512
    assert runs.weights(run_dir) == runs.weights(undisturbed)
    assert runs.timeless(run_dir) == runs.timeless(undisturbed)


def test_a_checkpoint_without_its_seal_does_not_count(undisturbed, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(undisturbed / "checkpoints", folder)
    sealed = checkpoints.newest_whole(folder)
    unsealed = folder / "999999999999"
    shutil.copytree(sealed, unsealed)
    (unsealed / "checkpoint.json").unlink()
    assert checkpoints.newest_whole(folder) == sealed
    assert runs.restore(folder, Networks(CONFIG)).images == 512


def test_all_checkpoints_torn_is_an_error_not_a_new_start(undisturbed, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(undisturbed / "checkpoints", folder)
    for index in folder.glob("*/weights.index"):
        index.write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        runs.restore(folder, Networks(CONFIG))


def test_only_the_newest_checkpoints_are_kept(undisturbed):
    assert len(list((undisturbed / "checkpoints").iterdir())) == CONFIG.training.keep_checkpoints


def test_another_config_or_dataset_is_refused_by_name(dataset, undisturbed):
    other = dataclasses.replace(CONFIG, loss=dataclasses.replace(CONFIG.loss, drift_weight=0.5))
    with pytest.raises(InputError, match=r"loss\.drift_weight: 0\.001 against 0\.5"):
        run_directory.open_run(undisturbed, other, dataset.identity())
    with pytest.raises(InputError, match=r"data\.images: 40 against 41"):
        run_directory.open_run(undisturbed, CONFIG, {**dataset.identity(), "images": 41})


def test_a_folder_that_holds_something_else_is_refused(dataset, tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    with pytest.raises(InputError, match="holds no run"):
        run_directory.open_run(tmp_path, CONFIG, dataset.identity())
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_metrics_lines_after_the_checkpoint_are_cut_and_a_torn_last_one_dropped(tmp_path):
    path = tmp_path / run_directory.METRICS
    lines = [json.dumps({"images": images}) + "\n" for images in (100, 200, 300)]
    path.write_text("".join(lines) + '{"images": 4')
    MetricsLog(tmp_path).start(None, Progress(images=200))
    assert path.read_text() == "".join(lines[:2])


def test_optimizers_are_reset_at_the_start_and_end_of_a_fade(dataset, tmp_path, monkeypatch):
    resets = []
    monkeypatch.setattr(Networks, "reset_optimizers", lambda self: resets.append(True))
    train(dataset, tmp_path / "run")
    assert len(resets) == 3  # the first step, into the fade, out of it


def test_a_damaged_record_met_in_training_is_named(dataset, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(dataset.directory, folder)
    shard = sorted(folder.glob("train/*-r02-*"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match=rf"{shard.name}: record \d+ is damaged"):
        train(pipeline.open_dataset(str(folder)), tmp_path / "run")


def test_a_schedule_that_replicas_cannot_share_is_refused_before_anything_is_written(dataset, tmp_path):
    odd = dataclasses.replace(CONFIG, schedule=dataclasses.replace(CONFIG.schedule, batch_size={4: 6}))
    with pytest.raises(InputError, match=r"schedule\.batch_size is 6 at resolution 4"):
        train(dataset, tmp_path / "run", config=odd)
    assert not (tmp_path / "run").exists()


def test_reading_goes_on_where_the_run_stood(dataset):
    def read(start, count):
        return [b.tobytes() for b, _ in itertools.islice(pipeline.read(dataset, 3, 8, seed=5, start=start), count)]

    assert read(0, 12)[7:] == read(56, 5)
