"""The kernel distance against scikit-learn's kernel, golden values, and its error against repeated draws."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from progan_tf.metrics.images import Images
from progan_tf.metrics.kid import Kid, kernel_distance


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def by_the_kernel(real: np.ndarray, generated: np.ndarray) -> float:
    def within(features: np.ndarray) -> float:
        kernel = polynomial_kernel(features, degree=3, coef0=1)
        return kernel[~np.eye(len(kernel), dtype=bool)].mean()

    return within(real) + within(generated) - 2 * polynomial_kernel(real, generated, degree=3, coef0=1).mean()


@pytest.mark.parametrize("counts", [(4, 4), (50, 50), (30, 71), (1000, 5)])
def test_it_is_the_unbiased_estimate(rng, counts):
    real, generated = rng.standard_normal((counts[0], 24)) ** 2, rng.standard_normal((counts[1], 24)) ** 2 + 0.1
    assert kernel_distance(real, generated).value == pytest.approx(by_the_kernel(real, generated), rel=1e-10)


def test_golden_value_of_torch_fidelity():
    rng = np.random.RandomState(0)
    rng.randn(2, 100, 256)
    x, y = rng.randn(400, 256) ** 2, (rng.randn(400, 256) + 0.3) ** 2
    distance = kernel_distance(x, y, subsets=10, subset_size=100, seed=2020)
    assert distance.value == pytest.approx(0.2562869953, abs=1e-10)


def test_large_sets_are_compared_by_parts_of_1000(rng):
    real, generated = rng.standard_normal((1100, 3)), rng.standard_normal((1200, 3)) + 0.2
    draws = np.random.RandomState(2020)
    expected = [
        by_the_kernel(real[draws.choice(1100, 1000, replace=False)], generated[draws.choice(1200, 1000, replace=False)])
        for _ in range(3)
    ]
    assert kernel_distance(real, generated, subsets=3).value == pytest.approx(np.mean(expected), rel=1e-10)
    again = kernel_distance(real, generated, subsets=3)
    assert again == kernel_distance(real, generated, subsets=3)
    assert again != kernel_distance(real, generated, subsets=3, seed=1)


def test_equal_distributions_score_zero_on_average(rng):
    values = [kernel_distance(*rng.standard_normal((2, 12, 8))).value for _ in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 300**0.5
    assert min(values) < 0 < max(values)


def test_order_and_exchange_change_nothing(rng):
    real, generated = rng.standard_normal((40, 8)), rng.standard_normal((30, 8)) + 0.5
    plain = kernel_distance(real, generated)
    for other in (kernel_distance(rng.permutation(real), generated[::-1]), kernel_distance(generated, real)):
        assert other.value == pytest.approx(plain.value, rel=1e-10)
        assert other.standard_error == pytest.approx(plain.standard_error, rel=1e-10)


def test_constant_features(rng):
    flat = np.full((20, 8), 2.0, np.float32)
    assert kernel_distance(flat, flat).value == pytest.approx(0, abs=1e-10)
    assert kernel_distance(flat, flat).standard_error == pytest.approx(0, abs=1e-10)
    # (4 + 1)^3 + (1 + 1)^3 - 2 (2 + 1)^3
    assert kernel_distance(flat, flat / 2).value == pytest.approx(79, rel=1e-10)


# The error is of as many images; where sets are alike it errs on the large side.
@pytest.mark.parametrize("counts, shift, options, least, most", [
    ((60, 60), 0.5, {}, 0.9, 1.15),
    ((200, 30), 0.5, {}, 0.9, 1.15),
    ((60, 60), 0.0, {}, 0.95, 1.3),
    ((10, 10), 0.0, {}, 0.95, 1.3),
    ((300, 300), 0.3, {"subsets": 10, "subset_size": 60}, 0.9, 1.15),
])  # fmt: skip
def test_the_standard_error_is_the_spread_over_samples(rng, counts, shift, options, least, most):
    draws = [
        kernel_distance(rng.standard_normal((counts[0], 8)), rng.standard_normal((counts[1], 8)) + shift, **options)
        for _ in range(400)
    ]
    spread = np.std([draw.value for draw in draws], ddof=1)
    error = np.sqrt(np.mean([draw.standard_error**2 for draw in draws]))
    assert least < error / spread < most


def test_the_metric_yields_the_distance_and_its_error(rng):
    class Corner:
        name, digest = "corner", "0" * 64

        def __call__(self, images: Images) -> np.ndarray:
            return images.rgb()[:, 0, 0].astype(np.float32) / 255

    real, generated = (Images.of("noise", rng.integers(0, 256, (count, 4, 4, 3), np.uint8)) for count in (9, 6))
    expected = kernel_distance(Corner()(real), Corner()(generated))
    assert dict(Kid(Corner()).run(real, generated)) == {"kid": expected.value, "kid/se": expected.standard_error}
