"""The compiled loop: one graph a stage, whatever number of steps a call has."""

import pytest

from progan_tf.data import pipeline
from progan_tf.schedule import Phase
from progan_tf.training import strategy
from progan_tf.training.loop import CompiledLoop
from progan_tf.training.state import Networks
from tests import datasets
from tests.training.test_resume import CONFIG


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_shorter_calls_run_on_the_same_graph(alpha, tmp_path):
    dataset = pipeline.open_dataset(str(datasets.write(tmp_path / "small", datasets.landscape(16, 8))))
    one = strategy.make("one")
    with one.scope():
        networks = Networks(CONFIG)
    phase = Phase(level=3, alpha=alpha, batch_size=8, learning_rate=1e-3)
    loop = CompiledLoop(networks, CONFIG, dataset, one, phase, 0)
    for steps in (4, 2, 3):
        assert len(loop([phase] * steps, 0)["d_loss"]) == steps
    assert loop._run.experimental_get_tracing_count() == 1
