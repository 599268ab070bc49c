"""What FID and KID say of real images against other real images, by how many there are: nought would be right.

  python -m experiments.benchmarks.metric_bias --images='tiles/*.jpg' --output=bias.png

Every draw splits off two sets at random that share no image. `sd` is the spread over the draws, `se` the standard error
that a single evaluation reports; with sets that are much of all there are, draws resemble each other, and the spread
is less than it would be over fresh images.
"""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from progan_tf.atomic import replacing
from progan_tf.errors import InputError

_IMAGES = flags.DEFINE_string("images", None, "Real images: a folder, a quoted pattern or a dataset.", required=True)
_SIZES = flags.DEFINE_multi_integer("n", [50, 100, 200, 400, 800, 1600], "Images a side; too many are left out.")
_DRAWS = flags.DEFINE_integer("draws", 10, "Pairs of sets a size.", lower_bound=2)
_RESIZE = flags.DEFINE_enum("resize", "clean", ["clean", "legacy", "bilinear"], "How images come to 299 x 299.")
_INCEPTION_PATH = flags.DEFINE_string("inception_path", "", "Weights of the FID network; empty: the fetched ones.")
_OUTPUT = flags.DEFINE_string("output", "", "PNG of the two curves; empty: none.")


@dataclasses.dataclass(frozen=True)
class Row:
    """A distance at `n` images a side: mean and standard deviation over draws, and the mean error it reports."""

    n: int
    mean: float
    sd: float
    se: float


def main() -> None:
    quietly.import_tensorflow()
    from experiments import extractors
    from experiments.image_sets import open_images

    with tempfile.TemporaryDirectory() as folder:
        images = open_images(_IMAGES.value, folder=Path(folder), progress=Progress)
        extractor = extractors.open_inception(
            _INCEPTION_PATH.value, resize=_RESIZE.value, cache=extractors.default_cache(), progress=Progress
        )
        features = extractor(images)
    print(f"{images.name}: {len(images):,} images, {extractor.name} {extractor.digest[:8]}, {_DRAWS.value} draws")
    print("     n |    FID      sd      se | KID x 1000      sd      se")
    fids, kids = [], []
    for n in _sizes(len(images)):
        fid, kid = row(features, n, _DRAWS.value)
        print(
            f"{n:6,} | {fid.mean:6.1f}  {fid.sd:6.2f}  {fid.se:6.2f} | {kid.mean:10.3f}  {kid.sd:6.3f}  {kid.se:6.3f}"
        )
        fids.append(fid)
        kids.append(kid)
    if _OUTPUT.value:
        _plot({"FID": fids, "KID x 1000": kids}, Path(_OUTPUT.value))
        print(f"curves   {_OUTPUT.value}")


def row(features: np.ndarray, n: int, draws: int) -> tuple[Row, Row]:
    """FID, and KID in thousandths, between disjoint random sets of `n` of features [N, D], N at least 2 n."""
    from progan_tf.metrics.fid import measure
    from progan_tf.metrics.kid import kernel_distance

    rng = np.random.default_rng(n)
    values, errors = np.empty((draws, 2)), np.empty((draws, 2))
    for draw in range(draws):
        order = rng.permutation(len(features))
        sets = features[order[:n]], features[order[n : 2 * n]]
        fid, kid = measure(*sets), kernel_distance(*sets)
        values[draw] = fid.value, 1000 * kid.value
        errors[draw] = fid.standard_error, 1000 * kid.standard_error
    means, sds, ses = values.mean(axis=0), values.std(axis=0, ddof=1), errors.mean(axis=0)
    return tuple(Row(n, *map(float, numbers)) for numbers in zip(means, sds, ses, strict=True))


def _sizes(images: int) -> list[int]:
    sizes = [n for n in _SIZES.value if 2 * n <= images]
    if not sizes:
        raise InputError(
            f"{images} images are too few for two sets of --n={min(_SIZES.value)}; give more, or a smaller n"
        )
    return sizes


def _plot(curves: dict[str, list[Row]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, (name, rows) in zip(figure.subplots(1, 2), curves.items(), strict=True):
        axes.errorbar(
            [row.n for row in rows], [row.mean for row in rows], [row.sd for row in rows], marker="o", capsize=3
        )
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(title=f"{name}, real against real", xlabel="images a side", xscale="log")
        axes.set_xticks([row.n for row in rows], [str(row.n) for row in rows])
        axes.minorticks_off()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


if __name__ == "__main__":
    command_line.run(main)
