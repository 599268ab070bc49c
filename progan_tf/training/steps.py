"""One training step: discriminator, averaged generator, generator, in the published order."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from progan_tf.config import Config
from progan_tf.layers.resampling import blend, downscale, upscale
from progan_tf.losses import WassersteinGP
from progan_tf.training import noise
from progan_tf.training.state import Networks


class Noise(NamedTuple):
    """The random part of a step, for the N images of one replica."""

    d_latents: tf.Tensor  # [N, Z]
    g_latents: tf.Tensor  # [N, Z]
    g_labels: tf.Tensor  # [N, L]
    mix: tf.Tensor  # [N] in [0, 1)
    mirrored: tf.Tensor  # bool [N]


class StepMetrics(NamedTuple):
    """What a step saw, float32 [N], per image; `d_skipped` and `g_skipped`, [], are 1 where nothing was learnt."""

    d_loss: tf.Tensor
    g_loss: tf.Tensor
    real_score: tf.Tensor
    fake_score: tf.Tensor
    gradient_norm: tf.Tensor
    d_skipped: tf.Tensor
    g_skipped: tf.Tensor


class TrainStep:
    """The step of one graph: `level`, `fading` or stable, `batch_size` images over `replicas` replicas.

    It runs in a replica context of tf.distribute. Random numbers are drawn for the whole batch and shared out, so that
    any number of replicas computes the same step.

    Args:
        label_table: float32 [M, L], the labels of the training images, from which the generator's are drawn.
        value_range: largest pixel value on disk, 255 or 65535.
    """

    def __init__(
        self,
        networks: Networks,
        config: Config,
        *,
        level: int,
        fading: bool,
        batch_size: int,
        replicas: int,
        label_table: np.ndarray,
        value_range: float = 255.0,
    ):
        self._networks, self._config = networks, config
        self._batch_size, self._replicas = batch_size, replicas
        self._label_table, self._value_range = label_table, value_range
        self._fading = fading
        share = batch_size // replicas
        self._shares = shares(batch_size, replicas, config.network.stddev_group)
        self.generator = networks.generator.model_at(level, fading, share)
        self.discriminator = networks.discriminator.model_at(level, fading, share)
        self._g_variables = list(networks.generator.variables_used(level, fading).values())
        self._d_variables = list(networks.discriminator.variables_used(level, fading).values())
        # All levels up to this one: the averages of toRGB layers gone by go on towards them, as published.
        self._averages = list(
            zip(
                networks.averaged.variables_at(level).values(),
                networks.generator.variables_at(level).values(),
                strict=True,
            )
        )
        self._ema_decay = config.training.ema_decay_at(batch_size)
        self.loss = WassersteinGP(config.loss)
        levels_to_come = config.network.final_level - level
        self._norm_scale = 2.0**-levels_to_come if config.loss.penalty_scale == "official" else 1.0

    def __call__(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, alpha: tf.Tensor) -> StepMetrics:
        """Trains on this replica's share of a batch.

        Args:
            images: [B, H, W, C], as on disk.
            labels: [B, L].
            step: number of steps before this one.
        """
        mine, drawn = self._mine(), self.draw(step)
        reals = self.reals(tf.gather(images, mine), drawn.mirrored, alpha)
        return self.update(reals, tf.gather(labels, mine), drawn, alpha)

    def draw(self, step: tf.Tensor) -> Noise:
        """This replica's share of the random numbers of a step."""
        seed, batch = self._config.training.seed, self._batch_size
        latents_shape = (batch, self._config.network.latent_size)
        picks = noise.uniform(seed, "g labels", step, (batch,)) * len(self._label_table)
        whole = Noise(
            d_latents=noise.normal(seed, "d latents", step, latents_shape),
            g_latents=noise.normal(seed, "g latents", step, latents_shape),
            g_labels=tf.gather(tf.constant(self._label_table), tf.cast(picks, tf.int32)),
            mix=noise.uniform(seed, "mix", step, (batch,)),
            mirrored=noise.uniform(seed, "mirror", step, (batch,)) < 0.5,
        )
        mine = self._mine()
        return Noise(*(tf.gather(values, mine) for values in whole))

    def _mine(self) -> tf.Tensor:
        """Which images of a batch this replica takes, int32 [N]."""
        return tf.gather(tf.constant(self._shares), tf.distribute.get_replica_context().replica_id_in_sync_group)

    def reals(self, images: tf.Tensor, mirrored: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
        """Images as the discriminator sees them: in [-1, 1], some mirrored, as coarse as the fade leaves them."""
        images = tf.cast(images, tf.float32) * (2 / self._value_range) - 1
        if self._config.training.mirror:
            images = tf.where(mirrored[:, None, None, None], tf.reverse(images, axis=[2]), images)
        if self._fading:
            images = blend(upscale(downscale(images)), images, alpha)
        return images

    def update(self, reals: tf.Tensor, labels: tf.Tensor, drawn: Noise, alpha: tf.Tensor) -> StepMetrics:
        """The step itself, on reals [N, H, W, C] in [-1, 1]."""

        def discriminate(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return self.discriminator([images, alpha])

        fakes = self.generator([drawn.d_latents, labels, alpha])
        with tf.GradientTape() as tape:
            d = self.loss.d_loss(discriminate, reals, fakes, labels, drawn.mix, self._norm_scale)
            d_mean = tf.reduce_sum(d.loss) / self._batch_size
        d_learnt = self._learn(self._networks.d_optimizer, tape, d_mean, self._d_variables)

        self._average()

        with tf.GradientTape() as tape:
            fakes = self.generator([drawn.g_latents, drawn.g_labels, alpha])
            g_loss = self.loss.g_loss(discriminate, fakes, drawn.g_labels)
            g_mean = tf.reduce_sum(g_loss) / self._batch_size
        g_learnt = self._learn(self._networks.g_optimizer, tape, g_mean, self._g_variables)

        skipped = (1.0 - tf.cast(learnt, tf.float32) for learnt in (d_learnt, g_learnt))
        return StepMetrics(d.loss, g_loss, d.real_score, d.fake_score, d.gradient_norm, *skipped)

    def _learn(self, optimizer, tape: tf.GradientTape, loss: tf.Tensor, variables: list[keras.Variable]) -> tf.Tensor:
        """One step of Adam, left out where the loss or a gradient of any replica is not finite. Returns which."""
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(values)) for values in (loss, *gradients)])
        faults = tf.distribute.get_replica_context().all_reduce("sum", 1.0 - tf.cast(finite, tf.float32))
        learnt = tf.equal(faults, 0.0)
        optimizer.apply_if(learnt, gradients, variables)
        return learnt

    def _average(self) -> None:
        """Moves the averaged generator towards the generator, which has not learnt in this step yet."""

        def move(average: tf.Variable, weight: tf.Tensor) -> None:
            average.assign(weight + (average - weight) * self._ema_decay)

        def move_all(strategy: tf.distribute.Strategy) -> None:
            for average, weight in self._averages:
                strategy.extended.update(average.value, move, args=(weight.value,), group=False)

        tf.distribute.get_replica_context().merge_call(move_all)


def shares(batch_size: int, replicas: int, group_size: int) -> np.ndarray:
    """Which images of a batch each replica takes: int32 [replicas, batch_size / replicas].

    Images that form one minibatch-stddev group on one device (image n is in group n mod number of groups) stay together
    and keep their order, so that the groups are the same on any number of replicas.
    """
    group = min(group_size, batch_size // replicas)
    indices = np.arange(batch_size, dtype=np.int32).reshape(group, replicas, -1)
    return np.ascontiguousarray(indices.transpose(1, 0, 2).reshape(replicas, -1))
