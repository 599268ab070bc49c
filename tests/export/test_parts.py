"""Large batches are made in parts, so that memory does not grow with the batch; nothing else changes."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf import config
from progan_tf.export import signatures
from progan_tf.export.description import Description
from progan_tf.export.folding import fold
from progan_tf.export.inference import InferenceGenerator
from progan_tf.networks.generator import Generator

NETWORK = config.NetworkConfig(resolution=8, channels=3, labels=2, latent_size=8, fmap_base=64, fmap_max=8)
DESCRIPTION = Description(
    name="small", resolution=8, final_resolution=8, level=3, alpha=1.0, growth="", channels=3, bands=["a", "b", "c"],
    display_bands=[0, 1, 2], dtype="uint8", labels=["0", "1"], latent_size=8, scaling=None, training_data={}, kimg=0,
    precision="float32", version="", licence="",
)  # fmt: skip


class Counted(InferenceGenerator):
    """Keeps how many images it was asked for at once, at every run."""

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        def keep(count):
            self.asked.append(int(count))
            return count

        count = tf.py_function(keep, [tf.shape(inputs)[0]], tf.int32)
        with tf.control_dependencies([count]):
            return super().__call__(tf.identity(inputs))


@pytest.fixture(scope="module")
def network() -> Counted:
    return Counted(fold(Generator(NETWORK), 3, alpha=1.0))


@pytest.mark.parametrize(
    ("images_at_once", "count", "parts"),
    [(2, 5, [2, 2, 1]), (2, 4, [2, 2]), (0.5, 3, [1, 1, 1]), (100, 5, [5]), (2, 0, [1])],
)
def test_parts_are_no_larger_than_what_fits_and_give_the_same_images(
    network, monkeypatch, images_at_once, count, parts
):
    latents = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)
    given = {"latents": tf.constant(latents), "labels": tf.range(count) % 2}
    network.asked = []
    monkeypatch.setattr(signatures, "_PIXELS_AT_ONCE", 10**9)
    whole = signatures.signatures(network, DESCRIPTION)["serving_default"](**given)["images"].numpy()
    network.asked.clear()
    monkeypatch.setattr(signatures, "_PIXELS_AT_ONCE", int(images_at_once * 64))
    found = signatures.signatures(network, DESCRIPTION)["serving_default"](**given)["images"].numpy()
    assert network.asked == parts
    assert found.shape == (count, 8, 8, 3)
    # The last bits of a convolution depend on its batch.
    assert np.abs(found.astype(int) - whole).max(initial=0) <= 1
    assert count < 2 or np.any(found[0] != found[1])
