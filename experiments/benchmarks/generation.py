"""How fast an exported generator makes images on a CPU, beside the runtimes that a user may pick instead.

  python -m experiments.benchmarks.generation --peer_python=/path/to/python --torch_python=/path/to/python
  python -m experiments.benchmarks.generation --what=forms

The network is the published one at each size, with random weights, the same for all. Every contestant lives in a
process of its own and is told when it is its turn, so that one computes at a time; they take turns, and the tables have
medians. Images of all are compared before any time is taken. `sizes` has:

- our SavedModel as it is served: signature serving_default, pixels of 8 bits out, float32 and bfloat16. All others put
  out values in float32, which a user still has to convert;
- ONNX Runtime (float32; it has no bfloat16 on x86) and OpenVINO on the usual export, with up-scaling apart from the
  convolution, and OpenVINO on our graph, with both in one (onnx_progan.py);
- PyTorch with up-scaling apart (torch_progan.py): eager, channels last, and compiled, which takes a minute a size and
  batch and is therefore left to --compiled_levels;
- a convolution of 512 to 512 feature maps at 64 pixels: the machine's own rate, and with it the floor of every size.

`start` tells, at 256 pixels in a new process with TensorFlow imported, how long the SavedModel takes to load and to
make its first image. `forms` times the two forms of every up-scaling block. Peers are no dependencies of the project:
`pip install onnx onnxruntime openvino torch` into any Python; those that are absent are left out, with a note.
"""

import contextlib
import json
import math
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from experiments import machine
from experiments.benchmarks import generation_contestants as contestants
from experiments.benchmarks import generation_forms, generation_models, generation_tables
from experiments.benchmarks.generation_peer import CONVOLVED
from experiments.benchmarks.generation_tables import CONVOLUTION, OURS
from experiments.benchmarks.peer import Peer, has
from progan_tf import cost
from progan_tf.config import NetworkConfig
from progan_tf.errors import Failed, InputError

_WHAT = flags.DEFINE_list("what", ["sizes", "start", "forms"], "Parts to run: sizes, start, forms.")
_LEVELS = flags.DEFINE_list("levels", ["6", "7", "8", "9", "10"], "Levels: log2 of the resolution.")
_BATCHES = flags.DEFINE_list("batches", ["1", "8"], "Images at a time.")
_COMPILED = flags.DEFINE_list("compiled_levels", ["8"], "Levels at which PyTorch is compiled too.")
_ONLY = flags.DEFINE_string("only", "", "Contestants to run, a regular expression on their names; empty: all.")
_ROUNDS = flags.DEFINE_integer(
    "rounds", 7, "Turns each contestant takes at most, after one that is not counted.", lower_bound=1
)
_SECONDS = flags.DEFINE_float("seconds", 45.0, "Seconds after which a size and batch has no further round but three.")
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of every contestant.")
_WIDTH = flags.DEFINE_integer("fmap_base", 8192, "The network's fmap_base; less is a narrower network, for a trial.")
_PEER_PYTHON = flags.DEFINE_string("peer_python", sys.executable, "Python with onnx, onnxruntime and openvino.")
_TORCH_PYTHON = flags.DEFINE_string("torch_python", sys.executable, "Python with PyTorch.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file for all times; empty: none is written.")

_PRECISIONS = ("float32", "bfloat16")
_GREY_LEVELS = {"float32": 1.0, "bfloat16": 4.0}  # the largest, and the mean: any other network is far beyond


def main() -> None:
    if unknown := set(_WHAT.value) - {"sizes", "start", "forms"}:
        raise InputError(f"--what={','.join(sorted(unknown))} is no part; give sizes, start, forms, or some of them")
    quietly.import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    results: dict[str, Any] = {"sizes": [], "starts": {}, "forms": []}
    if "sizes" in _WHAT.value:
        for result in _sizes():
            results["sizes"].append(result)
            print(f"\n## {2 ** result['level']} px, batch {result['batch']}\n\n{generation_tables.of_size(result)}")
            _save(results)
    if "start" in _WHAT.value:
        results["starts"] = _starts()
        for name, start in results["starts"].items():
            print(
                "\n{}: loaded in {load:.2f} s, first image in {first:.2f} s, {megabytes:,.0f} MB".format(name, **start)
            )
    if {"sizes", "start"} & set(_WHAT.value):
        print("\n" + generation_tables.told(generation_tables.goals(results["sizes"], results["starts"])))
    if "forms" in _WHAT.value:
        results["forms"] = _forms()
    _save(results)


def _sizes() -> Iterator[dict[str, Any]]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found, absent = contestants.find(_PEER_PYTHON.value, _TORCH_PYTHON.value, _THREADS.value)
        print("\n".join(absent))
        wanted = {name: how for name, how in found.items() if re.search(_ONLY.value, name)}
        peers = {name: stack.enter_context(_started(*how)) for name, how in wanted.items()}
        onnx = has(_PEER_PYTHON.value, "onnx")
        for level in map(int, _LEVELS.value):
            network = _network(level)
            models = folder / str(level)
            models.mkdir()
            generation_models.write(models, network, level, list(_PRECISIONS))
            if onnx:
                with _started(_PEER_PYTHON.value, {"runtime": "onnx"}) as writer:
                    writer.ask(load=str(models / "weights.npz"), level=level)
            here = {
                name: peer for name, peer in peers.items() if "compiled" not in name or str(level) in _COMPILED.value
            }
            pixels = {}
            for name in list(here):
                try:
                    pixels[name] = _pixels(here[name], network, level, models / contestants.model_of(name), models)
                except RuntimeError as error:
                    print(f"{name} is not compared further: {error}")
                    del here[name], peers[name]
            apart = _compare(pixels)
            for batch in map(int, _BATCHES.value):
                yield _turns(here, network, level, batch, models) | {"apart": apart}


