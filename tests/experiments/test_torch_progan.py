"""The PyTorch peer computes the very step that ours does, or the benchmark would compare two different things."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

from experiments.benchmarks.peer import has, torch_progan
from progan_tf.config import Config, NetworkConfig
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep

BATCH, LEVEL = 8, 4
CONFIG = Config(network=NetworkConfig(resolution=16, channels=3, latent_size=24, fmap_base=128, fmap_max=20))


@pytest.fixture(scope="module")
def torch_python() -> str:
    """A Python that has PyTorch: this one, or the one that TORCH_PYTHON names."""
    python = os.environ.get("TORCH_PYTHON", sys.executable)
    if not has(python, "torch"):
        pytest.skip("PyTorch is not installed here, and TORCH_PYTHON names no Python that has it")
    return python


@pytest.mark.parametrize("fused", [True, False])
def test_the_same_weights_make_the_same_images_losses_and_penalty(torch_python, tmp_path, fused):
    networks = Networks(CONFIG)
    rng = np.random.default_rng(0)
    for name, variable in networks.variables.items():
        if name.endswith("bias") and "optimizer" not in name:  # zero in a new network
            variable.assign(0.3 * rng.standard_normal(variable.shape))
    weights = {name: variable.numpy() for name, variable in networks.variables.items()}
    inputs = {
        "reals": rng.uniform(-1, 1, (BATCH, 16, 16, 3)).astype(np.float32),
        "d_latents": rng.standard_normal((BATCH, 24)).astype(np.float32),
        "g_latents": rng.standard_normal((BATCH, 24)).astype(np.float32),
        "mix": rng.uniform(0, 1, BATCH).astype(np.float32),
    }
    np.savez(tmp_path / "in.npz", **weights, **inputs)
    with torch_progan(torch_python, CONFIG.network, LEVEL, BATCH) as peer:
        peer.ask(fused=fused, check=str(tmp_path / "in.npz"), answer=str(tmp_path / "out.npz"))
    found = np.load(tmp_path / "out.npz")

    step = TrainStep(
        networks, CONFIG, level=LEVEL, fading=False, batch_size=BATCH, replicas=1, label_table=np.zeros((1, 0), "f4")
    )
    networks.set_learning_rate(0.001)
    reals, d_latents, g_latents, mix = map(tf.constant, inputs.values())
    no_labels = tf.zeros((BATCH, 0))
    fakes = step.generator([d_latents, no_labels, tf.constant(1.0)])
    drawn = step.draw(tf.constant(0))._replace(d_latents=d_latents, g_latents=g_latents, mix=mix)
    seen = step.update(reals, no_labels, drawn, tf.constant(1.0))
    np.testing.assert_allclose(found["fakes"].transpose(0, 2, 3, 1), fakes, atol=1e-5)
    np.testing.assert_allclose(found["norm"], seen.gradient_norm, rtol=1e-4)
    np.testing.assert_allclose(found["d_loss"], seen.d_loss, rtol=1e-4, atol=1e-5)
    # After the discriminator's step of Adam, which is so seen to agree too.
    np.testing.assert_allclose(found["g_loss"], seen.g_loss, rtol=1e-3, atol=1e-4)
