"""Metrics while training: when they run, on what, that a resumed run has the same figures, and the best checkpoint."""

import contextlib
import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.config import Config, EvaluationConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.errors import InputError, Stopped
from progan_tf.export import saved_model
from progan_tf.metrics import evaluation
from progan_tf.training import best, checkpoints, run_directory, strategy, trainer
from progan_tf.training.actions.best_checkpoint import BestCheckpoint
from progan_tf.training.actions.evaluation import Evaluation
from progan_tf.training.actions.metrics_log import MetricsLog
from progan_tf.training.actions.tensorboard import TensorBoard
from progan_tf.training.sampler import Sampler
from tests import datasets, runs

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=3, latent_size=8, fmap_base=64, fmap_max=8),
    schedule=ScheduleConfig(
        stable_kimg={4: 0.128}, fade_kimg={4: 0.256}, total_kimg=0.512, batch_size={4: 16}, learning_rate={4: 2e-3}
    ),
    training=TrainingConfig(tick_kimg={4: 0.064}, shuffle_mb=1, seed=5),
    evaluation=EvaluationConfig(every_kimg=0.1, metrics="colour", num=12, best="colour"),
)


class Colour:
    """Distance of the mean colours of two sets, with a part and a standard error; remembers what it was shown."""

    name, smallest, extractor = "colour", 2, None

    def __init__(self):
        self.seen = []

    def run(self, real, generated):
        self.seen.append((real, generated))
        gap = generated.pixels.mean(axis=(0, 1, 2)) - real.pixels.mean(axis=(0, 1, 2))
        yield "colour", float(np.linalg.norm(gap))
        yield "colour/se", 1.0
        yield "colour/red", float(gap[0])


class NoGrid:
    latest = None


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(40, 8), shards=3)
    return pipeline.open_dataset(str(folder))


def train(dataset, run_dir, stop_at=None, config=CONFIG, metric=None):
    config = trainer.resolve(config, dataset)
    shown = Evaluation([metric or Colour()], config, dataset, Sampler(config.network, "uint8"), run_dir)
    actions = [
        shown,
        MetricsLog(run_dir, shown),
        TensorBoard(run_dir / "tensorboard", NoGrid, CONFIG.network.final_level, shown),
        BestCheckpoint(run_dir, "colour"),
    ]
    with contextlib.suppress(Stopped):
        trainer.train(
            config, dataset, run_dir, strategy.make("one"), actions,
            should_stop=lambda progress: stop_at is not None and progress.images >= stop_at,
        )  # fmt: skip
    return run_directory.read_metrics(run_dir)


@pytest.fixture(scope="module")
def metric():
    return Colour()


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory, metric):
    run_dir = tmp_path_factory.mktemp("runs") / "undisturbed"
    train(dataset, run_dir, metric=metric)
    return run_dir


def kept(run_dir):
    (path,) = (run_dir / best.FOLDER).iterdir()
    return path


def weights(path):
    reader = tf.train.load_checkpoint(str(path / "weights"))
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in reader.get_variable_to_shape_map()}


def test_it_runs_at_the_first_tick_after_every_so_many_images_and_at_the_last(undisturbed):
    lines = run_directory.read_metrics(undisturbed)
    assert [line["images"] for line in lines] == list(range(64, 513, 64))
    assert [line["images"] for line in lines if "evaluation" in line] == [128, 256, 320, 448, 512]
    off = dataclasses.replace(CONFIG, evaluation=dataclasses.replace(CONFIG.evaluation, every_kimg=0.0, best=""))
    assert off.evaluation == dataclasses.replace(EvaluationConfig(), metrics="colour", num=12)


def test_figures_are_those_of_the_engine_on_the_same_images(undisturbed, dataset, metric):
    lines = [line for line in run_directory.read_metrics(undisturbed) if "evaluation" in line]
    (reference, others), *evaluated = metric.seen  # the floors come first, and once
    assert len(evaluated) == len(lines) == 5
    for line, (real, generated) in zip(lines, evaluated, strict=True):
        again = Colour()
        both = dataclasses.replace(
            reference, pixels=np.concatenate([reference.pixels, others.pixels]), keys=tuple(map(str, range(24)))
        )
        figures = evaluation.evaluate([again], both, generated, 12)
        assert line["evaluation"] == evaluation.by_name(figures)
        assert set(line["evaluation"]) == {"colour", "colour/red"}
        assert line["evaluation"]["colour"]["se"] == line["evaluation"]["colour"]["floor_se"] == 1.0
        np.testing.assert_array_equal(real.pixels, reference.pixels)


def test_reals_are_images_of_the_split_each_once_and_generated_ones_always_of_full_size(dataset, metric):
    images = datasets.landscape(40, 8)
    (reference, others), *evaluated = metric.seen
    numbers = [
        int(np.flatnonzero((images == pixels).all(axis=(1, 2, 3)))[0]) for pixels in (*reference.pixels, *others.pixels)
    ]
    assert len(set(numbers)) == 24 and numbers != sorted(numbers)
    assert {generated.pixels.shape for _, generated in evaluated} == {(12, 8, 8, 3)}
    first = evaluated[0][1].pixels  # of a network that is 4 x 4 still
    np.testing.assert_array_equal(first, first[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2))
    last = evaluated[-1][1].pixels
    assert (last != last[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)).any()
    assert len({image.tobytes() for image in last}) == 12