def _started(python: str, start: dict[str, Any]) -> Peer:
    return Peer(python, "generation_peer.py", start=start)


def _turns(peers: dict[str, Peer], network: NetworkConfig, level: int, batch: int, folder: Path) -> dict[str, Any]:
    """Seconds and memory of every contestant, which take turns."""
    latents = str(_latents(network, batch, folder))
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    with Progress(f"{2**level} px, batch {batch}", (_ROUNDS.value + 1) * len(peers), "turns") as progress:
        for counted in range(_ROUNDS.value + 1):
            if counted == 1:  # the first compiles, and takes memory for the first time
                others, begin = machine.Others([peer.pid for peer in peers.values()]), time.monotonic()
            if counted > 3 and time.monotonic() - begin > _SECONDS.value:
                break
            for name, peer in list(peers.items()):
                try:
                    if counted == 0:
                        peer.ask(memory="reset")
                    taken = peer.ask(run=latents)["seconds"]
                except RuntimeError as error:  # out of memory, as a rule
                    print(f"{name} is not compared further: {error}")
                    del peers[name], seconds[name]
                    continue
                if counted:
                    seconds[name].append(taken)
                progress.advance()
    images, kernel = CONVOLVED
    operations = 2 * math.prod(images[:3]) * math.prod(kernel)
    rates = {
        precision: operations / statistics.median(seconds.pop(CONVOLUTION.format(precision)))
        for precision in _PRECISIONS if CONVOLUTION.format(precision) in peers
    }  # fmt: skip
    busy = others.cores()
    if busy is not None:
        print(f"\n{2**level} px, batch {batch}: meanwhile others kept {busy:.2f} cores busy")
    return {
        "level": level,
        "batch": batch,
        "operations": cost.forward_flops(cost.generator(network, level)),
        "seconds": seconds,
        "rates": rates,
        "megabytes": {name: peers[name].ask(memory="peak")["megabytes"] for name in seconds},
        "others_cores": busy,
    }


def _pixels(peer: Peer, network: NetworkConfig, level: int, model: Path, folder: Path) -> np.ndarray | None:
    """Has a contestant load its model, and returns its images; None where it makes none."""
    answer = folder / "images.npy"
    peer.ask(load=str(model), level=level)
    peer.ask(run=str(_latents(network, int(_BATCHES.value[0]), folder)), answer=str(answer))
    images = np.load(answer)
    return generation_models.pixels(images, network.channels) if images.ndim == 4 else None


def _compare(pixels: dict[str, np.ndarray | None]) -> dict[str, dict[str, float]]:
    """Grey levels between every contestant's images and those of our SavedModel in float32.

    Raises:
        Failed: a contestant makes other images.
    """
    wanted = pixels.get(f"{OURS}, float32")
    others = {name: one for name, one in pixels.items() if one is not None and one is not wanted}
    apart = {name: generation_models.apart(one, wanted) for name, one in others.items() if wanted is not None}
    for name, one in apart.items():
        precision = name.rpartition(", ")[2]
        if one["largest" if precision == "float32" else "mean"] > _GREY_LEVELS[precision]:
            raise Failed(
                f"{name} makes other images, {one['largest']:.0f} grey levels apart, {one['mean']:.2f} in the mean"
            )
    return apart


def _starts() -> dict[str, dict[str, float]]:
    """Seconds to load and to the first image at 256 pixels, and megabytes, in a new process each."""
    found, network = {}, _network(8)
    with tempfile.TemporaryDirectory() as folder:
        generation_models.write(Path(folder), network, 8, list(_PRECISIONS))
        latents = str(_latents(network, 1, Path(folder)))
        for precision in _PRECISIONS:
            with _started(sys.executable, {"runtime": "saved_model", "threads": _THREADS.value}) as peer:
                load = peer.ask(load=str(Path(folder) / precision), level=8)["seconds"]
                first = peer.ask(run=latents)["seconds"]
                memory = peer.ask(memory="peak")["megabytes"] or float("nan")
                found[f"{OURS}, {precision}"] = {"load": load, "first": first, "megabytes": memory}
    return found


def _forms() -> list[dict[str, Any]]:
    """Seconds of the forms of every block, and how many times faster phases are."""
    print("\n| block of | batch | precision | transposed, ms an image | phases | faster |\n|---|---|---|---|---|---|")
    found = []
    for level in range(3, 11):
        for batch in sorted({1, min(8, max(1, 2 ** (21 - 2 * level)))}):
            for precision in _PRECISIONS:
                seconds = generation_forms.seconds(_network(10), level, batch, precision, _ROUNDS.value)
                found.append({"level": level, "batch": batch, "precision": precision, "seconds": seconds})
                transposed, phases = (generation_tables.milliseconds(taken, batch) for taken in seconds.values())
                times = generation_tables.times_faster(seconds["phases"], seconds["transposed"])
                print(f"| {2**level} px | {batch} | {precision} | {transposed:.2f} | {phases:.2f} | {times:.2f} x |")
    return found


def _latents(network: NetworkConfig, batch: int, folder: Path) -> Path:
    """A file of latents."""
    path = folder / f"latents_{batch}.npy"
    np.save(path, np.random.default_rng(1).standard_normal((batch, network.latent_size)).astype(np.float32))
    return path


def _network(level: int) -> NetworkConfig:
    return NetworkConfig(resolution=2**level, channels=3, fmap_base=_WIDTH.value)


def _save(results: dict[str, Any]) -> None:
    if _OUTPUT.value:
        Path(_OUTPUT.value).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    command_line.run(main)
