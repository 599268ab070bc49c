"""Starting from another run or model: what is taken, where growing goes on, and what is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from progan_tf import imaging, schedule
from progan_tf.config import Config, ExtensionConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.errors import InputError, Stopped
from progan_tf.export import saved_model
from progan_tf.extension.task import extension
from progan_tf.networks.growing import level_of
from progan_tf.schedule import Phase
from progan_tf.training import checkpoints, run_directory, source, strategy, trainer, transfer
from progan_tf.training.actions.sample_grid import SampleGrid
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import NETWORKS, Networks
from tests import datasets, runs

SMALL = Config(
    network=NetworkConfig(resolution=8, channels=3, latent_size=16, fmap_base=64, fmap_max=16),
    schedule=ScheduleConfig(stable_kimg={4: 0.064}, fade_kimg={4: 0.128}, total_kimg=0.256, batch_size={4: 16}),
    training=TrainingConfig(tick_kimg={4: 0.064}, shuffle_mb=1, seed=5, grid_columns=4, grid_rows=2),
)
# 4 x 4 to 64 images, 8 x 8 fades in to 192 and is stable to 256, where 16 x 16 begins to fade in.
GROWN = dataclasses.replace(
    SMALL,
    network=dataclasses.replace(SMALL.network, resolution=16),
    schedule=dataclasses.replace(SMALL.schedule, total_kimg=0.384),
    training=dataclasses.replace(SMALL.training, seed=6),
)
STABLE = Phase(level=3, alpha=1.0, batch_size=16, learning_rate=0.001)


def with_network(**changes) -> Config:
    return dataclasses.replace(GROWN, network=dataclasses.replace(GROWN.network, **changes))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(40, 16))
    return pipeline.open_dataset(str(folder))


def train(config, dataset, run_dir, init_from=None, stop_at=None):
    grid = SampleGrid(run_dir / "samples", config, dataset, Sampler(config.network, "uint8"))
    return trainer.train(
        config, dataset, run_dir, strategy.make("one"), [grid], init_from=init_from and str(init_from),
        should_stop=lambda progress: stop_at is not None and progress.images >= stop_at,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has been grown to 8 x 8 to its end."""
    run_dir = tmp_path_factory.mktemp("runs") / "finished"
    runs.write(run_dir, images=3000, resolution=8)
    assert run_directory.read_config(run_dir).network == SMALL.network
    return run_dir


def weights_of(networks: Networks) -> dict[str, np.ndarray]:
    return {name: v.numpy() for name, v in networks.variables.items() if name.partition("/")[0] in NETWORKS}


def sample(config: Config, networks: Networks, phase: Phase) -> np.ndarray:
    """Pixels of the averaged generator at full size."""
    latents = np.random.default_rng(0).standard_normal((4, config.network.latent_size), np.float32)
    return Sampler(config.network, "uint8")(networks, phase, latents, np.zeros((4, 0), np.float32))


def begun(init_from, config=GROWN):
    networks = Networks(config)
    return networks, transfer.begin(config, networks, str(init_from))


def test_a_finished_run_grows_on_from_its_own_images(finished):
    theirs = Networks(SMALL)
    runs.restore(finished / "checkpoints", theirs)
    networks, progress = begun(finished)
    first = schedule.phase_at(GROWN.schedule, 4, progress.images)
    assert (progress.images, progress.steps, progress.tick, progress.good) == (256, 0, 0, True)
    small, large = sample(SMALL, theirs, STABLE), sample(GROWN, networks, first)
    assert small.std() > 10
    np.testing.assert_array_equal(large, imaging.enlarge(small, 2))
    nearly = Phase(level=4, alpha=1e-4, batch_size=16, learning_rate=0.001)
    assert np.abs(sample(GROWN, networks, nearly).astype(int) - large).max() <= 1


def test_every_weight_of_the_source_is_taken_and_the_new_level_is_as_in_a_new_run(finished):
    theirs, fresh, mine = Networks(SMALL), Networks(GROWN), begun(finished)[0]
    runs.restore(finished / "checkpoints", theirs)
    theirs, fresh, mine = map(weights_of, (theirs, fresh, mine))
    assert len(theirs) > 30 and mine.keys() == fresh.keys()
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs.get(name, fresh[name]), name)
    assert all("/16x16/" in name for name in mine.keys() - theirs.keys())


