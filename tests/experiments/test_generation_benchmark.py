"""The benchmark of generation: all contestants make the same images, and the tables say what was measured."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

from experiments.benchmarks import generation_contestants, generation_forms, generation_models, generation_tables
from experiments.benchmarks.peer import Peer, has
from progan_tf import cost, imaging
from progan_tf.config import NetworkConfig
from progan_tf.networks.generator import Generator
from tests.graphs import multiplications

PRECISIONS, LEVEL = ("float32", "bfloat16"), 4
NETWORK = NetworkConfig(resolution=16, channels=3, latent_size=24, fmap_base=128, fmap_max=20)
LATENTS = np.random.default_rng(1).standard_normal((3, 24)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    generation_models.write(folder, NETWORK, LEVEL, list(PRECISIONS))
    np.save(folder / "latents.npy", LATENTS)
    return folder


@pytest.fixture(scope="module")
def wanted(folder):
    """Pixels of the training network, which has its weights back from the file that peers get."""
    generator = Generator(NETWORK)
    weights = np.load(folder / "weights.npz")
    for level, layers in generator.blocks.items():
        for layer, kind in zip(layers, ("dense" if level == 2 else f"{level}/up", f"{level}/conv"), strict=True):
            _assign(layer, weights, kind)
    _assign(generator.to_rgb[LEVEL], weights, "to_rgb")
    images = generator.model_at(LEVEL)([tf.constant(LATENTS), tf.zeros((3, 0)), tf.constant(1.0)])
    return imaging.to_pixels(images.numpy())


def _assign(layer, weights, name):
    scale = np.median(layer.scaled_kernel().numpy() / layer.kernel.numpy())
    layer.kernel.assign(weights[name] / scale)
    layer.bias.assign(weights[f"{name}/bias"])


def python_with(module: str) -> str:
    variable = "TORCH_PYTHON" if module == "torch" else "PEER_PYTHON"
    python = os.environ.get(variable, sys.executable)
    if not has(python, module):
        pytest.skip(f"{module} is not installed here, and {variable} names no Python that has it")
    return python


def images(python: str, start: dict, model, folder) -> np.ndarray:
    with Peer(python, "generation_peer.py", start={"threads": 1, "precision": "float32", **start}) as peer:
        assert peer.ask(load=str(model), level=LEVEL)["seconds"] > 0
        peer.ask(memory="reset")
        assert peer.ask(run=str(folder / "latents.npy"), answer=str(folder / "images.npy"))["seconds"] > 0
        megabytes = peer.ask(memory="peak")["megabytes"]
        assert megabytes is None or megabytes > 10
    return generation_models.pixels(np.load(folder / "images.npy"), channels=3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_saved_model_is_the_training_network(folder, wanted, precision):
    apart = generation_models.apart(
        images(sys.executable, {"runtime": "saved_model"}, folder / precision, folder), wanted
    )
    assert wanted.std() > 20
    if precision == "float32":
        assert apart["largest"] <= 1
    else:
        assert 0 < apart["mean"] < 2


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("form", ["unfused", "fused"])
def test_onnx_graphs_are_the_same_network(folder, wanted, runtime, form):
    python_with("onnx")
    python = python_with(runtime)
    with Peer(python, "generation_peer.py", start={"runtime": "onnx"}) as writer:
        writer.ask(load=str(folder / "weights.npz"), level=LEVEL)
    found = images(python, {"runtime": runtime}, folder / f"{form}.onnx", folder)
    assert generation_models.apart(found, wanted)["largest"] <= 1


@pytest.mark.parametrize("options", [{}, {"channels_last": True}])
def test_the_torch_peer_is_the_same_network(folder, wanted, options):
    found = images(python_with("torch"), {"runtime": "torch", **options}, folder / "weights.npz", folder)
    assert generation_models.apart(found, wanted)["largest"] <= 1


def test_a_contestant_that_ends_is_named(folder):
    assert not has(sys.executable, "no_such_module") and not has("/no/such/python", "os")
    with Peer(sys.executable, "generation_peer.py", start={"runtime": "saved_model", "threads": 1}) as peer:
        with pytest.raises(RuntimeError, match=r"no_such_model.* with code 1: .*SavedModel"):
            peer.ask(load=str(folder / "no_such_model"), level=LEVEL)
        with pytest.raises(RuntimeError, match="ended"):
            peer.ask(memory="peak")


def test_who_is_absent_is_named_and_left_out():
    found, absent = generation_contestants.find("/no/such/python", "/no/such/python", threads=2)
    assert set(found) == {f"{who}, {precision}" for who in ("SavedModel", "convolution") for precision in PRECISIONS}
    assert [note.split()[0] for note in absent] == ["ONNX", "ONNX", "OpenVINO", "PyTorch"]
    assert all("/no/such/python has no" in note for note in absent)


def test_every_form_of_a_block_is_timed():
    found = generation_forms.seconds(NETWORK, level=4, batch=2, precision="float32", rounds=2)
    assert list(found) == ["transposed", "phases"]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in found.values())


def test_operations_counted_are_those_of_the_published_network():
    """36.65 GFLOP at 256 pixels, as the graph of the training network has them too."""
    network = NetworkConfig(resolution=16, channels=3)
    model = tf.function(Generator(network).model_at(4, batch_size=1))
    inputs = [tf.TensorSpec((1, 512)), tf.TensorSpec((1, 0)), tf.TensorSpec(())]
    graph = model.get_concrete_function(inputs).graph
    assert cost.forward_flops(cost.generator(network, 4)) == 2 * multiplications(graph)
    network = NetworkConfig(resolution=256, channels=3)
    assert cost.forward_flops(cost.generator(network, 8)) == pytest.approx(36.65e9, rel=1e-3)


def result(level: int, batch: int, milliseconds: dict[str, float], **more) -> dict:
    seconds = {name: [batch * one / 1000] * 3 for name, one in milliseconds.items()}
    rates = {"float32": 4e11, "bfloat16": 8e11}
    return {"level": level, "batch": batch, "operations": 3.6e10, "seconds": seconds, "rates": rates,
            "megabytes": {}, "apart": {}, **more}  # fmt: skip


MEASURED = {
    "SavedModel, float32": 100.0,
    "SavedModel, bfloat16": 60.0,
    "ONNX Runtime usual export, float32": 151.0,
    "OpenVINO usual export, float32": 130.0,
    "OpenVINO usual export, bfloat16": 81.0,
}


def test_goals_are_met_or_not_or_not_measured():
    large = {"SavedModel, float32": 200.0, "SavedModel, bfloat16": 150.0, "PyTorch eager, float32": 900.0,
             "OpenVINO our graph, float32": 210.0, "OpenVINO our graph, bfloat16": 140.0}  # fmt: skip
    megabytes = {"SavedModel, float32": 1500.0, "OpenVINO our graph, float32": 4000.0}
    results = [result(8, 8, MEASURED), result(10, 8, large, megabytes=megabytes)]
    starts = {"SavedModel, float32": {"load": 1.0, "first": 2.5, "megabytes": 700.0},
              "SavedModel, bfloat16": {"load": 1.0, "first": 3.5, "megabytes": 700.0}}  # fmt: skip
    found = {goal.wanted: (goal.found, goal.met) for goal in generation_tables.goals(results, starts)}
    assert found == {
        "256 px, batch 8, float32: 1.35 x OpenVINO on its usual export": ("1.30 x", False),
        "256 px, batch 8, float32: 1.5 x ONNX Runtime on its usual export": ("1.51 x", True),
        "256 px, batch 8, bfloat16: 1.3 x OpenVINO on its usual export": ("1.35 x", True),
        "256 px, batch 1, float32: 1.35 x OpenVINO on its usual export": (None, False),
        "256 px, batch 1, float32: 1.5 x ONNX Runtime on its usual export": (None, False),
        "256 px, batch 1, bfloat16: 1.3 x OpenVINO on its usual export": (None, False),
        "256 px, batch 8, float32: within 15% of the floor": ("+11%", True),
        "256 px, batch 8, bfloat16: within 15% of the floor": ("+33%", False),
        "1024 px, batch 8, float32: faster than all": ("1.05 x OpenVINO our graph, float32", True),
        "1024 px, batch 1, float32: faster than all": (None, False),
        "1024 px, batch 8, bfloat16: faster than all": ("0.93 x OpenVINO our graph, bfloat16", False),
        "1024 px, batch 1, bfloat16: faster than all": (None, False),
        "1024 px: memory below 2,000 MB": ("1,500 MB", True),
        "256 px, SavedModel, float32: load and first image below 4 s": ("3.50 s", True),
        "256 px, SavedModel, bfloat16: load and first image below 4 s": ("4.50 s", False),
    }
    table = generation_tables.told(generation_tables.goals(results, starts)).splitlines()
    assert table[2].endswith("| 1.30 x | **not met** |") and table[3].endswith("| 1.51 x | met |")
    assert table[5].endswith("|  | not measured |")
    assert not any(goal.met or goal.found for goal in generation_tables.goals([], {}))


def test_the_table_has_medians_of_an_image_and_shares_of_the_floor():
    measured = result(8, 8, MEASURED, apart={"SavedModel, bfloat16": {"largest": 7.0, "mean": 0.5, "most": 4.0}})
    measured["seconds"]["OpenVINO usual export, float32"] = [0.8, 1.04, 8.0]
    table = generation_tables.of_size(measured).splitlines()
    assert table[2] == "| SavedModel, float32 | 100.0 (100.0 to 100.0) | 90% |  |  |  |"
    assert table[3] == "| SavedModel, bfloat16 | 60.0 (60.0 to 60.0) | 75% |  |  | 7, mean 0.50 |"
    assert table[5] == "| OpenVINO usual export, float32 | 130.0 (100.0 to 1,000.0) | 69% | 1.30 x |  |  |"
    assert table[-1].startswith(
        "36.0 GFLOP an image; float32 floor 90.0 ms an image (400 GFLOP/s), bfloat16 floor 45.0 "
    )
