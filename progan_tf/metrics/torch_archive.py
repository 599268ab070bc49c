"""Reads the tensors of a PyTorch file without PyTorch: a zip archive (TorchScript or state dict) or the older stream.

Such a file is a pickle, and a pickle may call any function it names. This reader knows the few names that rebuild
tensors, each of them bound to a function of its own here, and refuses a file that names another. TorchScript keeps
its code beside the pickle; it is never looked at.
"""

import dataclasses
import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from progan_tf.errors import InputError

_STREAM_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a file by its dotted name: the path of attributes (TorchScript) or the key (state dict).

    Raises:
        InputError: the file is damaged, or would run something other than the rebuilding of tensors.
    """
    try:
        content, bytes_of = _read_zip(path) if zipfile.is_zipfile(path) else _read_stream(path)
        return {name: tensor.array(bytes_of) for name, tensor in _flatten(content, "")}
    except (OSError, MemoryError):
        raise
    except Exception as error:  # what a damaged pickle raises has no bounds
        raise InputError(
            f"{path} cannot be read as a PyTorch file ({type(error).__name__}: {error}); get the file again"
        ) from error


@dataclasses.dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """A view of a storage: offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, bytes_of: Callable[[_Storage], bytes]) -> np.ndarray:
        values = np.frombuffer(bytes_of(self.storage), self.storage.dtype)
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.strides, *self.shape, 0) < 0 or (math.prod(self.shape) and last >= len(values)):
            raise ValueError(f"a tensor of {list(self.shape)} does not fit into its storage of {len(values)} values")
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)


class _Module:
    """A TorchScript module: its attributes, nothing else."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.attributes = state


class _Dict(dict):
    """An ordered dictionary; PyTorch hangs metadata on it, which is dropped."""

    def __setstate__(self, state: object) -> None:
        pass


class _Function:
    """What a name of the pickle stands for. Its slots keep a pickle from changing it."""

    __slots__ = ("call",)

    def __init__(self, call: Callable):
        self.call = call

    def __call__(self, *arguments: Any) -> Any:
        return self.call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes a function")


def _rebuild_tensor(storage: _Storage, offset: int, shape: tuple, strides: tuple, *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


_NAMES = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(lambda tensor, *_: tensor),
    ("torch.jit._pickle", "build_intlist"): _Function(list),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) in _NAMES:
            return _NAMES[module, name]
        raise pickle.UnpicklingError(f"it calls {module}.{name}, which rebuilds no tensor")

    def persistent_load(self, reference: tuple) -> _Storage:
        kind, dtype, key, *_ = reference
        if kind != "storage" or dtype not in _STORAGES.values():
            raise pickle.UnpicklingError(f"it refers to {kind} {dtype}")
        return _Storage(dtype, key)


def _read_zip(path: Path) -> tuple[Any, Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(path)
    root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")
    content = _Unpickler(io.BytesIO(archive.read(f"{root}data.pkl"))).load()
    return content, lambda storage: archive.read(f"{root}data/{storage.key}")


def _read_stream(path: Path) -> tuple[Any, Callable[[_Storage], bytes]]:
    """The format before PyTorch 1.6: five pickles, then every storage as the number of its values and the values."""
    with path.open("rb") as file:
        if _Unpickler(file).load() != _STREAM_MAGIC:
            raise ValueError("it does not begin as one")
        _version, _system, content, keys = (_Unpickler(file).load() for _ in range(4))
        sizes = {tensor.storage.key: np.dtype(tensor.storage.dtype).itemsize for _, tensor in _flatten(content, "")}
        values = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            values[key] = file.read(count * sizes[key])
    return content, lambda storage: values[storage.key]


def _flatten(content: Any, prefix: str) -> Iterator[tuple[str, _Tensor]]:
    """All tensors of nested modules and dictionaries by their dotted names."""
    inner = content.attributes if isinstance(content, _Module) else content
    if isinstance(inner, _Tensor):
        yield prefix, inner
    elif isinstance(inner, dict):
        for name, value in inner.items():
            yield from _flatten(value, f"{prefix}.{name}" if prefix else str(name))
