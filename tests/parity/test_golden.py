"""Production networks, losses and training step against values of the published definition."""

import numpy as np
import pytest

from progan_tf.config import NetworkConfig
from progan_tf.networks.discriminator import Discriminator
from progan_tf.networks.generator import Generator
from tests.parity.replay import replay

FILES = ("golden_labelled.npz", "golden_unlabelled.npz")


@pytest.fixture(scope="module", params=FILES)
def pair(request, golden) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A golden file, and what the untouched production step makes of it."""
    path = golden / request.param
    with np.load(path) as file:
        return {name: file[name] for name in file.files}, replay(path, early={})


def test_same_keys_and_shapes(pair):
    expected, actual = pair
    assert {k: v.shape for k, v in actual.items()} == {k: v.shape for k, v in expected.items()}


def test_inputs_and_initial_weights_go_through_unchanged(pair):
    expected, actual = pair
    for name in expected:
        if name.startswith("init/") or name in ("latents", "labels", "images"):
            np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def test_images_scores_and_labels_at_every_lod(pair):
    expected, actual = pair
    names = [name for name in expected if name.startswith("lod")]
    assert len(names) >= 8
    for name in names:
        assert _relative_error(actual[name], expected[name]) < 1e-4, name


def test_losses_norms_and_gradients_until_the_golden_run_went_astray(pair):
    """The step as it is, up to the first update in which the golden run read biases too late (see race.py)."""
    expected, actual = pair
    labelled = expected["labels"].shape[1] > 0
    clean = ["step0/d_loss", "step0/gradient_norm", *(name for name in expected if name.startswith("step0/d_grad/"))]
    if labelled:
        clean += ["step0/g_loss", "step1/d_loss", "step1/gradient_norm"]
        clean += [name for name in expected if name.startswith("step0/g_grad/")]
    for name in clean:
        assert _relative_error(actual[name], expected[name]) < 1e-5, name


@pytest.fixture(scope="module", params=FILES)
def raced(request, golden) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A golden file, and the production step with the golden run's late reads put in."""
    path = golden / request.param
    with np.load(path) as file:
        return {name: file[name] for name in file.files}, replay(path)


def test_losses_and_gradient_norms_of_three_iterations(raced):
    expected, actual = raced
    for iteration in range(3):
        for name in ("d_loss", "g_loss", "gradient_norm"):
            key = f"step{iteration}/{name}"
            np.testing.assert_allclose(actual[key], expected[key], rtol=1e-4, err_msg=key)


def test_first_gradients(raced):
    expected, actual = raced
    for name in expected:
        if name.startswith(("step0/d_grad/", "step0/g_grad/")):
            assert _relative_error(actual[name], expected[name]) < 1e-3, name


@pytest.mark.parametrize("kind", ["final/G", "final/D", "final_ema/G"])
def test_weights_after_three_iterations(raced, kind):
    expected, actual = raced
    close = [
        np.isclose(actual[name], expected[name], rtol=1e-4, atol=1e-4).ravel()
        for name in expected
        if name.startswith(kind + "/")
    ]
    assert np.concatenate(close).mean() >= 0.999


@pytest.mark.parametrize(("resolution", "g", "d"), [(256, 23_044_309, 23_052_353), (1024, 23_079_115, 23_087_249)])
def test_published_parameter_counts(resolution, g, d):
    config = NetworkConfig(resolution=resolution, channels=3)
    assert (Generator(config).parameters, Discriminator(config).parameters) == (g, d)


def _relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference against the largest value; 0 where there is nothing to compare or both are zero."""
    difference = np.abs(actual - expected).max(initial=0.0)
    return 0.0 if difference == 0 else difference / np.abs(expected).max()