def test_the_whole_way_growing_stops_and_resumes_without_being_told_again(dataset, finished, tmp_path):
    undisturbed, run_dir, gone = (tmp_path / name for name in ("undisturbed", "run", "gone"))
    shutil.copytree(finished, gone)
    assert train(GROWN, dataset, undisturbed, init_from=gone).images == 384
    with pytest.raises(Stopped):
        train(GROWN, dataset, run_dir, init_from=gone, stop_at=320)
    assert json.loads((run_dir / "config.json").read_text())["init_from"] == str(gone)
    shutil.rmtree(gone)
    with pytest.raises(InputError, match=r"started from .*gone, not .*finished; leave --init_from out"):
        train(GROWN, dataset, run_dir, init_from=finished)
    assert train(GROWN, dataset, run_dir, init_from=gone).images == 384
    assert runs.weights(run_dir) == runs.weights(undisturbed)
    theirs = weights_of(begun(finished)[0])
    network = Networks(GROWN)
    runs.restore(run_dir / "checkpoints", network)
    moved = [name for name, values in weights_of(network).items() if (values != theirs[name]).any()]
    assert {"generator/4x4/conv/kernel", "generator/16x16/conv/kernel", "discriminator/8x8/conv/kernel"} <= set(moved)


def test_a_run_killed_before_its_first_checkpoint_starts_from_the_same(dataset, finished, tmp_path):
    run_dir = tmp_path / "run"
    run_directory.open_run(run_dir, GROWN, dataset.identity(), str(finished))
    with pytest.raises(Stopped):
        train(GROWN, dataset, run_dir, stop_at=257)
    progress = checkpoints.load_progress(run_dir / "checkpoints" / f"{256:012d}")
    assert progress.images == 256 and (run_dir / "samples" / "reals.png").exists()


def test_a_run_that_started_from_nothing_is_not_started_from_something(dataset, finished, tmp_path):
    run_directory.open_run(tmp_path / "run", GROWN, dataset.identity())
    with pytest.raises(InputError, match=r"started from nothing, not .*finished"):
        run_directory.open_run(tmp_path / "run", GROWN, dataset.identity(), str(finished))


def test_a_model_can_be_grown_on_from_the_weights_beside_it(finished, tmp_path):
    exported = saved_model.export(finished, tmp_path / "model")
    theirs = Networks(SMALL)
    runs.restore(finished / "checkpoints", theirs)
    networks, progress = begun(exported.path)
    assert progress.images == 256
    first = schedule.phase_at(GROWN.schedule, 4, progress.images)
    small, large = sample(SMALL, theirs, STABLE), sample(GROWN, networks, first)
    assert np.abs(large.astype(int) - imaging.enlarge(small, 2)).max() <= 1  # of 16 bits
    mine = weights_of(networks)
    for name, values in weights_of(theirs).items():
        wanted = values if name.startswith("discriminator") else weights_of(theirs)[f"averaged/{name.split('/', 1)[1]}"]
        np.testing.assert_allclose(mine[name], wanted, rtol=1e-3, atol=1e-6, err_msg=name)


def test_a_model_that_stands_mid_fade_goes_on_there_with_the_levels_it_has(tmp_path):
    runs.write(tmp_path / "run", images=1500, resolution=16)
    exported = saved_model.export(tmp_path / "run", tmp_path / "model")
    assert (exported.description.level, exported.description.alpha) == (3, 0.5)
    opened = source.open_source(exported.path)
    assert (opened.level, opened.alpha, opened.kimg) == (3, 0.5, 1.5)
    assert {level_of(name.partition("/")[2]) for name in opened.weights} == {2, 3}
    assert begun(exported.path)[1].images == 128


@pytest.mark.parametrize(("config", "images"), [
    (SMALL, 192),  # the last stable stretch
    (dataclasses.replace(SMALL, schedule=dataclasses.replace(SMALL.schedule, start_kimg=0.1)), 100),
    (dataclasses.replace(GROWN, schedule=dataclasses.replace(GROWN.schedule, fade_kimg={4: 0.25})), 378),
], ids=["same size", "told", "another schedule"])  # fmt: skip
def test_where_it_starts(finished, config, images):
    assert begun(finished, config)[1].images == images


