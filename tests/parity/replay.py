"""Runs the production networks and training step on a golden file and returns what they compute under its keys.

A golden file holds weights, inputs and results of the published definition (NCHW, its own weight layout). `replay`
takes any such file: other sizes, widths, labels, group sizes.
"""

import ast
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf.config import Config, LossConfig, NetworkConfig, OptimizerConfig, TrainingConfig
from progan_tf.layers.resampling import downscale, upscale
from progan_tf.networks.growing import GrowingNetwork
from progan_tf.training.state import Networks
from progan_tf.training.steps import Noise, TrainStep
from tests.parity.race import EARLY, RacedLoss


def replay(path: str | Path, early: dict[int, tuple[str, ...]] | None = None) -> dict[str, np.ndarray]:
    """Everything the golden file at `path` holds, computed here; inputs come back as they went through the networks.

    `early` names, by iteration, biases that the golden run read too late (`race.py`). Left out, it is what is on record
    for a file of these bytes, and nothing for any other; with `{}` the step is the production step untouched.
    """
    with np.load(path, allow_pickle=False) as file:
        golden = {name: file[name] for name in file.files}
    settings = ast.literal_eval(str(golden["config"]))
    if not settings["fused_scale"]:
        raise ValueError(f"{path} is of the network without fused scaling, which is another function; ours is fused")
    config = _config(settings, golden)
    networks = Networks(config)
    for network, prefix in ((networks.generator, "G"), (networks.averaged, "G"), (networks.discriminator, "D")):
        _load(network, prefix, golden)

    inputs = ("config", "latents", "labels", "images", "d_latents", "g_latents", "reals", "mix")
    result = {name: values for name, values in golden.items() if name.split("/")[-1] in inputs}
    result |= _weights("init", networks)
    for lod in settings["lods"]:
        result |= _evaluate(networks, config, lod, golden)
    result |= _train(networks, config, settings, golden, _on_record(path) if early is None else early)
    result |= _weights("final", networks) | _named("final_ema/G", networks.averaged, _values(networks.averaged))
    return result


def _on_record(path: str | Path) -> dict[int, tuple[str, ...]]:
    return EARLY.get(hashlib.sha256(Path(path).read_bytes()).hexdigest(), {})


def _config(settings: dict, golden: dict[str, np.ndarray]) -> Config:
    return Config(
        network=NetworkConfig(
            resolution=settings["resolution"],
            channels=golden["images"].shape[1],
            labels=settings["label_size"],
            latent_size=golden["latents"].shape[1],
            fmap_base=settings["fmap_base"],
            fmap_max=settings["fmap_max"],
            stddev_group=settings["mbstd_group_size"],
        ),
        loss=LossConfig(
            gradient_weight=settings["wgan_lambda"],
            gradient_target=settings["wgan_target"],
            drift_weight=settings["wgan_epsilon"],
        ),
        optimizer=OptimizerConfig(beta1=settings["beta1"], beta2=settings["beta2"], epsilon=settings["epsilon"]),
        training=TrainingConfig(ema_decay=settings["ema"]),
    )


