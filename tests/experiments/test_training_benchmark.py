"""The benchmark of training: contestants do the work they are named for, and the table says what was measured."""

import numpy as np
import pytest

from experiments.benchmarks import training_tables
from experiments.benchmarks.bare_step import BareStep
from experiments.benchmarks.trainer_steps import TrainerSteps, input_steps
from progan_tf import cost
from progan_tf.config import Config, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.training import checkpoints, run_directory
from tests.graphs import compiled_from_now_on, multiplications

NETWORK = NetworkConfig(resolution=8, channels=3, latent_size=8, fmap_base=64, fmap_max=8)


def config(tick_kimg: float) -> Config:
    return Config(
        network=NETWORK,
        schedule=ScheduleConfig({4: 0}, {4: 0}, total_kimg=1e6, batch_size={4: 8}, repeats=1),
        training=TrainingConfig(steps_per_call=1, tick_kimg={4: tick_kimg}, checkpoint_minutes=1e6, shuffle_mb=1),
    )


def test_the_trainer_takes_a_step_whenever_it_is_told_to(tmp_path):
    run = tmp_path / "run"
    with TrainerSteps(config(tick_kimg=1e-9), tmp_path) as trainer:
        for taken in range(1, 4):
            assert trainer() > 0
            # One more was taken to leave 4 x 4. A checkpoint is written after its tick, so within the next step.
            ticks = run_directory.read_metrics(run)
            assert [line["images"] for line in ticks] == [8 * step for step in range(1, taken + 2)]
            saved = checkpoints.load_progress(checkpoints.newest_whole(run / "checkpoints"))
            assert saved.images == 8 * taken
    assert {line["resolution"] for line in ticks[1:]} == {8}
    assert checkpoints.load_progress(checkpoints.newest_whole(run / "checkpoints")).images == 32


def test_a_failure_of_the_trainer_is_one_of_whoever_asks(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "something").touch()
    with pytest.raises(Exception, match="not empty"), TrainerSteps(config(1.0), tmp_path):
        pass


def test_input_is_read_a_batch_at_a_time(tmp_path):
    read = input_steps(config(1.0), tmp_path)
    assert all(0 < read() < 10 for _ in range(3))


def test_the_bare_step_and_its_parts_are_the_whole_step(monkeypatch):
    """By their convolutions and products, but for the images of the penalty's mixtures, which parts take as given."""
    compiled = compiled_from_now_on(monkeypatch)
    bare = BareStep(NETWORK, level=3, batch=8, precision="float32")
    parts = bare.parts()
    whole, *others = (2 * multiplications(one.get_concrete_function().graph) / 8 for one in compiled)
    assert dict(zip(parts, others, strict=True))["optimisers and average"] == 0
    assert sum(others) == pytest.approx(whole, rel=1e-3)
    assert whole == pytest.approx(cost.step_flops(Config(network=NETWORK), 3), rel=0.05)
    before = bare._d_weights[0].numpy()
    assert bare() > 0 and all(part() > 0 for part in parts.values())
    assert np.any(bare._d_weights[0].numpy() != before)


def test_the_table_compares_medians():
    seconds = {
        "trainer, float32": [9.0, 11.0, 10.0],
        "trainer with a tick, float32": [13.0, 12.0, 14.0],
        "bare step, float32": [8.0, 9.0, 8.0],
        "convolution, float32": [5.0, 4.0, 6.0],
        "convolution and gradients, float32": [6.0, 7.0, 8.0],
        "PyTorch unfused, float32": [20.0, 21.0, 22.0],
        "PyTorch fused, bfloat16": [7.0, 7.0, 7.0],
    }
    operations = cost.step_flops(Config(network=NetworkConfig(64, 3)), 6) * 16 / 1e9
    table = training_tables.by_contestant(16, operations * 1e9, seconds, ["float32"]).splitlines()
    assert table[2] == (
        f"| trainer, float32 | 10.000 (9.000 to 11.000) | 1.600 | {operations / 10:,.0f} | 50% | 2.10 x |"
    )
    assert [line.split(" | ")[0] for line in table[3:6]] == [
        "| bare step, float32", "| PyTorch unfused, float32", "| PyTorch fused, bfloat16",
    ]  # fmt: skip
    assert table[5].endswith("|  | 3.00 x |")  # no convolution in bfloat16 to compare with
    told = table[7]
    assert f"a convolution {operations / 5:,.0f} GFLOP/s, with its gradients {operations / 7:,.0f}" in told
    assert "the trainer takes +25.0% of the bare step" in told
    assert "a tick with its actions and a checkpoint 3.00 s" in told
    results = [{"level": 6, "batch": 16, "seconds": seconds}, {"level": 7, "batch": 8, "seconds": {}}]
    assert training_tables.all_levels(results, ["float32"]).splitlines()[2:] == [
        "| 64 | 16 | 1.600 | 50% |",
        "| 128 | 8 |  |  |",
    ]
