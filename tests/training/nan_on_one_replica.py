"""Three steps on two virtual devices, the second with NaN on the second of them; run as a process of its own.

Writes every variable on both devices after each step, and the flags of the steps.

Usage: nan_on_one_replica.py OUTPUT.npz
"""

import sys

import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

from progan_tf.config import Config, NetworkConfig  # noqa: E402
from progan_tf.training import strategy  # noqa: E402
from progan_tf.training.state import Networks  # noqa: E402
from progan_tf.training.steps import TrainStep  # noqa: E402

config = Config(network=NetworkConfig(resolution=8, channels=3, latent_size=4, fmap_base=64, fmap_max=4))
devices = strategy.make("mirrored")
with devices.scope():
    networks = Networks(config)
    networks.set_learning_rate(0.01)
    step = TrainStep(
        networks, config, level=2, fading=False, batch_size=8, replicas=2, label_table=np.zeros((1, 0), np.float32)
    )


def train(number: tf.Tensor, poisoned: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One step of a replica; where `poisoned`, reals and latents of the second hold a NaN."""
    second = tf.distribute.get_replica_context().replica_id_in_sync_group == 1
    factor = tf.where(poisoned & second, np.nan, 1.0)
    drawn = step.draw(number)
    drawn = drawn._replace(g_latents=drawn.g_latents * factor)
    metrics = step.update(tf.ones([4, 4, 4, 3]) * factor, tf.zeros([4, 0]), drawn, tf.constant(1.0))
    return metrics.d_skipped, metrics.g_skipped


run = tf.function(lambda number, poisoned: devices.run(train, args=(number, poisoned)))
results = {}
for number, poisoned in enumerate((False, True, False)):
    flags = run(tf.constant(number), tf.constant(poisoned))
    for replica in range(2):
        of_replica = [devices.experimental_local_results(flag)[replica].numpy() for flag in flags]
        results[f"{number}/{replica}/flags"] = np.array(of_replica)
        for name, variable in networks.variables.items():
            results[f"{number}/{replica}/{name}"] = devices.experimental_local_results(variable)[replica].numpy()
np.savez(sys.argv[1], **results)
