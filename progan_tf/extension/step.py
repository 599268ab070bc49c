"""One training step of scene extension: the published step on windows of which a part is known."""

from typing import NamedTuple

import keras
import tensorflow as tf

from progan_tf.augmentation import symmetry
from progan_tf.config import Config
from progan_tf.extension import crops, masks
from progan_tf.extension.context_generator import noise_size
from progan_tf.extension.discount import discount, mean_over
from progan_tf.losses.critic import Discriminator
from progan_tf.losses.loss import DiscriminatorLoss
from progan_tf.training import noise
from progan_tf.training.state import Networks
from progan_tf.training.steps import StepMetrics, TrainStep

_CLOSEST = 0.01  # added to the distance of two windows, in [-1, 1], before one is divided by it


class Made(NamedTuple):
    """What one window is made of beside what is known: latents [N, Z] and noise [N, noise_size]."""

    latents: tf.Tensor
    noise: tf.Tensor


class Noise(NamedTuple):
    """The random part of a step, for the N windows of one replica."""

    d: Made
    g: Made
    again: Made  # other windows of the same context
    before: Made  # windows that are continued in their turn
    masks: tf.Tensor  # [N, masks.DRAWS] in [0, 1)
    mix: tf.Tensor  # [N] in [0, 1)
    seam_mix: tf.Tensor  # [N, crops of a window] in [0, 1)
    seams: tf.Tensor  # [N, S * S] in [0, 1)
    symmetries: tf.Tensor  # of the reals, int32 [N] in 0..7
    real_augment: tf.Tensor  # [N, 0]


def _told(name: str, *fields: str) -> type[NamedTuple]:
    return NamedTuple(name, [(field, tf.Tensor) for field in fields])


_SEAM = ("seam_real_score", "seam_fake_score")
# Per window, float32 [N]: what the window critic tells, and the mean scores of the seam critic, 0 without it.
ExtensionDiscriminatorLoss = _told("ExtensionDiscriminatorLoss", *DiscriminatorLoss._fields, *_SEAM)


class ExtensionGeneratorLoss(NamedTuple):
    """Per window, float32 [N]: the loss, the discounted error, and how far apart two windows of one context are.

    The last is of one window a group and 0 for the others, times their number: means over windows are right.
    """

    loss: tf.Tensor
    reconstruction: tf.Tensor
    diversity: tf.Tensor


# What a step saw: `StepMetrics`, and the figures of the seam critic and of the generator's other losses.
ExtensionMetrics = _told("ExtensionMetrics", *StepMetrics._fields, *_SEAM, "reconstruction", "diversity")


class Given(NamedTuple):
    """Windows to be continued: images [N, S, S, C], known [N, S, S, 1], and whether what is missing is known, [N].

    `alike` [N, S, S, 1] is where real and made windows are: what is known, but where the generator made that too.
    """

    images: tf.Tensor
    known: tf.Tensor
    truth: tf.Tensor

    @property
    def alike(self) -> tf.Tensor:
        return self.known * self.truth[:, tf.newaxis, tf.newaxis, tf.newaxis]


