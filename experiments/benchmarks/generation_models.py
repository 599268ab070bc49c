"""The same random weights as every contestant of experiments.benchmarks.generation wants them."""

from pathlib import Path

import numpy as np

from progan_tf.config import NetworkConfig


def write(folder: Path, network: NetworkConfig, level: int, precisions: list[str]) -> None:
    """Writes the SavedModels FOLDER/PRECISION and FOLDER/weights.npz (see onnx_progan.py) of a generator at a level."""
    import tensorflow as tf

    from progan_tf.export import inference
    from progan_tf.export.folding import Affine, fold
    from progan_tf.export.signatures import signatures
    from progan_tf.networks.generator import Generator

    generator = Generator(network)
    rng = np.random.default_rng(0)
    for name, variable in generator.variables.items():
        if name.endswith("bias"):  # zero in a new network
            variable.assign(0.1 * rng.standard_normal(variable.shape))
    folded = fold(generator, level, alpha=1.0)
    for precision in precisions:
        made = inference.InferenceGenerator(folded, precision)
        calls = signatures(made, _description(network, level, precision))
        tf.saved_model.save(made, str(folder / precision), calls)

    (dense, conv), *growth = folded.blocks
    layers = {"dense": dense, "2/conv": conv, "to_rgb": folded.to_rgb}
    fused = {}
    for at, (up, conv) in enumerate(growth, start=3):
        layer = generator.blocks[at][0]
        layers |= {f"{at}/up": Affine(layer.scaled_kernel().numpy(), up.bias), f"{at}/conv": conv}
        fused[f"{at}/fused"] = up.kernel
    kernels = {name: layer.kernel for name, layer in layers.items()} | fused
    np.savez(folder / "weights.npz", **kernels, **{f"{name}/bias": layer.bias for name, layer in layers.items()})


def pixels(images: np.ndarray, channels: int) -> np.ndarray:
    """What a runtime answered, integers [N, H, W, C] or values [N, C, H, W], as pixels uint8 [N, H, W, C]."""
    from progan_tf import imaging

    if images.dtype == np.uint8:
        return images
    if images.shape[1] != channels:
        raise ValueError(f"images {images.shape} are no [N, {channels}, H, W]")
    return imaging.to_pixels(images.transpose(0, 2, 3, 1))


def apart(found: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Grey levels between two sets of pixels: the largest, the mean, and what 99.9 % lie within."""
    difference = np.abs(found.astype(np.float64) - wanted)
    return {
        "largest": float(difference.max()),
        "mean": float(difference.mean()),
        "most": float(np.quantile(difference, 0.999)),
    }


def _description(network: NetworkConfig, level: int, precision: str):
    from progan_tf.export.description import Description

    return Description(
        name="benchmark",
        resolution=2**level,
        final_resolution=2**level,
        level=level,
        alpha=1.0,
        growth="",
        channels=network.channels,
        bands=["red", "green", "blue"],
        display_bands=[0, 1, 2],
        dtype="uint8",
        labels=[],
        latent_size=network.latent_size,
        scaling=None,
        training_data={},
        kimg=0,
        precision=precision,
        version="",
        licence="",
    )
