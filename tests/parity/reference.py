"""The published definition once more, plainly: unfused, at full size, in double precision; and golden files made by it.

What the production code does in other ways is done here as the paper and the published code define it: up-scaling and
convolution apart, the penalty taken on images of full size, Adam by its formula. So a file of any size, with or without
labels and for any group size, can be made to compare with.
"""

import dataclasses
import math
from pathlib import Path

import numpy as np
import tensorflow as tf

Weights = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Case:
    """What a golden file is made for. Widths are those of `fmap_base` 4 * resolution and `fmap_max`."""

    resolution: int
    lods: tuple[float, ...]
    lod_train: float
    batch: int
    group: int
    channels: int = 3
    labels: int = 0
    latent_size: int = 8
    fmap_max: int = 8
    iterations: int = 2

    @property
    def settings(self) -> dict:
        """The settings as a golden file holds them."""
        return {
            "resolution": self.resolution, "fmap_base": 4 * self.resolution, "fmap_max": self.fmap_max,
            "label_size": self.labels, "mbstd_group_size": self.group, "lods": list(self.lods),
            "lod_train": self.lod_train, "learning_rate": 0.002, "beta1": 0.0, "beta2": 0.99, "epsilon": 1e-8,
            "ema": 0.999, "wgan_lambda": 10.0, "wgan_target": 1.0, "wgan_epsilon": 0.001, "fused_scale": True,
        }  # fmt: skip

    @property
    def levels(self) -> range:
        return range(2, self.resolution.bit_length())

    def width(self, stage: int) -> int:
        return min(4 * self.resolution >> stage, self.fmap_max)


def write(path: Path, case: Case) -> None:
    """Writes the golden file of a case, from random weights and inputs."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def images() -> np.ndarray:
        return rng.uniform(-1, 1, (case.batch, case.channels, case.resolution, case.resolution)).astype(np.float32)

    shapes = _shapes(case)
    start = {name: normal(*shape) * (0.3 if name.endswith("bias") else 1) for name, shape in shapes.items()}
    classes = rng.integers(0, max(1, case.labels), case.batch)
    golden = {f"init/{name}": np.float32(values) for name, values in start.items()} | {
        "config": np.array(repr(case.settings)),
        "latents": normal(case.batch, case.latent_size),
        "labels": np.eye(case.labels, dtype=np.float32)[classes] if case.labels else np.zeros((case.batch, 0), "f4"),
        "images": images(),
    }
    for i in range(case.iterations):
        golden |= {
            f"step{i}/d_latents": normal(case.batch, case.latent_size),
            f"step{i}/g_latents": normal(case.batch, case.latent_size),
            f"step{i}/reals": images(),
            f"step{i}/mix": rng.uniform(0, 1, (case.batch, 1, 1, 1)).astype(np.float32),
        }
    weights = {name: tf.constant(golden[f"init/{name}"], tf.float64) for name in shapes}
    results = _evaluate(case, weights, golden) | _train(case, weights, golden)
    np.savez(path, **golden, **{name: np.float32(values) for name, values in results.items()})


def generate(case: Case, weights: Weights, latents: tf.Tensor, labels: tf.Tensor, lod: float) -> tf.Tensor:
    """Images [N, R, R, C] of full size, whatever the lod."""
    level, old = case.levels[-1] - math.floor(lod), lod - math.floor(lod)

    def layer(x: tf.Tensor, name: str) -> tf.Tensor:
        return _pixel_norm(tf.nn.leaky_relu(x + weights[f"G/{name}/bias"], 0.2))

    def image(x: tf.Tensor, at: int) -> tf.Tensor:
        name = f"G/ToRGB_lod{case.levels[-1] - at}"
        return _conv(x, weights[f"{name}/weight"], gain=1) + weights[f"{name}/bias"]

    x = _pixel_norm(tf.concat([latents, labels], axis=1))
    x = _dense(x, weights["G/4x4/Dense/weight"], gain=2**0.5 / 4)
    x = tf.transpose(tf.reshape(x, [len(x), -1, 4, 4]), [0, 2, 3, 1])
    x = layer(x, "4x4/Dense")
    x = layer(_conv(x, weights["G/4x4/Conv/weight"]), "4x4/Conv")
    images = image(x, 2)
    for at in range(3, level + 1):
        coarse, size = images, f"{2**at}x{2**at}"
        kernel = tf.transpose(weights[f"G/{size}/Conv0_up/weight"], [0, 1, 3, 2])[::-1, ::-1]
        x = layer(_conv(_up(x), kernel), f"{size}/Conv0_up")
        x = layer(_conv(x, weights[f"G/{size}/Conv1/weight"]), f"{size}/Conv1")
        images = image(x, at)
    if old:
        images += (_up(coarse) - images) * old
    for _ in range(math.floor(lod)):
        images = _up(images)
    return images


def discriminate(case: Case, weights: Weights, images: tf.Tensor, lod: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Scores [N, 1] and label logits [N, L] of images of full size."""
    level, old = case.levels[-1] - math.floor(lod), lod - math.floor(lod)

    def layer(x: tf.Tensor, name: str) -> tf.Tensor:
        return tf.nn.leaky_relu(x + weights[f"D/{name}/bias"], 0.2)

    def features(images: tf.Tensor, at: int) -> tf.Tensor:
        name = f"FromRGB_lod{case.levels[-1] - at}"
        return layer(_conv(images, weights[f"D/{name}/weight"]), name)

    for _ in range(math.floor(lod)):
        images = _down(images)
    x = features(images, level)
    for at in range(level, 2, -1):
        size = f"{2**at}x{2**at}"
        x = layer(_conv(x, weights[f"D/{size}/Conv0/weight"]), f"{size}/Conv0")
        x = layer(_down(_conv(x, weights[f"D/{size}/Conv1_down/weight"])), f"{size}/Conv1_down")
        if old and at == level:
            x += (features(_down(images), at - 1) - x) * old
    x = layer(_conv(_with_deviation(x, case.group), weights["D/4x4/Conv/weight"]), "4x4/Conv")
    x = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [len(x), -1])
    x = layer(_dense(x, weights["D/4x4/Dense0/weight"]), "4x4/Dense0")
    x = _dense(x, weights["D/4x4/Dense1/weight"], gain=1) + weights["D/4x4/Dense1/bias"]
    return x[:, :1], x[:, 1:]


