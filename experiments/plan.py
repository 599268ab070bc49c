"""What a run will take before it is started: memory, hours and energy, level by level.

  python -m experiments.plan --preset=satellite_256 --device_memory_gb=16
  python -m experiments.plan --preset=satellite_1024 --device_memory_gb=80 --tflops=100 --watts=700

The speed is measured here, with a few steps at every level; --tflops gives it for another device, what that sustains in
training, not what is advertised. One device is reckoned with. Memory is an estimate; where a batch does not fit, it is
split into parts that do, which computes the same.
"""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from progan_tf import config as configs
from progan_tf import cost, memory, presets, schedule
from progan_tf.config import Config, at_resolution
from progan_tf.errors import InputError
from progan_tf.training.time_left import duration

_PRESET = flags.DEFINE_enum("preset", "satellite_256", list(presets.PRESETS), "Configuration to plan.")
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes one setting of the configuration, section.field=value, as in experiments.train."
)
_DEVICE_MEMORY_GB = flags.DEFINE_float(
    "device_memory_gb", None, "Memory of the device in GB; left out: this machine's main memory.", lower_bound=0
)
_TFLOPS = flags.DEFINE_float(
    "tflops", None, "Speed of the device in TFLOP/s; left out: measured on this machine.", lower_bound=1e-6
)
_WATTS = flags.DEFINE_float("watts", None, "Power of the machine in W, for the energy; left out: not told.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file for the plan; empty: none is written.")

_PROBE_SECONDS = 5.0  # a step at most, a guess beforehand; smaller batches are taken for that


@dataclasses.dataclass(frozen=True)
class Row:
    """A level of a plan. `at_once` is None, and there is no speed, where not even one group of images fits."""

    resolution: int
    parameters: int
    gflop_per_image: float
    batch: int
    memory_gb: float
    at_once: int | None
    kimg: float
    images_per_second: float | None = None

    @property
    def hours(self) -> float | None:
        return self.kimg / 3.6 / self.images_per_second if self.images_per_second else None


def main() -> None:
    config = _config()
    device_bytes = _DEVICE_MEMORY_GB.value * 1e9 if _DEVICE_MEMORY_GB.value else _main_memory()
    rows = [_row(config, *stretch, device_bytes) for stretch in schedule.levels(config)]
    rows = _with_speed(rows, _given_speed(_TFLOPS.value) if _TFLOPS.value else _probe(config, rows))
    print(_table(rows))
    for line in _summary(config, rows, device_bytes):
        print(line)
    if _OUTPUT.value:
        plan = {
            "config": configs.to_dict(config),
            "levels": [dataclasses.asdict(row) | {"hours": row.hours} for row in rows],
        }
        Path(_OUTPUT.value).write_text(json.dumps(plan, indent=2))


def _config() -> Config:
    config = configs.override(presets.preset(_PRESET.value), _SET.value)
    if config.training.task != "images":
        raise InputError(
            f"the preset {_PRESET.value} extends windows, and plans are made for images from nothing alone; a few "
            "minutes of experiments.train show its pace"
        )
    if config.network.resolution is None:
        raise InputError(
            f"the preset {_PRESET.value} leaves the resolution to the dataset; add --set=network.resolution=256, or "
            "what the dataset has"
        )
    channels = config.network.channels or 3
    config = dataclasses.replace(config, network=dataclasses.replace(config.network, channels=channels))
    schedule.check(config, replicas=1)
    if _TFLOPS.value is None:
        quietly.import_tensorflow()
        from progan_tf.training import strategy

        return strategy.resolve(config, strategy.make("auto"))
    if config.training.precision == "auto":  # as on a GPU or TPU of today
        training = dataclasses.replace(config.training, precision="mixed_bfloat16")
        config = dataclasses.replace(config, training=training)
    return config


