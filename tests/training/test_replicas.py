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


def run(script: str, output: Path, *arguments: object) -> dict[str, np.ndarray]:
    """What a script of this folder, a process of its own with two virtual devices, writes to `output`."""
    words = [sys.executable, "-m", f"tests.training.{script}", str(output), *map(str, arguments)]
    # From the root, so that it computes with this project and not with another that may be installed.
    root = Path(__file__).parents[2]
    finished = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    with np.load(output) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(
    ("level", "fading", "labels", "microbatch", "xla"), [(2, 0, 0, 0, "off"), (3, 1, 1, 0, "off"), (3, 0, 1, 4, "on")]
)
def test_two_virtual_devices_agree_with_one(dataset, tmp_path, level, fading, labels, microbatch, xla):
    result = run("two_replicas", tmp_path / "result.npz", dataset, level, fading, labels, microbatch, xla, "images")
    assert (result["one/replicas"], result["mirrored/replicas"]) == (1, 2)
    names = [name.removeprefix("one/") for name in result if name.startswith("one/") and "replicas" not in name]
    weights = [name for name in names if name.startswith(("generator", "discriminator", "averaged"))]
    assert len(weights) == 38
    assert (result["one/metrics/augment_p"][-1] != 0.5) == bool(fading)  # adjusted twice, where ADA is in use
    for name in [*weights, *(name for name in names if name.startswith(("metrics", "augment")))]:
        np.testing.assert_allclose(
            result[f"mirrored/{name}"], result[f"one/{name}"], rtol=1e-5, atol=1e-5, err_msg=name
        )


@pytest.mark.slow
def test_two_virtual_devices_extend_as_one(tmp_path):
    """The grown network, whose own output, second windows and crops are of chosen images of every group.

    Compared by what six steps see: two to rounding, the rest to a thousandth, as Adam makes a step of full length of a
    gradient that is all but nothing, so that rounding alone may turn a weight round.
    """
    dataset = datasets.write(tmp_path / "windows", datasets.landscape(48, 32), shards=2)
    result = run("two_replicas", tmp_path / "result.npz", dataset, 5, 0, 0, 0, "off", "extension")
    seen = [name.removeprefix("one/") for name in result if name.startswith("one/metrics/")]
    assert {"metrics/seam_real_score", "metrics/diversity", "metrics/reconstruction"} < set(seen)
    assert result["one/metrics/seam_real_score"].all()
    for name in seen:
        one, two = (result[f"{devices}/{name}"][:6] for devices in ("one", "mirrored"))
        np.testing.assert_allclose(two[:2], one[:2], rtol=1e-5, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-3, err_msg=name)


def test_nan_on_one_replica_is_learnt_from_on_none(tmp_path):
    result = run("nan_on_one_replica", tmp_path / "result.npz")

    def after(number: int, replica: int) -> dict[str, bytes]:
        prefix = f"{number}/{replica}/"
        learnt = ("generator", "discriminator", "g_optimizer", "d_optimizer")
        return {
            name.removeprefix(prefix): values.tobytes()
            for name, values in result.items()
            if name.startswith(tuple(prefix + group for group in learnt))
        }

    for replica in range(2):
        assert [list(result[f"{number}/{replica}/flags"]) for number in range(3)] == [[0, 0], [1, 1], [0, 0]]
        assert after(1, replica) == after(0, replica)
        before, moved = after(1, replica), after(2, replica)
        for network in ("generator", "discriminator"):
            assert before[f"{network}/4x4/conv/kernel"] != moved[f"{network}/4x4/conv/kernel"]
        assert all(np.isfinite(values).all() for name, values in result.items() if name.startswith(f"2/{replica}/"))
        assert [result[f"2/{replica}/{name}/step"] for name in ("g_optimizer", "d_optimizer")] == [2, 2]
    for number in range(3):
        assert after(number, 0) == after(number, 1)


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


@pytest.mark.parametrize(
    ("batch", "workers", "local", "group"), [(16, 2, 2, 4), (48, 3, 2, 4), (32, 2, 4, 4), (12, 2, 1, 3)]
)
def test_a_replica_finds_its_images_in_what_its_worker_feeds(batch, workers, local, group):
    """Replica r of the whole batch is replica r mod `local` of its worker's share of it."""
    whole = shares(batch, workers * local, group)
    fed = shares(batch, workers, min(group, batch // (workers * local)))
    assert (fed == np.sort(whole.reshape(workers, -1))).all()
    for worker in range(workers):
        found = fed[worker][shares(batch // workers, local, group)]
        assert (found == whole[worker * local : (worker + 1) * local]).all()
