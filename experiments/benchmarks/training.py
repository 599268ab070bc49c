"""How fast a training step is here, beside the same step in PyTorch and the rate of a convolution on this machine.

  python -m experiments.benchmarks.training --levels=6,8 --torch_python=/path/to/python --output=training.json
  python -m experiments.benchmarks.training --what=split --levels=6

The network is the published one, grown to the level, with half the published batch of one GPU: 16 images at 64 pixels,
4 at 256. `steps` has these take steps in turn, and tells medians:

- training as it is: the trainer on a small dataset, every step a call of its own; and with a tick, its actions and a
  checkpoint at every step, which tells what those take;
- the bare step: the same networks and losses in one function of TensorFlow, with Adam as Keras has it, and nothing
  around it: no input, no log, no mask where a step is not finite;
- PyTorch: the same step, written plainly, in eager mode (torch_progan.py), with 2x scaling fused into the convolutions
  or apart from them;
- a convolution of 512 to 512 feature maps at 64 pixels, alone and with both gradients: the machine's own rate.

`split` times the parts of the bare step one by one, and the input. PyTorch is no dependency of the project: it is left
out, with a note, where --torch_python has none.
"""

import contextlib
import json
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from experiments import machine
from experiments.benchmarks import training_tables
from experiments.benchmarks.peer import Peer, has, torch_progan
from experiments.benchmarks.training_tables import FORWARD, GRADIENTS, TICK
from progan_tf import cost
from progan_tf.config import AugmentationConfig, Config, NetworkConfig, ScheduleConfig, TrainingConfig

_WHAT = flags.DEFINE_list("what", ["steps", "split"], "Parts to run: steps, split.")
_LEVELS = flags.DEFINE_list("levels", ["6", "8"], "Levels: log2 of the resolution.")
_PRECISIONS = flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Precisions of the steps.")
_ONLY = flags.DEFINE_string("only", "", "Contestants to run, a regular expression on their names; empty: all.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Steps each contestant takes, after one that is not counted.")
_TORCH_PYTHON = flags.DEFINE_string("torch_python", sys.executable, "Python that has PyTorch.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file for all times; empty: none is written.")

_BATCHES = {2: 64, 3: 64, 4: 64, 5: 32, 6: 16, 7: 8, 8: 4, 9: 2, 10: 2}

Contestant = Callable[[], float]  # takes a step, returns its seconds


def main() -> None:
    quietly.import_tensorflow()
    results = {"machine": _machine(), "levels": []}
    for level in map(int, _LEVELS.value):
        result = {"level": level, "batch": _BATCHES[level]}
        print(f"\n## {2**level} x {2**level}, batch {_BATCHES[level]}\n")
        if "steps" in _WHAT.value:
            result["seconds"] = _steps(level)
            measured = (_BATCHES[level], _operations(level), result["seconds"], _PRECISIONS.value)
            print(training_tables.by_contestant(*measured))
        if "split" in _WHAT.value:
            result["split"] = {precision: _split(level, precision) for precision in _PRECISIONS.value}
            print("\n".join(training_tables.shares(precision, parts) for precision, parts in result["split"].items()))
        results["levels"].append(result)
        if _OUTPUT.value:
            Path(_OUTPUT.value).write_text(json.dumps(results, indent=2))
    if "steps" in _WHAT.value and len(results["levels"]) > 1:
        print("\n## All levels\n\n" + training_tables.all_levels(results["levels"], _PRECISIONS.value))


def _steps(level: int) -> dict[str, list[float]]:
    """Seconds of every step of every contestant, and of the convolutions seconds for a step's operations."""
    with contextlib.ExitStack() as stack:
        peer = _torch_peer(level, stack)
        makers = _ours(level, stack) | (_torch_contestants(peer) if peer else {})
        wanted = {name: make for name, make in makers.items() if re.search(_ONLY.value, name)}
        return _alternate(wanted, [peer.pid] if peer else [])


def _alternate(makers: dict[str, Callable[[], Contestant]], processes: Sequence[int] = ()) -> dict[str, list[float]]:
    """Seconds by contestant: all take a step in turn, one that is not counted first."""
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    with Progress("steps", (_ROUNDS.value + 1) * len(makers), "steps") as progress:
        contestants = {name: make() for name, make in makers.items()}
        for counted in range(_ROUNDS.value + 1):
            if counted == 1:  # the first compiles, and takes memory for the first time
                others = machine.Others(processes)
            for name, contestant in contestants.items():
                taken = contestant()
                if counted:
                    seconds[name].append(taken)
                progress.advance()
    busy = others.cores()
    if busy is not None:
        print(f"meanwhile others kept {busy:.2f} cores busy\n")
    return seconds


