"""How much memory a run has taken at most."""

import resource
import sys

import tensorflow as tf


def cpu_gb() -> float:
    """Most memory this process has had at a time, in GB of 10^9 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def peak_gpu_gb() -> float:
    """Most memory that TensorFlow has had on any one GPU, in GB; 0 where there is none."""
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    peaks = (tf.config.experimental.get_memory_info(gpu.removeprefix("/device:"))["peak"] for gpu in gpus)
    return max(peaks, default=0) / 1e9
