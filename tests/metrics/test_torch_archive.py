"""PyTorch files read without PyTorch: right tensors from right files, and nothing run by wrong ones.

The files are pickled here under PyTorch's names, as `torch.save` and `torch.jit.save` would; PyTorch is not needed.
"""

import collections
import copyreg
import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from progan_tf.errors import InputError
from progan_tf.metrics import torch_archive

MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    """Stands for torch.FloatStorage while pickling."""


class LongStorage:
    """Stands for torch.LongStorage while pickling."""


class Sequential:
    """Stands for a compiled module of TorchScript while pickling."""


def _rebuild_tensor_v2():
    """Stands for torch._utils._rebuild_tensor_v2 while pickling."""


@pytest.fixture(autouse=True)
def names_of_pytorch(monkeypatch):
    """Makes pickle write the names that PyTorch's own objects have."""
    for module, thing in (
        ("torch", FloatStorage),
        ("torch", LongStorage),
        ("torch._utils", _rebuild_tensor_v2),
        ("__torch__.container", Sequential),
    ):
        monkeypatch.setattr(thing, "__module__", module)
        known = types.ModuleType(module)
        for other in (FloatStorage, LongStorage, _rebuild_tensor_v2, Sequential):
            setattr(known, other.__name__, other)
        monkeypatch.setitem(sys.modules, module, known)
    monkeypatch.setitem(sys.modules, "__torch__", types.ModuleType("__torch__"))


