"""The conditional generator: a growing generator that sees all that is known of the window at every level."""

import math
from typing import NamedTuple

import keras
from keras import ops

from progan_tf.config import ExtensionConfig, NetworkConfig
from progan_tf.extension.distance import distance
from progan_tf.extension.fill import fill
from progan_tf.extension.moments import moments
from progan_tf.layers.contextual_attention import ContextualAttention
from progan_tf.layers.equalized_conv import EqualizedConv2D, EqualizedDownConv2D, EqualizedUpConv2D
from progan_tf.layers.equalized_dense import EqualizedDense
from progan_tf.layers.noise_injection import NoiseInjection
from progan_tf.layers.pixel_norm import PixelNorm
from progan_tf.layers.resampling import blend, downscale, leaky_relu, upscale
from progan_tf.networks.growing import GrowingNetwork


class Context(NamedTuple):
    """What is known of windows of S pixels a side, in float32."""

    known: object  # [N, S, S, 1] of 0 and 1
    filled: object  # [N, S, S, C], continued smoothly over what is unknown
    spread: object  # [N, 1, 1, 1], how far known values lie from their mean
    seen: object  # [N, S, S, C + 2], for the encoder: filled less mean over spread, known, distance over S

    def add(self, made):
        """Windows of which the network made what differs from the smooth continuation, in units of `spread`."""
        return self.filled + self.spread * made


def noise_size(level: int) -> int:
    """Numbers of noise that a window of a level takes: one a pixel of it and of every coarser one down to 4 x 4."""
    return (4 ** (level + 1) - 16) // 3