def _evaluate(networks: Networks, config: Config, lod: float, golden: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    level, alpha = _level_and_alpha(config, lod)
    alpha_input = tf.constant(alpha, tf.float32)
    generate = networks.generator.model_at(level, alpha < 1)
    discriminate = networks.discriminator.model_at(level, alpha < 1)
    images = generate([tf.constant(golden["latents"]), tf.constant(golden["labels"]), alpha_input])
    scores, logits = discriminate([_shrink(_nhwc(golden["images"]), level), alpha_input])
    for _ in range(config.network.final_level - level):
        images = upscale(images)
    results = {"generated": _nchw(images), "scores": scores.numpy(), "label_logits": logits.numpy()}
    return {f"lod{lod:.2f}/{name}": values for name, values in results.items() if f"lod{lod:.2f}/{name}" in golden}


def _train(
    networks: Networks, config: Config, settings: dict, golden: dict[str, np.ndarray], early: dict[int, tuple[str, ...]]
) -> dict[str, np.ndarray]:
    level, alpha = _level_and_alpha(config, settings["lod_train"])
    labels = golden["labels"]
    networks.set_learning_rate(settings["learning_rate"])
    step = TrainStep(
        networks, config, level=level, fading=alpha < 1, batch_size=len(labels), replicas=1, label_table=labels
    )
    published_loss = step.loss
    results = {}
    iterations = sorted({name.split("/")[0] for name in golden if name.startswith("step")})
    for iteration in iterations:
        inputs = {name: golden[f"{iteration}/{name}"] for name in ("d_latents", "g_latents", "reals", "mix")}
        noise = Noise(
            tf.constant(inputs["d_latents"]), tf.constant(inputs["g_latents"]), tf.constant(labels),
            tf.constant(inputs["mix"].reshape(-1)), tf.zeros(len(labels), tf.int32), *[tf.zeros([len(labels), 0])] * 3,
        )  # fmt: skip
        arguments = (
            _shrink(_nhwc(inputs["reals"]), level), tf.constant(labels), noise, tf.constant(alpha, tf.float32),
        )  # fmt: skip
        if iteration == "step0":  # these gradients are clean in any file
            before = {name: variable.numpy() for name, variable in networks.variables.items()}
            with _recorded_gradients(networks) as gradients:
                step.update(*arguments)
            results |= _named("step0/d_grad/D", networks.discriminator, gradients[networks.d_optimizer])
            for name, variable in networks.variables.items():
                variable.assign(before[name])
        raced = early.get(int(iteration.removeprefix("step")), ())
        step.loss = RacedLoss(config.loss, networks, raced) if raced else published_loss
        with _recorded_gradients(networks) as gradients:  # run eagerly, so that they are values
            metrics = step.update(*arguments)
        if iteration == "step0":
            results |= _named("step0/g_grad/G", networks.generator, gradients[networks.g_optimizer])
        results |= {
            f"{iteration}/d_loss": metrics.d_loss.numpy().mean(),
            f"{iteration}/g_loss": metrics.g_loss.numpy().mean(),
            f"{iteration}/gradient_norm": metrics.gradient_norm.numpy(),
        }
    return results


@contextmanager
def _recorded_gradients(networks: Networks) -> Iterator[dict]:
    """Values of the gradients that each optimizer is given meanwhile, by variable name; zero where it got none."""
    recorded = {}
    originals = {}
    for network, optimizer in (
        (networks.generator, networks.g_optimizer),
        (networks.discriminator, networks.d_optimizer),
    ):

        def record(proceed, gradients, variables, network=network, optimizer=optimizer):
            by_variable = {id(variable): gradient for variable, gradient in zip(variables, gradients, strict=True)}
            recorded[optimizer] = {
                name: by_variable[id(v)].numpy() if id(v) in by_variable else np.zeros(v.shape, np.float32)
                for name, v in network.variables.items()
            }
            originals[optimizer](proceed, gradients, variables)

        originals[optimizer] = optimizer.apply_if
        optimizer.apply_if = record
    yield recorded
    for optimizer in originals:
        del optimizer.apply_if


def _weights(kind: str, networks: Networks) -> dict[str, np.ndarray]:
    return _named(f"{kind}/G", networks.generator, _values(networks.generator)) | _named(
        f"{kind}/D", networks.discriminator, _values(networks.discriminator)
    )


def _values(network: GrowingNetwork) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in network.variables.items()}


def _named(prefix: str, network: GrowingNetwork, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of our names and layout under the published names, in the published layout."""
    return {
        f"{prefix}/{_published_name(name, network)}": _channel_major(name, array, network, inverse=False)
        for name, array in values.items()
    }


def _load(network: GrowingNetwork, prefix: str, golden: dict[str, np.ndarray]) -> None:
    for name, variable in network.variables.items():
        array = golden[f"init/{prefix}/{_published_name(name, network)}"]
        variable.assign(_channel_major(name, array, network, inverse=True))


def _published_name(name: str, network: GrowingNetwork) -> str:
    size, layer, weight = name.split("/")
    lod = network.config.final_level - (int(size.split("x")[0]).bit_length() - 1)
    weight = {"kernel": "weight", "bias": "bias"}[weight]
    if layer in ("to_rgb", "from_rgb"):
        return f"{'ToRGB' if layer == 'to_rgb' else 'FromRGB'}_lod{lod}/{weight}"
    is_generator = "4x4/output" not in network.layers
    if size == "4x4":
        names = {"conv": "Conv", "dense": "Dense" if is_generator else "Dense0", "output": "Dense1"}
    else:
        names = {"up": "Conv0_up", "conv": "Conv1"} if is_generator else {"conv": "Conv0", "down": "Conv1_down"}
    return f"{size}/{names[layer]}/{weight}"


def _channel_major(name: str, array: np.ndarray, network: GrowingNetwork, inverse: bool) -> np.ndarray:
    """The 4 x 4 block is flattened (C, 4, 4) in the published layout, (4, 4, C) in ours."""
    if name != "4x4/dense/kernel":
        return array
    generator = "4x4/output" not in network.layers
    rows = array if generator else array.T  # [., block]
    if inverse:
        rows = rows.reshape(len(rows), -1, 16).transpose(0, 2, 1)
    else:
        rows = rows.reshape(len(rows), 16, -1).transpose(0, 2, 1)
    rows = rows.reshape(len(rows), -1)
    return rows if generator else rows.T


def _level_and_alpha(config: Config, lod: float) -> tuple[int, float]:
    return config.network.final_level - int(lod), 1.0 - (lod - int(lod))


def _shrink(images: tf.Tensor, level: int) -> tf.Tensor:
    """Means of 2 x 2 blocks down to a level, as the published discriminator takes them itself."""
    while images.shape[1] > 2**level:
        images = downscale(images)
    return images


def _nhwc(images: np.ndarray) -> tf.Tensor:
    return tf.constant(images.transpose(0, 2, 3, 1))


def _nchw(images: tf.Tensor) -> np.ndarray:
    return images.numpy().transpose(0, 3, 1, 2)