class Writer(pickle.Pickler):
    """Pickles arrays as PyTorch does tensors: by reference to storages, which are kept beside."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file, protocol=2)
        self.storages: dict[str, np.ndarray] = {}

    def persistent_id(self, thing: object) -> tuple | None:
        return thing.reference if isinstance(thing, Reference) else None

    def reducer_override(self, thing: object) -> tuple:
        if not isinstance(thing, np.ndarray):
            return NotImplemented
        key, kind = str(len(self.storages)), FloatStorage if thing.dtype == np.float32 else LongStorage
        base = thing if thing.base is None else thing.base
        self.storages[key] = base
        offset = (thing.ctypes.data - base.ctypes.data) // thing.itemsize
        strides = tuple(stride // thing.itemsize for stride in thing.strides)
        reference = Reference(("storage", kind, key, "cpu", base.size))
        return _rebuild_tensor_v2, (reference, offset, thing.shape, strides, False, collections.OrderedDict())


class Reference:
    def __init__(self, reference: tuple):
        self.reference = reference


def write_zip(path: Path, content: object, root: str = "archive") -> Path:
    file = io.BytesIO()
    writer = Writer(file)
    writer.dump(content)
    return zipped(path, file.getvalue(), writer.storages, root)


def zipped(path: Path, pickled: bytes, storages: dict[str, np.ndarray], root: str = "archive") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", pickled)
        archive.writestr(f"{root}/code/__torch__/container.py", "raise SystemExit('never run')")
        for key, values in storages.items():
            archive.writestr(f"{root}/data/{key}", values.tobytes())
        archive.writestr(f"{root}/version", "3\n")
    return path


def write_stream(path: Path, content: object) -> Path:
    with path.open("wb") as file:
        for part in (MAGIC, 1001, {"little_endian": True}):
            pickle.dump(part, file, protocol=2)
        pickled = io.BytesIO()
        writer = Writer(pickled)
        writer.dump(content)
        file.write(pickled.getvalue())
        pickle.dump(list(writer.storages), file, protocol=2)
        for values in writer.storages.values():
            file.write(struct.pack("<q", values.size) + values.tobytes())
    return path


def tensors() -> dict[str, np.ndarray]:
    values = np.arange(120, dtype=np.float32)
    return {
        "Conv2d_1a_3x3.conv.weight": np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32),
        "bn.num_batches_tracked": np.array([7], np.int64),
        "view": values.reshape(2, 3, 4, 5)[1, :, ::2].transpose(2, 0, 1),
        "scalar": np.array(2.5, np.float32),
        "empty": np.zeros((0, 3), np.float32),
    }


@pytest.mark.parametrize("write", [write_zip, write_stream])
def test_a_state_dict(tmp_path, write):
    state = collections.OrderedDict(tensors())
    read = torch_archive.read(write(tmp_path / "weights.pth", state))
    assert list(read) == list(tensors())
    for name, expected in tensors().items():
        assert read[name].dtype == expected.dtype
        np.testing.assert_array_equal(read[name], expected)


def test_metadata_on_the_dictionary_is_dropped(tmp_path):
    class Dictionary(collections.OrderedDict):
        def __reduce__(self):
            return collections.OrderedDict, (), {"_metadata": {"version": 1}}, None, iter(self.items())

    read = torch_archive.read(write_zip(tmp_path / "weights.pth", Dictionary(tensors())))
    assert list(read) == list(tensors())


def module(**attributes: object) -> Sequential:
    made = Sequential()
    made.__dict__ = attributes
    return made


def test_a_torchscript_module_by_its_attributes(tmp_path):
    weight, beta = tensors()["Conv2d_1a_3x3.conv.weight"], np.ones(4, np.float32)
    network = module(training=False, layers=module(conv=module(weight=weight, beta=beta, stride=2, hook=None)))
    read = torch_archive.read(write_zip(tmp_path / "weights.pt", network, root="out_jit_module"))
    assert list(read) == ["layers.conv.weight", "layers.conv.beta"]
    np.testing.assert_array_equal(read["layers.conv.weight"], weight)


# What is refused. `run` stands for any code: if it ran, the file would be there.


class Runs:
    def __init__(self, function: Callable, *arguments: object):
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def attacks(marker: Path) -> dict[str, bytes]:
    touch = f"touch {marker}"
    by_reduce = {
        "os.system": Runs(os.system, touch),
        "eval": Runs(eval, f"open({str(marker)!r}, 'w')"),
        "getattr": Runs(getattr, Path, "cwd"),
        "a nested pickle": Runs(pickle.loads, pickle.dumps(Runs(os.system, touch))),
        "numpy": Runs(np.save, str(marker), 1),
        "a class of the system": Runs(copyreg._reconstructor, Path, object, None),
    }
    symbol = b"ctorch._utils\n_rebuild_tensor_v2\n"
    return {name: pickle.dumps({"a": thing}, protocol=2) for name, thing in by_reduce.items()} | {
        "an old opcode": f"(S'{touch}'\nios\nsystem\n.".encode(),
        "another old opcode": b"(cos\nsystem\nS'" + touch.encode() + b"'\no.",
        "a name within a name": b"\x80\x04\x8c\x05torch\x8c\x0c_utils.os.sys\x93.",
        "a change of an allowed function": b"\x80\x02" + symbol + b"}X\x04\x00\x00\x00callK\x01sb.",
        "slots of an allowed function": b"\x80\x02" + symbol + b"N}X\x04\x00\x00\x00callK\x01s\x86b.",
        "a change of a class": b"\x80\x02c__torch__.a\nB\n}X\x0a\x00\x00\x00attributesK\x01sb.",
        "a call of a module": b"\x80\x02c__torch__.os\nsystem\nX\x02\x00\x00\x00ls\x85R.",
        "a foreign storage": b"\x80\x02(X\x07\x00\x00\x00storagecos\nsystem\nX\x01\x00\x00\x000K\x01K\x01tQ.",
        "a storage of no kind": b"\x80\x02(X\x04\x00\x00\x00fileX\x03\x00\x00\x00<f4X\x01\x00\x00\x000K\x01K\x01tQ.",
        "no end": b"\x80\x02}",
        "nothing": b"",
    }  # fmt: skip


@pytest.mark.parametrize("name", attacks(Path("marker")))
@pytest.mark.parametrize("form", ["zip", "stream"])
def test_no_code_of_a_file_is_run(tmp_path, name, form):
    marker, path = tmp_path / "marker", tmp_path / "weights.pt"
    pickled = attacks(marker)[name]
    if form == "zip":
        zipped(path, pickled, {"0": np.zeros(1, np.float32)})
    else:
        path.write_bytes(pickle.dumps(MAGIC, protocol=2) + 2 * pickle.dumps(1, protocol=2) + pickled)
    with pytest.raises(InputError, match=r"weights.pt cannot be read as a PyTorch file \(.*get the file again"):
        torch_archive.read(path)
    assert not marker.exists()
    good = torch_archive.read(write_zip(tmp_path / "good.pt", collections.OrderedDict(tensors())))
    assert list(good) == list(tensors())  # what is allowed still does what it did


def test_the_refusal_names_what_would_have_been_called(tmp_path):
    path = zipped(tmp_path / "weights.pt", pickle.dumps(Runs(os.system, "true"), protocol=2), {})
    with pytest.raises(InputError, match=f"it calls {os.system.__module__}.system, which rebuilds no tensor"):
        torch_archive.read(path)


@pytest.mark.parametrize("offset, shape, strides", [
    (0, (5,), (1,)), (1, (4,), (1,)), (-1, (2,), (1,)), (0, (2, 3), (2, 1)), (3, (2,), (-1,)), (0, (2,), (10**18,)),
    (0, (-1, -4), (1, 1)), (4, (), ()), (0, (1,), (2**70,)), (0, (2.0,), (1,)),
])  # fmt: skip
def test_a_tensor_stays_within_its_storage(tmp_path, offset, shape, strides):
    class Wild:
        def __reduce__(self):
            reference = Reference(("storage", FloatStorage, "0", "cpu", 4))
            return _rebuild_tensor_v2, (reference, offset, shape, strides, False, None)

    file = io.BytesIO()
    Writer(file).dump({"wild": Wild()})
    with pytest.raises(InputError, match="cannot be read as a PyTorch file"):
        torch_archive.read(zipped(tmp_path / "weights.pt", file.getvalue(), {"0": np.ones(4, np.float32)}))


@pytest.mark.parametrize("write", [write_zip, write_stream])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_short_is_refused(tmp_path, write, kept):
    path = write(tmp_path / "weights.pt", collections.OrderedDict(tensors()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(InputError, match=r"weights.pt cannot be read"):
        torch_archive.read(path)


def test_a_flipped_bit_of_a_zip_is_refused(tmp_path):
    path = write_zip(tmp_path / "weights.pt", collections.OrderedDict(tensors()))
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(tensors()["Conv2d_1a_3x3.conv.weight"].tobytes()) + 40] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="CRC"):
        torch_archive.read(path)