def test_runs_of_any_seed_meet_the_same_reals(dataset, tmp_path, metric):
    other = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, seed=6, tick_kimg={4: 0.016}))
    seen = Colour()
    train(dataset, tmp_path / "run", stop_at=112, config=other, metric=seen)
    np.testing.assert_array_equal(seen.seen[0][0].pixels, metric.seen[0][0].pixels)
    assert (seen.seen[1][1].pixels != metric.seen[1][1].pixels).any()


def test_stopped_and_resumed_it_has_the_same_figures_and_the_same_best_checkpoint(dataset, undisturbed, tmp_path):
    run_dir = tmp_path / "run"
    train(dataset, run_dir, stop_at=272)  # in a fade, between two ticks
    train(dataset, run_dir)
    assert runs.timeless(run_dir) == runs.timeless(undisturbed)
    assert kept(run_dir).name == kept(undisturbed).name
    assert weights(kept(run_dir)) == weights(kept(undisturbed))


def test_the_best_checkpoint_is_the_one_nearest_to_the_floor_and_outlives_rotation(undisturbed):
    lines = [line for line in run_directory.read_metrics(undisturbed) if "evaluation" in line]
    figures = [line["evaluation"]["colour"] for line in lines]
    gaps = [abs(figure["value"] - figure["floor"]) for figure in figures]
    assert min(gaps) < max(gaps)
    wanted = lines[int(np.argmin(gaps))]["images"]
    assert kept(undisturbed).name == f"{wanted:012d}"
    assert checkpoints.torn(kept(undisturbed)) is None
    assert len(list((undisturbed / "checkpoints").iterdir())) == 2


def test_a_kill_between_checkpoint_and_copy_is_made_up_for(dataset, tmp_path):
    run_dir = tmp_path / "run"
    train(dataset, run_dir, stop_at=128)
    copy = kept(run_dir)
    assert copy.name == f"{128:012d}"
    before = weights(copy)
    (copy / "checkpoint.json").unlink()  # the seal, which comes last
    next(copy.glob("weights.data*")).write_bytes(b"half")
    BestCheckpoint(run_dir, "colour").start(None, None)
    assert checkpoints.torn(kept(run_dir)) is None
    assert weights(kept(run_dir)) == before


def test_export_takes_the_newest_or_the_best(undisturbed, tmp_path):
    newest = saved_model.export(undisturbed, tmp_path / "newest")
    chosen = saved_model.export(undisturbed, tmp_path / "best", best=True)
    assert newest.description.kimg == 0.512
    assert chosen.description.kimg == int(kept(undisturbed).name) / 1000
    without = tmp_path / "run"
    shutil.copytree(undisturbed, without)
    shutil.rmtree(without / best.FOLDER)
    with pytest.raises(InputError, match="has kept no best checkpoint"):
        saved_model.export(without, tmp_path / "none", best=True)


def test_tensorboard_has_figures_and_floors(undisturbed):
    (events,) = (undisturbed / "tensorboard").glob("*tfevents*")
    found = {}
    for event in tf.compat.v1.train.summary_iterator(str(events)):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    figures = [line["evaluation"]["colour"] for line in run_directory.read_metrics(undisturbed) if "evaluation" in line]
    np.testing.assert_allclose(found["Metrics/colour"], [figure["value"] for figure in figures], rtol=1e-6)
    np.testing.assert_allclose(found["Metrics floor/colour"], [figure["floor"] for figure in figures], rtol=1e-6)
    assert len(found["Metrics/colour/red"]) == len(figures)


def test_labelled_ones_have_the_classes_of_the_reals(tmp_path):
    labels = [number % 3 for number in range(30)]
    folder = datasets.write(tmp_path / "small", datasets.landscape(30, 8), labels=labels)
    config = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, use_labels=True))
    metric = Colour()
    train(pipeline.open_dataset(str(folder)), tmp_path / "run", stop_at=128, config=config, metric=metric)
    images = datasets.landscape(30, 8)
    (reference, others), (real, generated) = metric.seen
    assert real.label_names == ("class 0", "class 1", "class 2")
    for pixels, label in zip(others.pixels, others.labels, strict=True):
        assert label == labels[int(np.flatnonzero((images == pixels).all(axis=(1, 2, 3)))[0])]
    np.testing.assert_array_equal(generated.labels, reference.labels)


def test_a_split_that_is_too_small_is_told_before_training(dataset, tmp_path):
    greedy = Colour()
    greedy.smallest = 100
    with pytest.raises(InputError, match=r"colour needs 100 images a side.*12 a side"):
        train(dataset, tmp_path / "run", metric=greedy)
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    "values, wanted", [([3.0, 1.0, 2.0], 1), ([0.5, 1.1, 0.8], 1), ([2.0, 2.0], 0), ([None, 9.0], 1)]
)
def test_best_is_nearest_to_the_floor_and_the_first_of_equals(values, wanted):
    lines = [{"images": n, "evaluation": {"x": {"value": value, "floor": 1.0}}} for n, value in enumerate(values)]
    assert best.best_line([{"images": 99}, *lines], "x")["images"] == wanted
    assert best.best_line(lines, "y") is None
