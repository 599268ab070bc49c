"""The whole way in minutes on two CPU cores: images, dataset, training, SavedModel, new images, a page to see them.

python -m experiments.demo --output=demo --images=my_tiles

Each part is a command of its own, printed as it is run. Interrupted, the same command takes the work up again.
"""

import contextlib
import functools
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from data_prep import command_line, quietly
from experiments import demo_page, machine
from progan_tf import config as configs
from progan_tf import presets
from progan_tf.errors import Failed, InputError, Stopped
from progan_tf.training import run_directory

_IMAGES = flags.DEFINE_string("images", "", "Folder of images to learn from; empty: landscapes are drawn for it.")
_OUTPUT = flags.DEFINE_string("output", "demo", "Folder that everything goes to.")
_PRESET = flags.DEFINE_string("preset", "demo_32", "Configuration to train, see experiments.train.")

_SET = flags.DEFINE_multi_string("set", [], "Changes one setting of the configuration, see experiments.train.")

_SCENES, _SCENE_SIZE = 80, 512  # 64 tiles a scene
_TILE = 64  # pixels a side of the dataset; the network of the demo learns half of that
_MAX_TILES = 6000
# Convolutions a second (see experiments.machine) of the machine on which the whole of demo_32 takes eight minutes, and
# the least part of it that slower ones get.
_FULL_RATE, _LEAST = 400e9, 0.25


def main() -> None:
    started = time.monotonic()
    output = Path(_OUTPUT.value)
    if _IMAGES.value and not Path(_IMAGES.value).is_dir():
        raise InputError(f"--images={_IMAGES.value} is no folder; give a folder of images, or leave it out")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output={output} cannot be made ({error.strerror}); choose another folder") from error
    images = Path(_IMAGES.value) if _IMAGES.value else _draw_scenes(output / "images")
    data, run, model, generated = (output / name for name in ("dataset", "run", "model", "generated"))

    _command("data_prep.convert", input=images, output=data, resolution=_TILE, max_tiles=_MAX_TILES)
    if (run / run_directory.CONFIG).exists():
        _command("experiments.train", data_dir=data, run_dir=run)
    else:
        settings = [*_shortening(), *_SET.value]
        flags_of_settings = [f"--set={setting}" for setting in settings]
        _command("experiments.train", *flags_of_settings, data_dir=data, run_dir=run, preset=_PRESET.value)
    if not (model / "1").exists():
        _command("experiments.export", run_dir=run, output=model)
    _command("experiments.generate", model=model, output=generated, num=16, seed=0, grid=True)
    page = demo_page.write(output, images, time.monotonic() - started)

    print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes. Open {page}")
    for what, where in (
        ("dataset", data),
        ("run: config, checkpoints, metrics.jsonl, TensorBoard events", run),
        ("sample grid of every tick", run / "samples"),
        ("learning curve", run / "learning_curve.png"),
        ("SavedModel", model / "1"),
        ("16 generated images and their grid", generated),
    ):
        print(f"  {where}  {what}")
    print("Next:")
    print(f"  python -m experiments.generate --model={model} --output=more --num=64 --seed=100 --grid")
    print(f"  python -m experiments.evaluate --real={data} --generated={model} --output={output / 'evaluation'}")
    print(f"  python -m experiments.train --data_dir={data} --run_dir=runs/lite --preset=lite_64")
    print("  README.md has the commands for 256 x 256")


def _shortening() -> list[str]:
    """Settings that make the preset as long as this machine gets through in the time."""
    quietly.import_tensorflow()
    rate = machine.convolution_rate()
    factor = max(_LEAST, min(1.0, round(rate / _FULL_RATE, 2)))
    print(f"\n{rate / 1e9:.0f} GFLOP/s in convolutions: training {100 * factor:.0f} % of the preset's length")
    preset = presets.preset(_PRESET.value)
    shortened = preset if factor == 1 else presets.shortened(preset, factor)
    return configs.settings(preset, shortened)


def _draw_scenes(folder: Path) -> Path:
    from data_prep import procedural
    from data_prep.engines import local
    from data_prep.progress import track

    print(f"drawing {_SCENES} landscapes of {_SCENE_SIZE} x {_SCENE_SIZE} to {folder}")
    draw = functools.partial(procedural.write_scene, folder, _SCENE_SIZE)
    with contextlib.closing(local.run(draw, range(_SCENES), os.cpu_count() or 1)) as scenes:
        for _ in track(scenes, "scenes", _SCENES, "scenes"):
            pass
    return folder


def _command(module: str, *flags: str, **arguments: object) -> None:
    """Runs one of our commands as a person would, and says so."""
    words = ["-m", module, *(f"--{name}={value}" for name, value in arguments.items()), *flags]
    print(f"\n$ python {shlex.join(words)}", flush=True)
    process = subprocess.Popen([sys.executable, *words])
    # The child stops in its own time, and we with it.
    signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = process.wait()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if code in (command_line.RESUMABLE, -signal.SIGTERM, -signal.SIGINT):  # the latter before it could say so itself
        raise Stopped("stopped; the same command takes the demo up again")
    if code == command_line.WRONG_USE:
        raise InputError(
            f"{module} refused its input, see above; mend that, or give another --output (make: OUTPUT=FOLDER)"
        )
    if code != command_line.DONE:
        raise Failed(f"{module} failed with exit code {code}, see above")


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
