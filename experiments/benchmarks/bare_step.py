"""The training step with nothing around it, as short as TensorFlow has it: the ceiling for the trainer."""

import time
from collections.abc import Callable

import keras
import tensorflow as tf

from progan_tf.config import Config, NetworkConfig, TrainingConfig
from progan_tf.losses.wasserstein_gp import WassersteinGP
from progan_tf.training.state import Networks

_ALPHA = tf.constant(1.0)


class BareStep:
    """Networks and loss of progan_tf, Adam of Keras, random images. Every call takes a step, returns its seconds."""

    def __init__(self, network: NetworkConfig, level: int, batch: int, precision: str):
        config = Config(network=network, training=TrainingConfig(precision=precision))
        networks = Networks(config)
        self._generator = networks.generator.model_at(level, False, batch)
        self._discriminator = networks.discriminator.model_at(level, False, batch)
        self._g_weights = list(networks.generator.variables_used(level, False).values())
        self._d_weights = list(networks.discriminator.variables_used(level, False).values())
        self._averages = list(networks.averaged.variables_used(level, False).values())
        self._loss = WassersteinGP(config.loss)
        self._g_adam, self._d_adam = (keras.optimizers.Adam(0.001, 0.0, 0.99, 1e-8) for _ in range(2))
        self._g_adam.build(self._g_weights)
        self._d_adam.build(self._d_weights)
        self._latents = (batch, network.latent_size)
        self._no_labels = tf.zeros((batch, 0))
        self._reals = tf.random.uniform((batch, 2**level, 2**level, network.channels), -1, 1)
        self._step = _timed(self._whole)

    def __call__(self) -> float:
        return self._step()

    def parts(self) -> dict[str, Callable[[], float]]:
        """The parts of a step, each alone: gradients of D without the penalty and of the penalty, of G, and updates."""
        fakes = self._generate()
        return {
            "D": _timed(lambda: self._gradients_of_scores(self._generate())),
            "penalty": _timed(lambda: self._gradients_of_penalty(fakes)),
            "G": _timed(self._g_gradients),
            "optimisers and average": _timed(lambda: self._update_d(self._d_weights) + self._update_g(self._g_weights)),
        }

    def _whole(self) -> list[tf.Tensor]:
        fakes, mix = self._generate(), tf.random.uniform(self._latents[:1])
        with tf.GradientTape() as tape:
            loss = self._loss.d_loss(self._discriminate, self._reals, fakes, self._no_labels, mix, 1.0).loss
            mean = tf.reduce_mean(loss)
        updated = self._update_d(tape.gradient(mean, [weight.value for weight in self._d_weights]))
        return updated + self._update_g(self._g_gradients())

    def _generate(self) -> tf.Tensor:
        return self._generator([tf.random.normal(self._latents), self._no_labels, _ALPHA])

    def _discriminate(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._discriminator([images, _ALPHA])

    def _gradients_of_scores(self, fakes: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            real, fake = self._discriminate(self._reals)[0], self._discriminate(fakes)[0]
            loss = tf.reduce_mean(fake - real + 0.001 * tf.square(real))
        return tape.gradient(loss, [weight.value for weight in self._d_weights])

    def _gradients_of_penalty(self, fakes: tf.Tensor) -> list[tf.Tensor]:
        mixed = (self._reals + fakes) / 2
        with tf.GradientTape() as tape:
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(mixed)
                scores = self._discriminate(mixed)[0]
            norms = tf.norm(tf.reshape(inner.gradient(scores, mixed), [len(mixed), -1]), axis=1)
            loss = tf.reduce_mean(tf.square(norms - 1))
        return tape.gradient(loss, [weight.value for weight in self._d_weights], unconnected_gradients="zero")

    def _g_gradients(self) -> list[tf.Tensor]:
        others = (self._no_labels, self._reals, self._no_labels)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self._loss.g_loss(self._discriminate, self._generate(), *others))
        return tape.gradient(loss, [weight.value for weight in self._g_weights])

    def _update_d(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Adam's step of D, and the average's; returns something that was computed."""
        self._d_adam.apply([tf.convert_to_tensor(gradient) for gradient in gradients], self._d_weights)
        for average, weight in zip(self._averages, self._g_weights, strict=True):
            average.assign(weight.value + (average.value - weight.value) * 0.999)
        return [self._d_weights[0].value]

    def _update_g(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        self._g_adam.apply([tf.convert_to_tensor(gradient) for gradient in gradients], self._g_weights)
        return [self._g_weights[0].value]


def _timed(function: Callable[[], list[tf.Tensor]]) -> Callable[[], float]:
    """The function compiled, all of its results computed; every call returns its seconds."""
    compiled = tf.function(lambda: [tf.reshape(result, [-1])[0] for result in function()]).get_concrete_function()

    def run() -> float:
        begin = time.perf_counter()
        compiled()[-1].numpy()
        return time.perf_counter() - begin

    return run
