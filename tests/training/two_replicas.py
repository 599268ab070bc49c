"""Trains ten steps on one device and on two virtual ones, and writes both results; run as a process of its own.

Usage: two_replicas.py OUTPUT.npz DATASET LEVEL FADING LABELS MICROBATCH XLA TASK
"""

import sys

import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

from progan_tf.config import AugmentationConfig, Config, LossConfig, NetworkConfig, TrainingConfig  # noqa: E402
from progan_tf.data import pipeline  # noqa: E402
from progan_tf.extension.task import extension  # noqa: E402
from progan_tf.schedule import Phase  # noqa: E402
from progan_tf.training import strategy, trainer  # noqa: E402
from progan_tf.training.loop import CompiledLoop  # noqa: E402
from progan_tf.training.state import Networks  # noqa: E402
from progan_tf.training.task import IMAGES  # noqa: E402

output, folder, xla, learnt = sys.argv[1], sys.argv[2], *sys.argv[7:]
level, fading, labels, microbatch = map(int, sys.argv[3:7])
dataset = pipeline.open_dataset(folder)
policy = "none" if learnt == "extension" else "ada" if fading else "diffaugment"
config = trainer.resolve(
    Config(
        network=NetworkConfig(latent_size=8, fmap_base=64, fmap_max=8),
        loss=LossConfig("logistic_r1", conditioning="projection") if fading else LossConfig(),
        augmentation=AugmentationConfig("all", policy, ada_kimg=2.0),
        training=TrainingConfig(
            task=learnt, use_labels=bool(labels), shuffle_mb=1, microbatch={4: microbatch}, xla=xla
        ),
    ),
    dataset,
)
task = extension(config) if learnt == "extension" else IMAGES
phase = Phase(level=level, alpha=0.4 if fading else 1.0, batch_size=16, learning_rate=0.001)
results = {}
for name in ("one", "mirrored"):
    devices = strategy.make(name)
    results[f"{name}/replicas"] = devices.num_replicas_in_sync
    with devices.scope():
        networks = Networks(config, task.generator, task.discriminator)
        networks.augment_p.variables["augment_p"].assign(0.5)
    loop = CompiledLoop(networks, config, dataset, devices, phase, start=0, make_step=task.step)
    history = loop([phase] * 10, first_step=0)
    results |= {f"{name}/metrics/{key}": values for key, values in history.items()}
    results |= {f"{name}/{key}": variable.numpy() for key, variable in networks.variables.items()}
np.savez(output, **results)
