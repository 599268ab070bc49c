"""One training step: discriminator, averaged generator, generator, in the published order."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from progan_tf.augmentation import symmetry
from progan_tf.augmentation.policies import POLICIES
from progan_tf.config import Config, at_resolution
from progan_tf.layers.resampling import blend, downscale, upscale
from progan_tf.losses import registry
from progan_tf.losses.critic import Discriminator
from progan_tf.losses.loss import DiscriminatorLoss
from progan_tf.training import noise
from progan_tf.training.adam import SkippingAdam
from progan_tf.training.freezing import learning_discriminator
from progan_tf.training.loss_scale import LossScale
from progan_tf.training.state import Networks


class Noise(NamedTuple):
    """The random part of a step, for the N images of one replica."""

    d_latents: tf.Tensor  # [N, Z]
    g_latents: tf.Tensor  # [N, Z]
    g_labels: tf.Tensor  # [N, L]
    mix: tf.Tensor  # [N] in [0, 1)
    symmetries: tf.Tensor  # of the reals, int32 [N] in 0..7
    real_augment: tf.Tensor  # [N, numbers of the augmentation] in [0, 1)
    d_augment: tf.Tensor  # the same, for the fakes that the discriminator learns from
    g_augment: tf.Tensor  # and for those that the generator learns from


class StepMetrics(NamedTuple):
    """What a step saw, float32 [N], per image; `d_skipped` and `g_skipped`, [], are 1 where nothing was learnt.

    `augment_p`, [], is the probability of ADA's transformations in this step, 0 without ADA.
    """

    d_loss: tf.Tensor
    g_loss: tf.Tensor
    real_score: tf.Tensor
    fake_score: tf.Tensor
    gradient_norm: tf.Tensor
    d_skipped: tf.Tensor
    g_skipped: tf.Tensor
    augment_p: tf.Tensor


class GeneratorLoss(NamedTuple):
    """Per image, float32 [N]."""

    loss: tf.Tensor


class TrainStep:
    """The step of one graph: `level`, `fading` or stable, `batch_size` images over `replicas` replicas.

    It runs in a replica context of tf.distribute. Random numbers are drawn for the whole batch and shared out, so that
    any number of replicas computes the same step. A replica's share may be taken a microbatch at a time, by whole
    minibatch-stddev groups, with the gradients added up: the same gradients in less memory.

    What is learnt of which images lies in `draw`, `d_gradients`, `g_gradients` and `metrics`, which another task's step
    replaces. All arithmetic on whole networks lies in `d_gradients` and `g_gradients`, functions of their arguments and
    the weights alone, which XLA may compile.

    Args:
        workers: processes the replicas are spread over, each of which feeds its own an equal share of the batch.
        label_table: float32 [M, L], the labels of the training images, from which the generator's are drawn.
        value_range: largest pixel value on disk, 255 or 65535.
    """

    Metrics = StepMetrics
    DiscriminatorFigures: type[NamedTuple] = DiscriminatorLoss  # what is told of every image, `loss` first
    GeneratorFigures: type[NamedTuple] = GeneratorLoss

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
        workers: int = 1,
    ):
        self._networks, self._config = networks, config
        self._batch_size, self._replicas = batch_size, replicas
        self._label_table, self._value_range = label_table, value_range
        self._fading = fading
        share, group = batch_size // replicas, config.network.stddev_group
        self._shares = shares(batch_size, replicas, group)
        self._shares_of_worker = shares(batch_size // workers, replicas // workers, group)
        microbatch = min(int(at_resolution(config.training.microbatch, 2**level)) or share, share)
        self._microbatches = shares(share, share // microbatch, group)
        self._level, self._microbatch = level, microbatch
        self.generator = networks.generator.model_at(level, fading, microbatch)
        self.discriminator = networks.discriminator.model_at(level, fading, microbatch)
        self._g_variables = list(networks.generator.variables_used(level, fading).values())
        d_used = networks.discriminator.variables_used(level, fading)
        self._d_variables = list(learning_discriminator(d_used, config, level, fading).values())
        # All levels up to this one: the averages of toRGB layers gone by go on towards them, as published.
        self._averages = list(
            zip(
                networks.averaged.variables_at(level).values(),
                networks.generator.variables_at(level).values(),
                strict=True,
            )
        )
        self._ema_decay = config.training.ema_decay_at(batch_size)
        self.loss = registry.make(config.loss)
        self._symmetries = symmetry.COUNTS[config.augmentation.symmetries]
        self._policy = POLICIES[config.augmentation.policy]
        levels_to_come = config.network.final_level - level
        self._norm_scale = 2.0**-levels_to_come if config.loss.penalty_scale == "official" else 1.0
        self._scaled = config.training.precision == "mixed_float16"
        compiled = tf.function(jit_compile=True) if config.training.xla == "on" else lambda function: function
        self._d_gradients, self._g_gradients = compiled(self.d_gradients), compiled(self.g_gradients)

    def __call__(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, alpha: tf.Tensor) -> StepMetrics:
        """Trains on this replica's share of a batch.

        Args:
            images: [B, H, W, C], as on disk: the share of the batch that this worker feeds.
            labels: [B, L].
            step: number of steps before this one.
        """
        here, drawn = self._share(self._shares_of_worker), self.draw(step)
        reals = self.reals(tf.gather(images, here), drawn.symmetries, alpha)
        return self.update(reals, tf.gather(labels, here), drawn, alpha)

    def draw(self, step: tf.Tensor) -> Noise:
        """This replica's share of the random numbers of a step."""
        seed, batch = self._config.training.seed, self._batch_size
        latents_shape = (batch, self._config.network.latent_size)
        augment_shape = (batch, self._policy.draws)
        picks = noise.uniform(seed, "g labels", step, (batch,)) * len(self._label_table)
        turns = noise.uniform(seed, "symmetries", step, (batch,)) * self._symmetries
        whole = Noise(
            d_latents=noise.normal(seed, "d latents", step, latents_shape),
            g_latents=noise.normal(seed, "g latents", step, latents_shape),
            g_labels=tf.gather(tf.constant(self._label_table), tf.cast(picks, tf.int32)),
            mix=noise.uniform(seed, "mix", step, (batch,)),
            symmetries=tf.cast(turns, tf.int32),
            real_augment=noise.uniform(seed, "real augment", step, augment_shape),
            d_augment=noise.uniform(seed, "d augment", step, augment_shape),
            g_augment=noise.uniform(seed, "g augment", step, augment_shape),
        )
        mine = self._share(self._shares)
        return Noise(*(tf.gather(values, mine) for values in whole))

    def _share(self, table: np.ndarray) -> tf.Tensor:
        """The row of a table, one a replica or one a replica of a worker, that is this replica's."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.gather(tf.constant(table), replica % len(table))

    def reals(self, images: tf.Tensor, symmetries: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
        """Images as they are to be learnt: in [-1, 1], some mirrored or turned, as coarse as the fade leaves them."""
        images = tf.cast(images, tf.float32) * (2 / self._value_range) - 1
        if self._symmetries > 1:
            images = symmetry.transform(images, symmetries)
        if self._fading:
            images = blend(upscale(downscale(images)), images, alpha)
        return images

    def update(self, reals: tf.Tensor, labels: tf.Tensor, drawn: Noise, alpha: tf.Tensor) -> StepMetrics:
        """The step itself, on reals [N, H, W, C] in [-1, 1]."""
        networks, p = self._networks, self._networks.augment_p.value()
        images = (self._policy.apply(reals, drawn.real_augment, p), labels, drawn)
        unseen = tf.zeros(reals.shape[0])

        scalars = (alpha, p, self._factor(networks.d_loss_scale))
        room = self.DiscriminatorFigures(*[unseen] * len(self.DiscriminatorFigures._fields))
        gradients, d = self._in_microbatches(self._d_gradients, self._d_variables, images, scalars, room)
        d_skipped = self._learn(networks.d_optimizer, networks.d_loss_scale, gradients, self._d_variables, d.loss)

        self._average()

        scalars = (alpha, p, self._factor(networks.g_loss_scale))
        room = self.GeneratorFigures(*[unseen] * len(self.GeneratorFigures._fields))
        gradients, g = self._in_microbatches(self._g_gradients, self._g_variables, images, scalars, room)
        g_skipped = self._learn(networks.g_optimizer, networks.g_loss_scale, gradients, self._g_variables, g.loss)

        if self._config.augmentation.policy == "ada":
            networks.augment_p.update(d.real_score, d_skipped, self._batch_size)
        return self.metrics(d, g, d_skipped, g_skipped, p)

    def metrics(
        self, d: DiscriminatorLoss, g: GeneratorLoss, d_skipped: tf.Tensor, g_skipped: tf.Tensor, p: tf.Tensor
    ) -> StepMetrics:
        """All that is told of a step."""
        return StepMetrics(d.loss, g.loss, d.real_score, d.fake_score, d.gradient_norm, d_skipped, g_skipped, p)

    def d_gradients(
        self, reals: tf.Tensor, labels: tf.Tensor, drawn: Noise, alpha: tf.Tensor, p: tf.Tensor, factor: tf.Tensor
    ) -> tuple[list[tf.Tensor], DiscriminatorLoss]:
        """What a microbatch adds to the gradients of the discriminator's mean loss, and the losses, per image.

        `reals` come as the discriminator sees them, `p` is the probability of ADA's transformations, and `factor`
        multiplies the loss while it is differentiated.
        """
        fakes = self._policy.apply(self.generator([drawn.d_latents, labels, alpha]), drawn.d_augment, p)
        with tf.GradientTape() as tape:
            discriminate = self._discriminate(alpha)
            d = self.loss.d_loss(discriminate, reals, fakes, labels, drawn.mix, self._norm_scale, factor)
            scaled = tf.reduce_sum(d.loss) * (factor / self._batch_size)
        return self._gradients(tape, scaled, self._d_variables, factor), d

    def g_gradients(
        self, reals: tf.Tensor, labels: tf.Tensor, drawn: Noise, alpha: tf.Tensor, p: tf.Tensor, factor: tf.Tensor
    ) -> tuple[list[tf.Tensor], GeneratorLoss]:
        """The same of the generator."""
        with tf.GradientTape() as tape:
            fakes = self._policy.apply(self.generator([drawn.g_latents, drawn.g_labels, alpha]), drawn.g_augment, p)
            g_loss = self.loss.g_loss(self._discriminate(alpha), fakes, drawn.g_labels, reals, labels)
            scaled = tf.reduce_sum(g_loss) * (factor / self._batch_size)
        return self._gradients(tape, scaled, self._g_variables, factor), GeneratorLoss(g_loss)

    def _discriminate(self, alpha: tf.Tensor) -> Discriminator:
        return lambda images: self.discriminator([images, alpha])

    def _gradients(
        self, tape: tf.GradientTape, scaled: tf.Tensor, variables: list[keras.Variable], factor: tf.Tensor
    ) -> list[tf.Tensor]:
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        return [gradient / factor for gradient in gradients] if self._scaled else gradients

    def _factor(self, loss_scale: LossScale) -> tf.Tensor:
        return loss_scale.factor() if self._scaled else tf.constant(1.0)

    def _in_microbatches(
        self,
        gradients_of: Callable[..., tuple[list[tf.Tensor], Any]],
        variables: list[keras.Variable],
        images: Any,
        scalars: tuple[tf.Tensor, ...],
        figures: Any,
    ) -> tuple[list[tf.Tensor], Any]:
        """Gradients and per-image figures of a replica's share, all at once or a microbatch after the other.

        `images` are arguments with a row an image, `scalars` those after them, `figures` room for what is told of each.
        """
        if len(self._microbatches) == 1:
            return gradients_of(*images, *scalars)
        totals = [tf.zeros(variable.shape) for variable in variables]
        for rows in tf.constant(self._microbatches):
            # One at a time, or the memory that is to be saved is taken after all.
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            part = tf.nest.map_structure(lambda values, rows=rows: tf.gather(values, rows), images)
            gradients, seen = gradients_of(*part, *scalars)
            totals = [total + gradient for total, gradient in zip(totals, gradients, strict=True)]
            figures = tf.nest.map_structure(
                lambda all_seen, values, rows=rows: tf.tensor_scatter_nd_update(all_seen, rows[:, None], values),
                figures, seen,
            )  # fmt: skip
        return totals, figures

    def _learn(
        self,
        optimizer: SkippingAdam,
        loss_scale: LossScale,
        gradients: list[tf.Tensor],
        variables: list[keras.Variable],
        loss: tf.Tensor,
    ) -> tf.Tensor:
        """One step of Adam, left out where the loss or a gradient of any replica is not finite.

        Returns 1 where it was left out, float32 []; 0 where that was only because the factor of a scaled loss was too
        large still.
        """
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(values)) for values in (loss, *gradients)])
        faults = tf.distribute.get_replica_context().all_reduce("sum", 1.0 - tf.cast(finite, tf.float32))
        learnt = tf.equal(faults, 0.0)
        optimizer.apply_if(learnt, gradients, variables)
        if not self._scaled:
            return 1.0 - tf.cast(learnt, tf.float32)
        fault = tf.logical_not(tf.logical_or(learnt, loss_scale.searching()))
        loss_scale.update(learnt)
        return tf.cast(fault, tf.float32)

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
    and keep their order, so that the groups are the same on any number of replicas. What several workers feed is one
    batch of which each has its row of `shares(batch_size, workers, group size of the replicas)`.
    """
    group = min(group_size, batch_size // replicas)
    indices = np.arange(batch_size, dtype=np.int32).reshape(group, replicas, -1)
    return np.ascontiguousarray(indices.transpose(1, 0, 2).reshape(replicas, -1))
