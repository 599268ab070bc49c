"""What the golden run did besides the published step: a read of biases that had been updated already.

The golden files were made by a session that let Adam update a variable as soon as its own gradient was ready. The
biases behind the minibatch standard deviation get no gradient from the penalty, so in some iterations they were
updated before the penalty's pass had read them, and the gradients of all other weights came out of that mixture. The
losses and norms in the files were taken apart from that and are clean. Which iterations it befell is a matter of
timing; `EARLY` says which, found by comparing the files with every combination: with these all
numbers of both files agree, and without them neither file agrees with the gradients it holds itself.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from progan_tf.losses.loss import DiscriminatorLoss
from progan_tf.losses.wasserstein_gp import WassersteinGP
from progan_tf.training.state import Networks

# By the file's SHA-256 and iteration: biases that the penalty's pass read after their update. A file that was made anew
# has another digest and nothing to correct, whatever its name.
EARLY = {
    # golden_unlabelled.npz
    "9a25e13df9f949627815826ec4a4504807bf91602e83fa0bb5eefb4129ebadf6": {
        0: ("4x4/conv/bias",),
        2: ("4x4/conv/bias", "4x4/dense/bias"),
    },
    # golden_labelled.npz
    "dd3008cf474668204337ff11be1b3e17291d07bfb1647a5c9901d7b629ca7a52": {1: ("4x4/conv/bias",)},
}


@dataclasses.dataclass(frozen=True)
class RacedLoss(WassersteinGP):
    """The production loss, whose penalty sees some biases of the discriminator as they will be after this step."""

    networks: Networks
    early: tuple[str, ...]

    def d_loss(self, discriminator, reals, fakes, labels, mix, norm_scale, factor=1.0) -> DiscriminatorLoss:
        biases = {name: self.networks.discriminator.variables[name] for name in self.early}
        with tf.GradientTape() as tape:
            clean = super().d_loss(discriminator, reals, fakes, labels, mix, norm_scale, factor)
            mean = tf.reduce_mean(clean.loss)
        updated = _after_step(self.networks, biases, tape.gradient(mean, [bias.value for bias in biases.values()]))
        before = {name: bias.numpy() for name, bias in biases.items()}
        for name, bias in biases.items():
            bias.assign(updated[name])
        raced_norm = self._gradient_norm(discriminator, reals, fakes, labels, mix, factor) * norm_scale
        for name, bias in biases.items():
            bias.assign(before[name])
        raced = clean.loss - self._penalty(clean.gradient_norm) + self._penalty(raced_norm)
        return clean._replace(loss=raced + tf.stop_gradient(clean.loss - raced))  # the value clean, the gradient raced


def _after_step(networks: Networks, biases: dict, gradients: list[tf.Tensor]) -> dict[str, np.ndarray]:
    """Biases as the discriminator's next step will leave them; nothing else changes."""
    state = networks.variables
    before = {name: variable.numpy() for name, variable in state.items() if name.startswith("d")}
    networks.d_optimizer.apply_if(tf.constant(True), gradients, list(biases.values()))
    updated = {name: bias.numpy() for name, bias in biases.items()}
    for name, value in before.items():
        state[name].assign(value)
    return updated
