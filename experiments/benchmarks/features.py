"""How fast images become Inception features here, and as TorchScript with the same weights on the same processor.

  python -m experiments.benchmarks.features --torchscript=default_1.pt --images='tiles/*.jpg'

`speed` passes 8-bit images of 256 x 256 through the network, resize included, in rounds that alternate between the
contestants; medians are printed. PyTorch is no dependency of the project: it is left out, with a note, where it is not
installed or no --torchscript is given. `memory` is the largest resident size after few images and after many.
`precision` compares features of real images in bfloat16 with those in float32, and the FIDs that come of them.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress

_WHAT = flags.DEFINE_list("what", ["memory", "speed", "precision"], "Parts to run: memory, speed, precision.")
_TORCHSCRIPT = flags.DEFINE_string("torchscript", "", "TorchScript of the network, default_1.pt; empty: not compared.")
_IMAGES = flags.DEFINE_string("images", "", "Real images for precision: a folder, a quoted pattern or a dataset.")
_BATCH = flags.DEFINE_integer("batch", 16, "Images a call.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Times each contestant runs.")

_SIDE = 256


def main() -> None:
    quietly.import_tensorflow()
    for what in _WHAT.value:
        {"memory": _memory, "speed": _speed, "precision": _precision}[what]()


def _memory() -> None:
    from progan_tf.metrics import inception_weights
    from progan_tf.metrics.images import Images
    from progan_tf.metrics.inception import Inception

    inception = Inception(inception_weights.find())
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.memmap(Path(folder) / "images", np.uint8, "w+", shape=(512, _SIDE, _SIDE, 3))
        pixels[:] = _noise(16).repeat(32, axis=0)
        for count in (32, 512):
            inception(Images.of("noise", pixels[:count]))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"memory after {count:4,} images: {peak:,.0f} MB")


def _speed() -> None:
    contestants = {f"ours, {precision}": _ours(precision) for precision in ("float32", "bfloat16")} | _torch()
    images = _noise(_BATCH.value)
    for contestant in contestants.values():
        contestant(images), contestant(images)  # compiles
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(_ROUNDS.value):
        for name, contestant in contestants.items():
            begin = time.perf_counter()
            contestant(images), contestant(images)
            rates[name].append(2 * len(images) / (time.perf_counter() - begin))
    ours = statistics.median(rates["ours, float32"])
    for name, found in rates.items():
        median = statistics.median(found)
        spread = f"{min(found):.1f} to {max(found):.1f}"
        print(f"{name:34} {median:6.1f} images/s ({spread}); ours in float32 is {ours / median:.2f} times as fast")


def _ours(precision: str) -> Callable[[np.ndarray], np.ndarray]:
    from progan_tf.metrics import inception_graph, inception_weights

    run = inception_graph.build(inception_weights.find(), "bilinear", precision)
    return lambda images: run(images).numpy()


def _torch() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """The published TorchScript in the three ways one may run it."""
    if not _TORCHSCRIPT.value:
        print("TorchScript is not compared: no --torchscript")
        return {}
    try:
        import torch
    except ImportError:
        print("TorchScript is not compared: PyTorch is not installed")
        return {}
    plain = torch.jit.load(_TORCHSCRIPT.value).eval()
    frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.load(_TORCHSCRIPT.value).eval()))

    def contestant(network: Callable, memory_format: torch.memory_format) -> Callable[[np.ndarray], np.ndarray]:
        def features(images: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
                x = torch.nn.functional.interpolate(x, (299, 299), mode="bilinear", align_corners=False)
                return network(((x - 128) / 128).contiguous(memory_format=memory_format)).numpy()

        return features

    return {
        "TorchScript": contestant(plain, torch.contiguous_format),
        "TorchScript, channels last": contestant(plain, torch.channels_last),
        "TorchScript, frozen, channels last": contestant(frozen, torch.channels_last),
    }


def _precision() -> None:
    if not _IMAGES.value:
        print("precision is not compared: no --images")
        return
    from experiments import extractors
    from experiments.image_sets import open_images
    from progan_tf.metrics.fid import frechet_distance

    with tempfile.TemporaryDirectory() as folder:
        images = open_images(_IMAGES.value, folder=Path(folder), progress=Progress)
        exact, rough = (
            extractors.open_inception(precision=precision, cache=extractors.default_cache(), progress=Progress)(images)
            for precision in ("float32", "bfloat16")
        )
    half = len(images) // 2
    fids = [frechet_distance(features[:half], features[half:]) for features in (exact, rough)]
    apart = np.linalg.norm(rough - exact, axis=1) / np.linalg.norm(exact, axis=1)
    print(
        f"{images.name}, {len(images):,} images: features differ by {np.median(apart):.2%} ({apart.max():.2%} at most)"
    )
    print(f"FID of one half against the other: {fids[0]:.3f} in float32, {fids[1]:.3f} in bfloat16")
    print(f"FID of float32 against bfloat16 of the same images: {frechet_distance(exact, rough):.3f}")


def _noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, _SIDE, _SIDE, 3), np.uint8)


if __name__ == "__main__":
    command_line.run(main)