class ContextGenerator(GrowingNetwork):
    """Windows, what is known of them, latents and noise to whole windows, known pixels unchanged.

    An encoder, the mirror of the growing discriminator and fading in with it, reads the window. Its features at a level
    join the generator's block of that level, pixel on pixel; the encoder sees the smooth continuation `fill` of what is
    known, and what the generator makes is added to it. At one level contextual attention may copy from known parts.

    Args:
        config: as of the other networks; `resolution` is the window.
    """

    optional = frozenset({"copied", "gate"})  # attention's

    def __init__(
        self,
        config: NetworkConfig,
        seed: int = 0,
        name: str = "generator",
        precision: str = "float32",
        *,
        extension: ExtensionConfig,
    ):
        super().__init__(config, seed, name, precision)
        self.extension = extension
        self.latent_norm = PixelNorm(dtype="float32")
        self.pixel_norm = PixelNorm(dtype=precision)
        levels = range(2, config.final_level + 1)
        self.from_rgb = {
            level: self._conv(level, "from_rgb", config.channels + 2, self._context(level), 1) for level in levels
        }
        self.read = {level: self._conv(level, "read", self._context(level), self._context(level)) for level in levels}
        self.down = {
            level: self.add(
                f"{2**level}x{2**level}/down", EqualizedDownConv2D, (2**level, 2**level, self._context(level)),
                filters=self._context(level - 1), padding="mirror",
            )
            for level in levels[1:]
        }  # fmt: skip
        self.dense = self.add(
            "4x4/dense", EqualizedDense, (config.latent_size,), output_shape=(4, 4, self._made(2)), gain=2**0.5 / 4
        )
        self.up = {
            level: self.add(
                f"{2**level}x{2**level}/up", EqualizedUpConv2D,
                (2 ** (level - 1), 2 ** (level - 1), self._made(level - 1)), filters=self._made(level),
                padding="mirror",
            )
            for level in levels[1:]
        }  # fmt: skip
        joined = {level: self._made(level) + self._context(level) for level in levels}
        self.join = {
            level: self._conv(level, "join", joined[level], self._made(level), 1, gain=1.0) for level in levels
        }
        self.noise = {
            level: self.add(f"{2**level}x{2**level}/noise", NoiseInjection, (2**level, 2**level, self._made(level)))
            for level in levels
        }
        self.conv = {level: self._conv(level, "conv", self._made(level), self._made(level)) for level in levels}
        self._add_attention()
        self.to_rgb = {
            level: self._conv(level, "to_rgb", self._made(level), config.channels, 1, gain=1.0, precision="float32")
            for level in levels
        }
        for layer in self.to_rgb.values():  # a new level starts as the smooth continuation, not as noise over it
            layer.kernel.assign(ops.zeros_like(layer.kernel))

    def _made(self, level: int) -> int:
        """Feature maps of the generator at a level."""
        return self.config.width(level - 1)

    def _context(self, level: int) -> int:
        """Feature maps of the encoder at a level, half as many."""
        return max(1, self._made(level) // 2)

    def _conv(self, level: int, name: str, inputs: int, filters: int, kernel_size: int = 3, **options):
        size = 2**level
        shape = (size, size, inputs)
        return self.add(
            f"{size}x{size}/{name}",
            EqualizedConv2D,
            shape,
            filters=filters,
            kernel_size=kernel_size,
            padding="mirror",
            **options,
        )

    def _add_attention(self) -> None:
        self.attention_level = 0
        if self.extension.attention != "off":
            self.attention_level = min(self.extension.attention_resolution, self.config.resolution).bit_length() - 1
            level, features = self.attention_level, self._made(self.attention_level)
            # Pixel norm gives queries a length of about sqrt(features); the published 10 would pick one key alone.
            self.attend = ContextualAttention(scale=10 / math.sqrt(features), dtype=self.precision)
            self.copied = self._conv(level, "copied", 2 * features, features, 1, gain=1.0)
            if self.extension.attention == "gated":
                self.gate = self._conv(level, "gate", 2 * features + 1, 1, 1, gain=1.0)

    def context(self, images, known) -> Context:
        """What is known of windows [N, S, S, C], `known` [N, S, S, 1]."""
        filled = fill(images, known)
        mean, spread = moments(images, known)
        away = ops.minimum(distance(known) / known.shape[1], 1.0)
        return Context(known, filled, spread, ops.concatenate([(filled - mean) / spread, known, away], axis=-1))

    def model_at(self, level: int, fading: bool = False, batch_size: int | None = None) -> keras.Model:
        """The generator grown to `level`, the newest level weighed by alpha where it is `fading` in.

        Inputs: images [N, S, S, channels], S = 2^level, whose unknown pixels do not matter; known [N, S, S, 1] of 0 and
        1; latents [N, latent_size]; noise [N, noise_size(level)]; alpha []. Output: images [N, S, S, channels], known
        pixels as they came.
        """
        inputs, whole, _ = self._graph(level, fading, batch_size)
        return keras.Model(inputs, whole, name=f"{self.name}_{2**level}{'_fading' * fading}")

    def offsets_at(self, level: int, fading: bool = False, batch_size: int | None = None) -> keras.Model:
        """From the inputs of `model_at` to where attention copied from, int32 [N, h, w, 2] (`ContextualAttention`).

        Rows and columns from each place to the one whose features it took most of. Only where `attends` says so.
        """
        inputs, _, offsets = self._graph(level, fading, batch_size)
        return keras.Model(inputs, offsets, name=f"{self.name}_offsets_{2**level}{'_fading' * fading}")

    def attends(self, level: int) -> bool:
        """Whether the generator grown to `level` has attention."""
        return 0 < self.attention_level <= level

    def _graph(self, level: int, fading: bool, batch_size: int | None):
        """The inputs, the windows made of them, and attention's offsets, None where there is none."""
        size, config = 2**level, self.config

        def given(shape: tuple[int, ...], name: str):
            return keras.Input(shape, batch_size=batch_size, dtype="float32", name=name)

        images, known = given((size, size, config.channels), "images"), given((size, size, 1), "known")
        latents, noise = given((config.latent_size,), "latents"), given((noise_size(level),), "noise")
        alpha = keras.Input(batch_shape=(), dtype="float32", name="alpha")

        contexts = {level: self.context(images, known)}
        if fading:
            contexts[level - 1] = self.context(*coarser(images, known))
        read = self._read(contexts, level, fading, alpha)
        before, x, offsets = self._make(contexts[level].known, read, latents, noise, level)
        made = contexts[level].add(self.to_rgb[level](x))
        if fading:
            coarse = contexts[level - 1].add(self.to_rgb[level - 1](before))
            made = blend(upscale(coarse), made, alpha)
        inputs = [images, known, latents, noise, alpha]
        return inputs, ops.where(known > 0, images, made), offsets

    def _read(self, contexts: dict[int, Context], level: int, fading: bool, alpha) -> dict[int, object]:
        """The encoder's features [N, S, S, _] of every level up to `level`."""
        read = {}
        x = leaky_relu(self.from_rgb[level](contexts[level].seen))
        for current in range(level, 1, -1):
            x = read[current] = leaky_relu(self.read[current](x))
            if current > 2:
                x = leaky_relu(self.down[current](x))
            if fading and current == level:
                x = blend(leaky_relu(self.from_rgb[level - 1](contexts[level - 1].seen)), x, alpha)
        return read

    def _make(self, known, read: dict[int, object], latents, noise, level: int):
        """The generator's features at the level before `level` and at `level`, and attention's offsets, if any."""
        known_at = {level: known}
        for current in range(level, 2, -1):
            known_at[current - 1] = all_known(known_at[current])
        used, before, x, offsets = 0, None, None, None
        for current in range(2, level + 1):
            before = x
            x = self.dense(self.latent_norm(latents)) if current == 2 else self.up[current](x)
            x = self.pixel_norm(leaky_relu(x))
            x = x + self.join[current](ops.concatenate([x, read[current]], axis=-1))
            cells = ops.reshape(noise[:, used : used + 4**current], (-1, 2**current, 2**current, 1))
            used += 4**current
            x = self.noise[current](x, cells * (1 - known_at[current]))
            x = self.pixel_norm(leaky_relu(self.conv[current](x)))
            if current == self.attention_level:
                x, offsets = self._copy(x, known_at[current])
        return before, x, offsets

    def _copy(self, x, known):
        """Features with those added that attention found in known parts of the window, and where that was."""
        found, offsets = self.attend(x, known)
        both = ops.concatenate([x, found], axis=-1)
        copied = self.copied(both)
        if self.extension.attention == "gated":
            away = ops.cast(ops.minimum(distance(known) / known.shape[1], 1.0), x.dtype)
            copied = copied * ops.sigmoid(self.gate(ops.concatenate([both, away], axis=-1)))
        return x + copied, offsets


def coarser(images, known):
    """Windows of half the size: means of images, and known where all is."""
    return downscale(images), all_known(known)


def all_known(known):
    """[N, 2S, 2S, 1] -> [N, S, S, 1]: 1 where all four pixels are known."""
    return ops.cast(ops.equal(downscale(known), 1), "float32")