def _evaluate(case: Case, weights: Weights, golden: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    results = {}
    labels = tf.constant(golden["labels"], tf.float64)
    for lod in case.lods:
        images = generate(case, weights, tf.constant(golden["latents"], tf.float64), labels, lod)
        scores, logits = discriminate(case, weights, _nhwc(golden["images"]), lod)
        results[f"lod{lod:.2f}/generated"] = images.numpy().transpose(0, 3, 1, 2)
        results[f"lod{lod:.2f}/scores"] = scores.numpy()
        if case.labels:
            results[f"lod{lod:.2f}/label_logits"] = logits.numpy()
    return results


def _train(case: Case, start: Weights, golden: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights, averaged = dict(start), {name: values for name, values in start.items() if name.startswith("G/")}
    squares = {name: np.zeros(values.shape) for name, values in start.items()}
    labels = tf.constant(golden["labels"], tf.float64)
    results, settings = {}, case.settings

    def cross_entropy(logits: tf.Tensor) -> tf.Tensor:
        return -tf.reduce_sum(labels * tf.nn.log_softmax(logits), axis=1) if case.labels else 0.0

    def learn(network: str, tape: tf.GradientTape, loss: tf.Tensor, iteration: int) -> dict[str, np.ndarray]:
        """A step of Adam with beta1 = 0; returns the gradients, zero for what is not in use."""
        mine = {name: values for name, values in weights.items() if name.startswith(network)}
        gradients = tape.gradient(loss, mine, unconnected_gradients="zero")
        rate = settings["learning_rate"] * math.sqrt(1 - settings["beta2"] ** (iteration + 1))
        for name, gradient in gradients.items():
            squares[name] = settings["beta2"] * squares[name] + (1 - settings["beta2"]) * gradient.numpy() ** 2
            weights[name] -= rate * gradient / (np.sqrt(squares[name]) + settings["epsilon"])
        return {name: gradient.numpy() for name, gradient in gradients.items()}

    for i in range(case.iterations):
        given = {name: golden[f"step{i}/{name}"] for name in ("d_latents", "g_latents", "reals", "mix")}
        reals = _nhwc(given["reals"])
        fakes = generate(case, weights, tf.constant(given["d_latents"], tf.float64), labels, case.lod_train)
        mixed = reals + (fakes - reals) * given["mix"]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            real_scores, real_logits = discriminate(case, weights, reals, case.lod_train)
            fake_scores, fake_logits = discriminate(case, weights, fakes, case.lod_train)
            with tf.GradientTape() as inner:
                inner.watch(mixed)
                mixed_scores, _ = discriminate(case, weights, mixed, case.lod_train)
            norm = tf.sqrt(tf.reduce_sum(inner.gradient(mixed_scores, mixed) ** 2, axis=[1, 2, 3]))
            d_loss = (fake_scores - real_scores + settings["wgan_epsilon"] * real_scores**2)[:, 0]
            d_loss += (
                settings["wgan_lambda"] * (norm - 1) ** 2 + cross_entropy(real_logits) + cross_entropy(fake_logits)
            )
            d_mean = tf.reduce_mean(d_loss)
        d_gradients = learn("D/", tape, d_mean, i)
        averaged = {
            name: weights[name] + (average - weights[name]) * settings["ema"] for name, average in averaged.items()
        }
        with tf.GradientTape() as tape:
            tape.watch(weights)
            fakes = generate(case, weights, tf.constant(given["g_latents"], tf.float64), labels, case.lod_train)
            scores, logits = discriminate(case, weights, fakes, case.lod_train)
            g_mean = tf.reduce_mean(cross_entropy(logits) - scores[:, 0])
        g_gradients = learn("G/", tape, g_mean, i)
        results |= {f"step{i}/d_loss": d_mean, f"step{i}/g_loss": g_mean, f"step{i}/gradient_norm": norm}
        if i == 0:
            results |= {f"step0/d_grad/{name}": values for name, values in d_gradients.items()}
            results |= {f"step0/g_grad/{name}": values for name, values in g_gradients.items()}
    results |= {f"final/{name}": values for name, values in weights.items()}
    return results | {f"final_ema/{name}": values for name, values in averaged.items()}


def _shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Of every weight, under its published name."""
    width, top = case.width, case.levels[-1]
    kernels = {
        "G/4x4/Dense": (case.latent_size + case.labels, 16 * width(1)),
        "G/4x4/Conv": (3, 3, width(1), width(1)),
        "D/4x4/Conv": (3, 3, width(1) + 1, width(1)),
        "D/4x4/Dense0": (16 * width(1), width(0)),
        "D/4x4/Dense1": (width(0), 1 + case.labels),
    }
    for level in case.levels:
        size, wide, narrow = f"{2**level}x{2**level}", width(level - 2), width(level - 1)
        kernels[f"G/ToRGB_lod{top - level}"] = (1, 1, narrow, case.channels)
        kernels[f"D/FromRGB_lod{top - level}"] = (1, 1, case.channels, narrow)
        if level > 2:
            kernels[f"G/{size}/Conv0_up"] = (3, 3, narrow, wide)
            kernels[f"G/{size}/Conv1"] = (3, 3, narrow, narrow)
            kernels[f"D/{size}/Conv0"] = (3, 3, narrow, narrow)
            kernels[f"D/{size}/Conv1_down"] = (3, 3, narrow, wide)
    features = {"G/4x4/Dense": width(1)} | {name: kernel[2] for name, kernel in kernels.items() if name.endswith("_up")}
    return {f"{name}/weight": kernel for name, kernel in kernels.items()} | {
        f"{name}/bias": (features.get(name, kernel[-1]),) for name, kernel in kernels.items()
    }


def _dense(x: tf.Tensor, weight: tf.Tensor, gain: float = 2**0.5) -> tf.Tensor:
    return x @ weight * (gain / weight.shape[0] ** 0.5)


def _conv(x: tf.Tensor, weight: tf.Tensor, gain: float = 2**0.5) -> tf.Tensor:
    return tf.nn.conv2d(x, weight, 1, "SAME") * (gain / np.prod(weight.shape[:3]) ** 0.5)


def _up(x: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)


def _down(x: tf.Tensor) -> tf.Tensor:
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def _pixel_norm(x: tf.Tensor) -> tf.Tensor:
    return x / tf.sqrt(tf.reduce_mean(x**2, axis=-1, keepdims=True) + 1e-8)


def _with_deviation(x: tf.Tensor, group: int) -> tf.Tensor:
    """x and one more feature: how much the images n, n + N / G, n + 2 N / G, ... differ from each other."""
    groups = len(x) // min(group, len(x))
    statistics = [tf.reduce_mean(tf.sqrt(tf.math.reduce_variance(x[n::groups], axis=0) + 1e-8)) for n in range(groups)]
    return tf.concat([x, tf.stack([tf.fill([*x.shape[1:3], 1], statistics[n % groups]) for n in range(len(x))])], -1)


def _nhwc(images: np.ndarray) -> tf.Tensor:
    return tf.constant(images.transpose(0, 2, 3, 1), tf.float64)