def _main_memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _row(config: Config, level: int, begin: int, end: int, device_bytes: float) -> Row:
    network, batch = config.network, int(at_resolution(config.schedule.batch_size, 2**level))
    at_once = memory.at_once(config, level, batch, device_bytes)
    layers = cost.generator(network, level) + cost.discriminator(network, level)
    return Row(
        resolution=2**level,
        parameters=cost.weights(layers),
        gflop_per_image=cost.step_flops(config, level) / 1e9,
        batch=batch,
        memory_gb=memory.step_bytes(config, level, at_once or config.network.stddev_group) / 1e9,
        at_once=at_once,
        kimg=(end - begin) / 1000,
    )


def _given_speed(tflops: float) -> Callable[[Row], float]:
    return lambda row: 1000 * tflops / row.gflop_per_image


def _with_speed(rows: list[Row], speed: Callable[[Row], float]) -> list[Row]:
    with Progress("levels", len(rows), "levels") as progress:
        found = []
        for row in rows:
            found.append(dataclasses.replace(row, images_per_second=speed(row)) if row.at_once else row)
            progress.advance()
        return found


def _probe(config: Config, rows: list[Row]) -> Callable[[Row], float]:
    """Measures images a second of steps as they will be, on random images, or fewer of them where a step is long."""
    from experiments import machine
    from experiments.probe import StepProbe

    probe = StepProbe(config)
    flops = machine.convolution_rate(seconds=1.0)

    def speed(row: Row) -> float:
        affordable = _PROBE_SECONDS * flops / (1e9 * row.gflop_per_image)
        sizes = memory.divisions(row.batch, config.network.stddev_group)
        batch = next((size for size in sizes if size <= min(affordable, row.at_once)), sizes[-1])
        return probe(row.resolution.bit_length() - 1, batch)

    return speed


def _table(rows: list[Row]) -> str:
    titles = ("pixels", "weights", "GFLOP/image", "batch", "at once", "memory", "kimg", "images/s", "time")
    lines = [titles + ("energy",) * bool(_WATTS.value)]
    for row in rows:
        speed = ("", "") if row.hours is None else (f"{row.images_per_second:,.2f}", duration(3600 * row.hours))
        energy = "" if row.hours is None or not _WATTS.value else f"{row.hours * _WATTS.value / 1000:,.1f} kWh"
        cells = (
            f"{row.resolution}",
            f"{row.parameters / 1e6:.2f} M",
            f"{row.gflop_per_image:,.1f}",
            f"{row.batch}",
            f"{row.at_once}" if row.at_once else "none",
            f"{row.memory_gb:.1f} GB",
            f"{row.kimg:,.0f}",
            *speed,
        )
        lines.append(cells + (energy,) * bool(_WATTS.value))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _summary(config: Config, rows: list[Row], device_bytes: float) -> list[str]:
    lines = []
    if len(rows) and all(row.hours is not None for row in rows):
        hours = sum(row.hours for row in rows)
        energy = f", {hours * _WATTS.value / 1000:,.1f} kWh at {_WATTS.value:g} W" if _WATTS.value else ""
        lines.append(f"{sum(row.kimg for row in rows):,.0f} kimg in {duration(3600 * hours)} on one device{energy}")
    lines.append(
        f"in {config.training.precision}, with {device_bytes / 1e9:.1f} GB of memory, of which the need is estimated "
        f"to a factor of {memory.WITHIN}"
    )
    if none := [row.resolution for row in rows if row.at_once is None]:
        other = ", or --set=training.precision=mixed_bfloat16" if config.training.precision == "float32" else ""
        lines.append(
            f"from {min(none)} x {min(none)} on not even one group of {config.network.stddev_group} images fits: it "
            f"needs a device with more memory{other}"
        )
    elif split := {row.resolution: row.at_once for row in rows if row.at_once < row.batch}:
        setting = json.dumps({4: 0} | split)
        lines.append(f"batches that do not fit are split with --set='training.microbatch={setting}'")
    return lines


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
