"""A linear classifier of features: softmax regression with a weight penalty."""

import dataclasses

import numpy as np
from scipy import optimize, special

_PENALTY = 1.0  # on half the sum of squared weights of standardised features, beside the sum of losses


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
    """Tells classes 0 .. K - 1 by features [N, D], which it standardises by `mean` and `deviation` [D]."""

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray  # [D, K]
    bias: np.ndarray  # [K]

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Logits [N, K]."""
        return (features - self.mean) / self.deviation @ self.weights + self.bias

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The most likely class, int64 [N]."""
        return self.scores(features).argmax(axis=1)


def fit(features: np.ndarray, labels: np.ndarray, classes: int) -> LinearClassifier:
    """The classifier with the least sum of cross-entropies and penalty on features [N, D] with labels [N].

    A class without examples is never chosen. Features that do not vary have no say.
    """
    features = np.asarray(features, np.float64)
    present, labels = np.unique(labels, return_inverse=True)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation <= 1e-9 * np.abs(mean)] = np.inf  # what does not vary but for rounding
    x, y = (features - mean) / deviation, np.eye(len(present))[labels]

    shape = x.shape[1] + 1, len(present)  # weights, and the bias as their last row

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The objective and its gradient."""
        parameters = flat.reshape(shape)
        weights, bias = parameters[:-1], parameters[-1]
        log_probabilities = special.log_softmax(x @ weights + bias, axis=1)
        error = np.exp(log_probabilities) - y
        gradient = np.vstack([x.T @ error + _PENALTY * weights, error.sum(axis=0)])
        return -(y * log_probabilities).sum() + _PENALTY / 2 * np.square(weights).sum(), gradient.ravel()

    start = np.zeros(shape).ravel()
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    parameters = found.x.reshape(shape)
    weights, bias = np.zeros((x.shape[1], classes)), np.full(classes, -np.inf)
    weights[:, present], bias[present] = parameters[:-1], parameters[-1]
    return LinearClassifier(mean, deviation, weights, bias)
