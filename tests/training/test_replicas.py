"""Two replicas compute what one device does: the same batch, the same minibatch-stddev groups."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from progan_tf.training.steps import shares
from tests import datasets


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    images = datasets.landscape(48, 8)
    return datasets.write(
        tmp_path_factory.mktemp("data") / "small", images, labels=[i % 3 for i in range(48)], shards=2
    )


@pytest.mark.parametrize(("level", "fading", "labels"), [(2, 0, 0), (3, 1, 1)])
def test_two_virtual_devices_agree_with_one(dataset, tmp_path, level, fading, labels):
    output = tmp_path / "result.npz"
    script = Path(__file__).with_name("two_replicas.py")
    arguments = [str(dataset), str(output), str(level), str(fading), str(labels)]
    finished = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    with np.load(output) as file:
        result = {name: file[name] for name in file.files}
    assert (result["one/replicas"], result["mirrored/replicas"]) == (1, 2)
    names = [name.removeprefix("one/") for name in result if name.startswith("one/") and "replicas" not in name]
    weights = [name for name in names if name.startswith(("generator", "discriminator", "averaged"))]
    assert len(weights) == 38
    for name in [*weights, *(name for name in names if name.startswith("metrics"))]:
        np.testing.assert_allclose(
            result[f"mirrored/{name}"], result[f"one/{name}"], rtol=1e-5, atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize(("batch", "replicas", "group"), [(16, 2, 4), (32, 4, 4), (12, 2, 3), (8, 2, 4), (6, 1, 16)])
def test_replicas_share_a_batch_by_whole_groups(batch, replicas, group):
    taken = shares(batch, replicas, group)
    assert sorted(taken.ravel()) == list(range(batch))
    share = batch // replicas
    size = min(group, share)
    for (
        replica
    ) in taken:  # a group of a replica (position mod share / size) is a group of the whole (image mod batch / size)
        for position in range(share):
            mates = [image for at, image in enumerate(replica) if at % (share // size) == position % (share // size)]
            assert len({image % (batch // size) for image in mates}) == 1
    assert list(shares(batch, 1, group)[0]) == list(range(batch))
