"""Where a run computes: tf.distribute strategies by name."""

import tensorflow as tf

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
