"""`replay` on files of other networks than the golden ones, made by a plain reference, under a golden name."""

import numpy as np
import pytest

from tests.parity import reference
from tests.parity.reference import Case
from tests.parity.replay import replay

CASES = {
    "8 x 8 x 4 in a fade, groups of 3": Case(8, lods=(0, 0.25, 1), lod_train=0.25, batch=6, group=3, channels=4),
    "16 x 16 at 4 x 4, labels, groups of 2": Case(16, lods=(0.5, 2), lod_train=2, batch=8, group=2, labels=2),
    "32 x 32 grown, labels, one group": Case(
        32, lods=(0, 1.75), lod_train=0, batch=4, group=16, labels=5, latent_size=3
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_replay_agrees_with_a_clean_file_of_any_network_under_any_name(case, tmp_path):
    path = tmp_path / "golden_unlabelled.npz"  # whose recorded namesake is not clean
    reference.write(path, case)
    with np.load(path) as file:
        expected = {name: file[name] for name in file.files}
    actual = replay(path)
    assert {name: values.shape for name, values in actual.items()} == {
        name: values.shape for name, values in expected.items()
    }
    weights = [name for name in expected if name.startswith("final")]
    close = [np.isclose(actual[name], expected[name], rtol=1e-4, atol=1e-4).ravel() for name in weights]
    assert np.concatenate(close).mean() >= 0.999
    for name in expected.keys() - set(weights) - {"config"}:
        np.testing.assert_allclose(
            actual[name], expected[name], rtol=1e-4, atol=1e-4 * np.abs(expected[name]).max(initial=0), err_msg=name
        )
