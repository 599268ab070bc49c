"""What metrics say of real images against other real images, by how many there are: floors, and how they spread.

  python -m experiments.benchmarks.metric_floors --images='tiles/*.jpg' --metrics=precision,recall,swd,spectrum

Every draw splits off two sets at random that share no image. The spread over draws is what a difference between two
evaluations of n images must exceed to mean something.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress

if TYPE_CHECKING:
    from progan_tf.metrics.images import Images
    from progan_tf.metrics.metric import Extractor

_IMAGES = flags.DEFINE_string("images", None, "Real images: a folder, a quoted pattern or a dataset.", required=True)
_METRICS = flags.DEFINE_string("metrics", "all", "Names with commas between them, as of experiments.evaluate.")
_SIZES = flags.DEFINE_multi_integer("n", [100, 400, 1000], "Images a side.")
_DRAWS = flags.DEFINE_integer("draws", 5, "Pairs of sets a size.", lower_bound=2)
_INCEPTION_PATH = flags.DEFINE_string("inception_path", "", "Weights of the FID network; empty: the fetched ones.")


class Known:
    """An extractor that looks features up by the keys of images."""

    def __init__(self, extractor: "Extractor", images: "Images"):
        self.name, self.digest = extractor.name, extractor.digest
        self._features = dict(zip(images.keys, extractor(images), strict=True))

    def __call__(self, images: "Images") -> np.ndarray:
        return np.stack([self._features[key] for key in images.keys])


def main() -> None:
    command_line.stop_on_sigterm()
    from experiments import extractors
    from progan_tf.metrics import registry

    names = [name for name in registry.expand(_METRICS.value.split(",")) if name != "cas"]  # of classes, not of sets
    quietly.import_tensorflow()
    from experiments.image_sets import open_images

    with tempfile.TemporaryDirectory() as folder:
        images = open_images(_IMAGES.value, folder=Path(folder), progress=Progress)
        extractor = None
        if registry.needs_extractor(names):
            cache = extractors.default_cache()
            extractor = Known(extractors.open_inception(_INCEPTION_PATH.value, cache=cache, progress=Progress), images)
        sizes = [n for n in sorted(_SIZES.value) if 2 * n <= len(images)]
        found = floors(images, registry.make(names, extractor), sizes, _DRAWS.value)
    print(f"{images.name}: {len(images):,} images, mean ± standard deviation of {_DRAWS.value} draws")
    print(f"{'metric':<14}" + "".join(f"{f'n = {n:,}':>22}" for n in sizes))
    for name in names:
        cells = (f"{found[name, n].mean():>12.4g} ± {found[name, n].std(ddof=1):<7.2g}" for n in sizes)
        print(f"{name:<14}" + "".join(cells))


def floors(images: "Images", metrics: list, sizes: list[int], draws: int) -> dict[tuple[str, int], np.ndarray]:
    """Headlines [draws] of each metric and size, of sets that share no image."""
    from progan_tf.metrics import evaluation

    found = {}
    with Progress("floors", len(sizes) * draws * len(metrics), "values") as progress:
        for n in sizes:
            values = {metric.name: [] for metric in metrics}
            for draw in range(draws):
                sample = images[np.random.default_rng([n, draw]).permutation(len(images))[: 2 * n]]
                for metric in metrics:
                    values[metric.name].append(evaluation.floors([metric], sample, n)[metric.name])
                    progress.advance()
            found |= {(name, n): np.array(headlines) for name, headlines in values.items()}
    return found


if __name__ == "__main__":
    command_line.run(main)
