"""Where a run computes: tf.distribute strategies by name."""

import dataclasses

import tensorflow as tf

from progan_tf.config import Config
from progan_tf.errors import InputError

NAMES = ("auto", "one", "mirrored")


def make(name: str) -> tf.distribute.Strategy:
    """The strategy of a name: `one` device, all GPUs `mirrored` (or all logical CPUs where there is none), or `auto`.

    Raises InputError where there is no such strategy.
    """
    if name not in NAMES:
        raise InputError(f"no strategy {name!r}; there are {', '.join(NAMES)}")
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


def kind(strategy: tf.distribute.Strategy) -> str:
    """What a strategy computes on: CPU, GPU or TPU."""
    return tf.DeviceSpec.from_string(strategy.extended.worker_devices[0]).device_type


def resolve(config: Config, strategy: tf.distribute.Strategy) -> Config:
    """The config with precision and XLA chosen by device, where they are left to it (`auto`).

    A CPU computes in float32 and without XLA, whose code is slower there; GPUs and TPUs use XLA and the 16-bit
    floats they are built for: bfloat16, float16 on GPUs older than compute capability 8.
    """
    device = kind(strategy)
    training = config.training
    return dataclasses.replace(
        config,
        training=dataclasses.replace(
            training,
            precision=_precision(device) if training.precision == "auto" else training.precision,
            xla=("off" if device == "CPU" else "on") if training.xla == "auto" else training.xla,
        ),
    )


def _precision(device: str) -> str:
    if device == "CPU":
        return "float32"
    capabilities = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (8, 0))
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return "mixed_float16" if device == "GPU" and min(capabilities) < (8, 0) else "mixed_bfloat16"
