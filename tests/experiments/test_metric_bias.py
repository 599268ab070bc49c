"""The table of what real images score against real ones."""

import numpy as np
import pytest

from experiments.benchmarks import metric_bias
from progan_tf.metrics import fid


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((400, 32)).astype(np.float32) ** 2


def test_the_bias_of_fid_falls_with_the_number_of_images_and_kid_has_none(features):
    rows = [metric_bias.row(features, n, draws=20) for n in (20, 80, 200)]
    fids, kids = zip(*rows, strict=True)
    assert [row.n for row in fids] == [kid.n for kid in kids] == [20, 80, 200]
    assert fids[0].mean > 2 * fids[1].mean > 4 * fids[2].mean > 0
    for kid in kids:
        assert abs(kid.mean) < 4 * kid.sd / 20**0.5
        assert kid.sd < 1.5 * kid.se


def test_every_draw_is_of_two_sets_that_share_no_image(monkeypatch):
    numbers, seen = np.arange(10.0)[:, np.newaxis], []
    measure = fid.measure

    def watched(*sets: np.ndarray) -> fid.FrechetDistance:
        seen.append([set(part[:, 0]) for part in sets])
        return measure(*sets)

    monkeypatch.setattr(fid, "measure", watched)
    first, _ = metric_bias.row(numbers, 4, draws=5)
    assert all(len(one) == len(other) == 4 and not one & other for one, other in seen)
    assert len({frozenset(one) for one, _ in seen}) > 1
    assert metric_bias.row(numbers, 4, draws=5)[0] == first
