"""Trains ten steps of several stages from one checkpoint, as a worker or as one process that is fed what two are.

Writes to OUTPUT the metrics and weights after each stage; run as a process of its own.

Usage: two_workers.py ROLE DATASET CHECKPOINTS OUTPUT LABELS, where ROLE is together (with TF_CONFIG) or alone
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf.data import pipeline
from progan_tf.schedule import Phase
from progan_tf.training import checkpoints, trainer
from progan_tf.training import strategy as strategies
from progan_tf.training.loop import CompiledLoop
from progan_tf.training.state import Networks
from progan_tf.training.steps import shares
from progan_tf.training.workers import Workers
from tests.training.test_workers import CONFIG, stages

BATCH, WORKERS = 16, 2
role, folder, start, output, labels = sys.argv[1:]


def whole_batches(level: int, group: int) -> tf.data.Dataset:
    """What two workers feed, put together: each has its row of `shares`."""
    rows = shares(BATCH, WORKERS, group)
    read = [
        pipeline.batches(
            dataset, level, BATCH // WORKERS, label_table=table, shuffle_mb=1, worker=worker, workers=WORKERS
        )
        for worker in range(WORKERS)
    ]

    def together(*parts: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        order = np.argsort(np.concatenate(rows))
        return tuple(tf.gather(tf.concat(column, axis=0), order) for column in zip(*parts, strict=True))

    return tf.data.Dataset.zip(*read).map(together)


strategy = strategies.make("multi_worker" if role == "together" else "one")
dataset = pipeline.open_dataset(folder)
table = dataset.label_table() if int(labels) else None
config = strategies.resolve(trainer.resolve(CONFIG[int(labels)], dataset), strategy)
with strategy.scope():
    networks = Networks(config)
results = {"replicas": strategy.num_replicas_in_sync}
for level, fading in stages(dataset.manifest.resolution):
    checkpoints.restore(Path(start), networks, Workers(strategy))
    phase = Phase(level=level, alpha=0.4 if fading else 1.0, batch_size=BATCH, learning_rate=0.001)
    loop = CompiledLoop(networks, config, dataset, strategy, phase, start=0)
    if role == "alone":
        loop._images = iter(whole_batches(level, min(config.network.stddev_group, BATCH // WORKERS)))
    history = loop([phase] * 10, first_step=0)
    stage = f"{level}/{fading}"
    results |= {f"{stage}/metrics/{key}": values for key, values in history.items()}
    results |= {f"{stage}/{key}": variable.numpy() for key, variable in networks.variables.items()}
np.savez(f"{output}-{Workers(strategy).index}.npz", **results)
