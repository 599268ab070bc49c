"""Losses by the name they have in `loss.name`."""

from progan_tf.config import LossConfig
from progan_tf.losses.least_squares import LeastSquares
from progan_tf.losses.logistic_r1 import LogisticR1
from progan_tf.losses.loss import Loss
from progan_tf.losses.relativistic_r1_r2 import RelativisticR1R2
from progan_tf.losses.wasserstein_gp import WassersteinGP

LOSSES: dict[str, type[Loss]] = {
    "wgan_gp": WassersteinGP,
    "logistic_r1": LogisticR1,
    "least_squares": LeastSquares,
    "relativistic_r1_r2": RelativisticR1R2,
}


def make(config: LossConfig) -> Loss:
    """The loss of a configuration, which has checked the name."""
    return LOSSES[config.name](config)
