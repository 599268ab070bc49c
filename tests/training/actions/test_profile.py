"""A profile of one call: the files that TensorBoard reads, with what ran in that call and in no other."""

from pathlib import Path

import pytest
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from progan_tf.config import Config, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.data import pipeline
from progan_tf.training import strategy, trainer
from progan_tf.training.actions.profile import Profile
from progan_tf.training.progress import Progress
from tests import datasets

CONFIG = Config(
    network=NetworkConfig(resolution=8, channels=3, latent_size=4, fmap_base=64, fmap_max=4),
    schedule=ScheduleConfig(stable_kimg={4: 0.096}, total_kimg=0.096, batch_size={4: 8}),
    training=TrainingConfig(shuffle_mb=1),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return pipeline.open_dataset(
        str(datasets.write(tmp_path_factory.mktemp("data") / "small", datasets.landscape(16, 8)))
    )


def profiled(dataset, run: Path, step: int) -> list[Path]:
    """The profiles of a run of three calls of four steps each."""
    profile, traced = Profile(run / "tensorboard", CONFIG, step), []

    class Watch(trainer.Action):
        def called(self, progress) -> None:
            traced.append(profile._tracing)

    trainer.train(CONFIG, dataset, run, strategy.make("one"), [Watch(), profile])
    assert traced == [step // 4 == call for call in range(3)]
    return list(run.glob("tensorboard/plugins/profile/*/*.xplane.pb"))


@pytest.mark.parametrize("step", [0, 6])
def test_the_call_of_the_step_is_traced_with_its_operations(dataset, tmp_path, step):
    (path,) = profiled(dataset, tmp_path / "run", step)
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    host = next(plane for plane in space.planes if plane.name == "/host:CPU")
    names = [host.event_metadata[event.metadata_id].name.lower() for line in host.lines for event in line.events]
    # In each of four steps: two convolutions of D for reals, fakes and twice for the penalty, two of G.
    assert sum("conv2dbackpropfilter" in name for name in names) == 4 * (2 * 4 + 2)


@pytest.mark.parametrize("step", [None, 3, 12])
def test_a_step_gone_by_or_never_taken_is_not_traced(tmp_path, step):
    profile = Profile(tmp_path / "tensorboard", CONFIG, step)
    profile.start(None, Progress(images=32, steps=4))
    for call in (2, 3):
        profile.called(Progress(images=32 * call, steps=4 * call))
    assert not profile._tracing and not (tmp_path / "tensorboard").exists()