class ExtensionStep(TrainStep):
    """The step of one graph, on windows that are continued from what a random mask leaves of them.

    Critics compare the whole window, real against joined, and crops of the two on the join; their gradient penalties
    look at unknown pixels alone, as known ones are not the generator's (Yu et al. 2018, section 4.1). To what they say
    the generator adds the discounted error, and, for one window of every minibatch-stddev group, how little a second
    window of the same context differs. Once grown, one window of every group continues what the generator itself made;
    of these the penalties look at all pixels: where a critic may be as steep as it likes, real and made must be alike.
    """

    Metrics = ExtensionMetrics
    DiscriminatorFigures = ExtensionDiscriminatorLoss
    GeneratorFigures = ExtensionGeneratorLoss

    def __init__(self, networks: Networks, config: Config, *, level: int, fading: bool, **options):
        super().__init__(networks, config, level=level, fading=fading, **options)
        self._extension, self._size = config.extension, 2**level
        self._gamma = config.extension.gamma ** (2 ** (config.network.final_level - level))
        group = min(config.network.stddev_group, self._microbatch)
        # These come first or last in every microbatch and replica: see `steps.shares`.
        self._one_a_group = self._microbatch // group
        grown = level == config.network.final_level and not fading
        self._rolls_out = config.extension.rollouts and grown and group > 1  # the others of a group have a truth
        self._seams = networks.discriminator.judges_seams(level) and config.extension.seam_weight > 0
        if self._seams:
            count = self._microbatch * config.extension.seam_crops
            self._seam_critic = networks.discriminator.seam_model_at(level, fading, count)
        else:
            unused = {id(variable) for variable in networks.discriminator.seam.variables.values()}
            self._d_variables = [variable for variable in self._d_variables if id(variable) not in unused]
        if self._one_a_group < self._microbatch:
            self._few = networks.generator.model_at(level, fading, self._one_a_group)
        else:
            self._few = self.generator

    def draw(self, step: tf.Tensor) -> Noise:
        seed, batch, size = self._config.training.seed, self._batch_size, self._size

        def made(purpose: str) -> Made:
            latents = noise.normal(seed, f"{purpose} latents", step, (batch, self._config.network.latent_size))
            return Made(latents, noise.normal(seed, f"{purpose} noise", step, (batch, noise_size(self._level))))

        def uniform(purpose: str, *shape: int) -> tf.Tensor:
            return noise.uniform(seed, purpose, step, (batch, *shape))

        whole = Noise(
            d=made("d"),
            g=made("g"),
            again=made("again"),
            before=made("before"),
            masks=uniform("masks", masks.DRAWS),
            mix=uniform("mix"),
            seam_mix=uniform("seam mix", self._extension.seam_crops),
            seams=uniform("seams", size * size),
            symmetries=tf.cast(uniform("symmetries") * self._symmetries, tf.int32),
            real_augment=tf.zeros([batch, 0]),
        )
        mine = self._share(self._shares)
        return tf.nest.map_structure(lambda values: tf.gather(values, mine), whole)

    def given(self, reals: tf.Tensor, drawn: Noise, alpha: tf.Tensor) -> Given:
        """What is to be continued: reals under masks, and what the generator made of some of them, moved on."""
        # One kind of mask a group, so that its standard deviation shows whether windows made of nothing are all alike.
        kinds = tf.tile(drawn.masks[: self._one_a_group, :1], [self._microbatch // self._one_a_group, 1])
        known = masks.draw(tf.concat([kinds, drawn.masks[:, 1:]], axis=1), self._size)
        truth = tf.ones(reals.shape[0])
        if not self._rolls_out:
            return Given(reals, known, truth)
        stay = reals.shape[0] - self._one_a_group
        last = tf.nest.map_structure(lambda values: values[stay:], (reals, drawn))
        moved, moved_known = self._moved_on(*last, alpha)
        return Given(
            tf.concat([reals[:stay], moved], axis=0),
            tf.concat([known[:stay], moved_known], axis=0),
            tf.concat([truth[:stay], tf.zeros(self._one_a_group)], axis=0),
        )

    def _moved_on(self, reals: tf.Tensor, drawn: Noise, alpha: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Windows of which the known half is the half that the generator made of reals whose other half was known."""
        half = self._size // 2
        left = tf.concat([tf.ones([half]), tf.zeros([half])], axis=0)
        known = tf.ones_like(reals[..., :1]) * tf.reshape(left, [1, 1, -1, 1])
        made = tf.stop_gradient(self._few([reals, known, *drawn.before, alpha]))
        moved = tf.roll(made, -half, axis=2)
        turns = tf.cast(drawn.masks[:, -1] * 8, tf.int32)
        return symmetry.transform(moved, turns), symmetry.transform(known, turns)

    def d_gradients(self, reals, labels, drawn, alpha, p, factor) -> tuple[list[tf.Tensor], ExtensionDiscriminatorLoss]:
        given = self.given(reals, drawn, alpha)
        fakes = self.generator([given.images, given.known, *drawn.d, alpha])
        with tf.GradientTape() as tape:
            judge = _judge(self.discriminator, given.known, given.alike, alpha)
            d = self.loss.d_loss(judge, reals, fakes, labels, drawn.mix, self._norm_scale, factor)
            seam = self._seam_d_loss(reals, fakes, given, drawn, alpha, factor)
            loss = d.loss + self._extension.seam_weight * seam.loss
            scaled = tf.reduce_sum(loss) * (factor / self._batch_size)
        told = ExtensionDiscriminatorLoss(loss, *d[1:], seam.real_score, seam.fake_score)
        return self._gradients(tape, scaled, self._d_variables, factor), told

    def g_gradients(self, reals, labels, drawn, alpha, p, factor) -> tuple[list[tf.Tensor], ExtensionGeneratorLoss]:
        given = self.given(reals, drawn, alpha)
        few = self._one_a_group
        with tf.GradientTape() as tape:
            fakes = self.generator([given.images, given.known, *drawn.g, alpha])
            again = self._few([given.images[:few], given.known[:few], *(part[:few] for part in drawn.again), alpha])
            weights = discount(given.known, self._gamma)
            reconstruction = mean_over(tf.abs(fakes - reals), weights) * given.truth
            free = ((1 - given.known) * (1 - weights))[:few]
            apart = mean_over(tf.abs(fakes[:few] - again), free)
            judge = _judge(self.discriminator, given.known, given.alike, alpha)
            loss = (
                self.loss.g_loss(judge, fakes, labels, reals, labels)
                + self._extension.seam_weight * self._seam_g_loss(reals, fakes, given, drawn, alpha)
                + self._extension.reconstruction_weight * reconstruction
                + self._extension.diversity_weight * self._of_all(1 / (apart + _CLOSEST))
            )
            scaled = tf.reduce_sum(loss) * (factor / self._batch_size)
        told = ExtensionGeneratorLoss(loss, reconstruction, self._of_all(apart))
        return self._gradients(tape, scaled, self._g_variables, factor), told

    def metrics(self, d, g, d_skipped, g_skipped, p) -> ExtensionMetrics:
        told = StepMetrics(d.loss, g.loss, d.real_score, d.fake_score, d.gradient_norm, d_skipped, g_skipped, p)
        return ExtensionMetrics(*told, d.seam_real_score, d.seam_fake_score, g.reconstruction, g.diversity)

    def _of_all(self, values: tf.Tensor) -> tf.Tensor:
        """Values of the first window of every group as values of all windows, [N], with the same mean."""
        rest = self._microbatch - self._one_a_group
        return tf.pad(values * (self._microbatch / self._one_a_group), [[0, rest]])

    def _seam_parts(self, reals, fakes, given, drawn, alpha):
        """Crops of reals and fakes on the joins, K of every window, and who judges them."""
        side = self._size // 4
        at = crops.corners(given.known, drawn.seams, self._extension.seam_crops, side)
        real, fake, known, alike = (crops.cut(part, at, side) for part in (reals, fakes, given.known, given.alike))
        return real, fake, _judge(self._seam_critic, known, alike, alpha), tf.zeros([real.shape[0], 0])

    def _seam_d_loss(self, reals, fakes, given, drawn, alpha, factor) -> DiscriminatorLoss:
        """The seam critic's loss and scores, means over the crops of a window, [N]."""
        if not self._seams:
            return DiscriminatorLoss(*[tf.zeros(reals.shape[0])] * len(DiscriminatorLoss._fields))
        real, fake, judge, labels = self._seam_parts(reals, fakes, given, drawn, alpha)
        mix = tf.reshape(tf.transpose(drawn.seam_mix), [-1])
        seam = self.loss.d_loss(judge, real, fake, labels, mix, self._norm_scale, factor)
        return DiscriminatorLoss(*map(self._of_windows, seam))

    def _seam_g_loss(self, reals, fakes, given, drawn, alpha) -> tf.Tensor:
        if not self._seams:
            return tf.zeros(reals.shape[0])
        real, fake, judge, labels = self._seam_parts(reals, fakes, given, drawn, alpha)
        return self._of_windows(self.loss.g_loss(judge, fake, labels, real, labels))

    def _of_windows(self, of_crops: tf.Tensor) -> tf.Tensor:
        """Means [N] over the crops of a window, [K * N]."""
        return tf.reduce_mean(tf.reshape(of_crops, [self._extension.seam_crops, -1]), axis=0)


def _judge(critic: keras.Model, known: tf.Tensor, held: tf.Tensor, alpha: tf.Tensor) -> Discriminator:
    """A critic that is told what is known, and whose gradient with respect to `held` pixels is 0."""

    def judge(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seen = held * tf.stop_gradient(images) + (1 - held) * images
        return critic([tf.concat([seen, known], axis=-1), alpha])

    return judge