@pytest.mark.parametrize("level", range(2, 11))
def test_the_start_of_a_level_is_where_the_schedule_has_it(level):
    config = ScheduleConfig(stable_kimg={4: 600, 32: 100}, fade_kimg={4: 500, 64: 50})
    start = schedule.start_of(config, 10, level, 1.0)
    if level < 10:
        assert schedule.level_and_alpha(config, 10, start) == (level, 1.0)
        assert schedule.level_and_alpha(config, 10, start + 1)[0] == level + 1
    else:
        assert (
            schedule.level_and_alpha(config, 10, start) == (10, 1.0) != schedule.level_and_alpha(config, 10, start - 1)
        )
    if level > 2:
        fading = schedule.start_of(config, 10, level, 0.3)
        assert schedule.level_and_alpha(config, 10, fading) == (level, pytest.approx(0.3))


@pytest.mark.parametrize(("config", "words"), [
    (with_network(latent_size=9), r"averaged/4x4/dense/kernel is \(16, .*\) there and \(9, .*\) here"),
    (with_network(fmap_max=4), r"and \d+ more; only levels above the last may be new"),
    (with_network(channels=4), r"to_rgb/kernel is \(1, 1, 16, 3\) there and \(1, 1, 16, 4\) here"),
    (with_network(labels=2), r"4x4/dense/kernel is \(16, .*\) there and \(18, .*\) here"),
], ids=["latents", "widths", "channels", "labels"])  # fmt: skip
def test_a_network_that_does_not_fit_is_refused_by_name(finished, config, words):
    with pytest.raises(InputError, match=words):
        begun(finished, config)


@pytest.mark.parametrize(("attention", "kept"), [("off", ()), ("plain", ("copied",)), ("gated", ("copied", "gate"))])
def test_attention_may_be_switched_off_and_on(attention, kept):
    """Between runs of extension: its layers are left out, or begin anew; the others are all taken."""

    def networks(attention: str, seed: int) -> Networks:
        changed = ExtensionConfig(attention=attention, attention_resolution=16)
        network = dataclasses.replace(SMALL.network, resolution=32)
        config = Config(network=network, training=TrainingConfig(task="extension", seed=seed), extension=changed)
        return Networks(config, extension(config).generator, extension(config).discriminator)

    gated, other = networks("gated", 1), networks(attention, 2)
    for one, another in ((gated, other), (other, networks("gated", 3))):
        before = {name: variable.numpy() for name, variable in another.variables.items()}
        weights = {name: one.variables[name].numpy() for name in one.variables if name.partition("/")[0] in NETWORKS}
        transfer.take(source.Source(weights, 5, 1.0, 0.0), another, "the other")
        for name, variable in another.variables.items():
            if name.partition("/")[0] in NETWORKS:
                shared = name.split("/")[2] not in {"copied", "gate"} - set(kept)
                np.testing.assert_array_equal(variable.numpy(), weights[name] if shared else before[name])


def test_a_source_that_is_larger_is_refused(finished, tmp_path):
    runs.write(tmp_path / "run", images=100, resolution=32)
    with pytest.raises(InputError, match=r"32x32.* is .* there and missing here.*its resolution \(32\)"):
        begun(tmp_path / "run")


def test_nothing_is_written_where_the_source_does_not_fit(dataset, finished, tmp_path):
    with pytest.raises(InputError, match="do not fit"):
        train(with_network(latent_size=9), dataset, tmp_path / "run", init_from=finished)
    with pytest.raises(InputError, match="no run at"):
        train(GROWN, dataset, tmp_path / "run", init_from=tmp_path / "nowhere")
    short = dataclasses.replace(GROWN, schedule=dataclasses.replace(GROWN.schedule, total_kimg=0.2))
    with pytest.raises(InputError, match=r"total_kimg is 0.2, and the run would start at 0.256"):
        train(short, dataset, tmp_path / "run", init_from=finished)
    assert not (tmp_path / "run").exists()


def test_damaged_and_broken_sources_are_told(finished, tmp_path):
    exported = saved_model.export(finished, tmp_path / "model")
    path = exported.path / source.SIDECAR
    opened = source.open_source(exported.path)
    opened.weights["averaged/4x4/conv/bias"][0] = np.inf
    source.write_sidecar(exported.path, opened)
    with pytest.raises(InputError, match=r"not finite \(averaged/4x4/conv/bias"):
        source.open_source(exported.path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"weights.npz is damaged .*export the model again"):
        source.open_source(exported.path)