def _ours(level: int, stack: contextlib.ExitStack) -> dict[str, Callable[[], Contestant]]:
    """How each contestant is made, by name."""
    from experiments.benchmarks.bare_step import BareStep
    from experiments.benchmarks.trainer_steps import TrainerSteps

    batch, operations = _BATCHES[level], _operations(level)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found: dict[str, Callable[[], Contestant]] = {}
    for precision in _PRECISIONS.value:

        def trainer(ticks: bool, precision: str = precision) -> Contestant:
            config = _config(level, precision, ticks)
            return stack.enter_context(TrainerSteps(config, folder / f"{precision}-{ticks}"))

        def convolution(gradients: bool, precision: str = precision) -> Contestant:
            rate = machine.convolution(64, 512, 8, _dtype(precision), gradients)
            return lambda: operations / rate()

        found |= {
            f"trainer, {precision}": lambda trainer=trainer: trainer(False),
            f"{TICK}, {precision}": lambda trainer=trainer: trainer(True),
            f"bare step, {precision}": lambda precision=precision: BareStep(_network(level), level, batch, precision),
            FORWARD.format(precision): lambda convolution=convolution: convolution(False),
            GRADIENTS.format(precision): lambda convolution=convolution: convolution(True),
        }
    return found


def _torch_peer(level: int, stack: contextlib.ExitStack) -> Peer | None:
    if not has(_TORCH_PYTHON.value, "torch"):
        print(f"PyTorch is not compared: {_TORCH_PYTHON.value} has none; name one that has by --torch_python")
        return None
    return stack.enter_context(torch_progan(_TORCH_PYTHON.value, _network(level), level, _BATCHES[level]))


def _torch_contestants(peer: Peer) -> dict[str, Callable[[], Contestant]]:
    found: dict[str, Callable[[], Contestant]] = {}
    for precision in map(_dtype, _PRECISIONS.value):
        for form, request in (
            ("unfused", {"fused": False}),
            ("fused", {"fused": True}),
            ("fused, channels last", {"fused": True, "channels_last": True}),
        ):
            request |= {"precision": precision}
            found[f"PyTorch {form}, {precision}"] = lambda request=request: lambda: peer.ask(**request)["seconds"]
    return found


def _split(level: int, precision: str) -> dict[str, list[float]]:
    """Seconds of the parts of a step, each alone; `input` is what the pipeline takes where nothing else runs."""
    from experiments.benchmarks.bare_step import BareStep
    from experiments.benchmarks.trainer_steps import input_steps

    bare = BareStep(_network(level), level, _BATCHES[level], precision)
    with tempfile.TemporaryDirectory() as folder:
        read = input_steps(_config(level, precision), Path(folder))
        contestants = {"step": bare, **bare.parts(), "input": read}
        return _alternate({name: lambda contestant=contestant: contestant for name, contestant in contestants.items()})


def _operations(level: int) -> float:
    """Floating-point operations of a step, with scaling fused into the convolutions."""
    return cost.step_flops(Config(network=_network(level)), level) * _BATCHES[level]


def _network(level: int) -> NetworkConfig:
    return NetworkConfig(resolution=2**level, channels=3)


def _config(level: int, precision: str, ticks: bool = False) -> Config:
    """A run that is at the level, grown, after its first call; with a tick and a checkpoint at every step, or never."""
    never = 1e9
    return Config(
        network=_network(level),
        schedule=ScheduleConfig(
            stable_kimg={4: 0},
            fade_kimg={4: 0},
            total_kimg=never,
            batch_size={4: _BATCHES[level]},
            learning_rate={4: 0.001},
            repeats=1,
        ),
        augmentation=AugmentationConfig(symmetries="mirror"),
        training=TrainingConfig(
            precision=precision,
            steps_per_call=1,
            tick_kimg={4: 1e-9 if ticks else never},
            checkpoint_minutes=never,
        ),
    )


def _dtype(precision: str) -> str:
    """What a precision multiplies in."""
    return precision.removeprefix("mixed_")


def _machine() -> dict[str, str]:
    import tensorflow as tf

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    processor = f"{len(names)} x {names[0]}" if names else platform.processor()
    return {"processor": processor, "tensorflow": tf.__version__}


if __name__ == "__main__":
    command_line.run(main)
