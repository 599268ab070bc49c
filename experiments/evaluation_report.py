"""What an evaluation tells besides its figures: closest pairs, nearest real images, the talk's tables; all as JSON."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import progan_tf
from data_prep.progress import Progress, Silent
from experiments.neighbours import neighbours
from experiments.openlab_2019 import paradox, six_rows
from experiments.openlab_2019.six_rows import Row
from progan_tf.metrics import birthday, evaluation, reading, ssim
from progan_tf.metrics.birthday import Pair
from progan_tf.metrics.evaluation import Figure
from progan_tf.metrics.figures import EMBEDDED_SIDE, coarse
from progan_tf.metrics.images import Images
from progan_tf.metrics.memorization import Memorization
from progan_tf.metrics.metric import Extractor
from progan_tf.metrics.report import NEIGHBOURS, Closest, Contents, Table
from progan_tf.metrics.verdicts import Verdicts

_SAMPLE, _REPEATS = 100, 10
_PAIRS = {"generated": 24, "real": 6}  # shown, of all samples together or one of each
_BY_FEATURES = 6

_SSIM_NOTES = (
    "Mean and standard deviation over ten draws of the samples; image i of one is compared with image i of the other. "
    "Rows near the first say that generated images are as unlike each other as real ones are, not that they look real.",
    "The talk's values do not go with the first column. SSIM's constants are shares of the range that pixels have. "
    "Images in [-1, 1] measured as if their range were 255 all look alike to it, whatever they show: 100 random pairs "
    "of desert tiles score 0.089 with the right range, and 0.908 so. The column beside the talk's values makes that "
    "mistake on purpose.",
)
_FID_NOTES = (
    "FID is biased upwards, the more the fewer images, and with so few nearly all of it is bias. The first row, real "
    "against real, has the same bias: what the others have above it is what counts.",
    "The talk's values are of other images and another generator, at n = 100.",
)


def contents(
    real: Images,
    generated: Images,
    n: int,
    figures: Sequence[Figure],
    *,
    extractor: Extractor | None,
    held_out: Images | None,
    known: Verdicts,
    threshold: float | None,
    settings: Sequence[tuple[str, str]],
    progress: type[Progress] = Silent,
) -> Contents:
    """All that the report of `figures` on `n` images a side shows.

    Args:
        extractor: the network the metrics saw through, None where they saw pixels.
        held_out: real images of other places, None where half of the real ones served.
        known: what people said of pairs; `threshold` makes duplicates of those that nobody judged.
    """
    reference, sample = real[:n], generated[:n]
    features = (extractor(reference), extractor(sample)) if extractor else None
    closest = closest_pairs(reference, sample, features and features[1], known, threshold, progress)
    pairs = [pair for found in closest if found.images is sample for pair in found.pairs]
    members = {member for pair in pairs for member in (pair.i, pair.j)} | set(range(min(n, NEIGHBOURS)))
    asked = "memorization" in {figure.metric for figure in figures}
    distances = Memorization(held_out).distances(reference, sample) if asked else None
    return Contents(
        real=real,
        generated=sample,
        n=n,
        figures=tuple(figures),
        tables=talk_tables(reference, sample, features, extractor.name if extractor else "", progress),
        closest=closest,
        neighbours=neighbours(sample, members, real, progress),
        distances=distances if distances and math.isfinite(distances.share) else None,
        points=features or (coarse(reference), coarse(sample)),
        space=f"features of {extractor.name}" if extractor else f"pixels at {EMBEDDED_SIDE} x {EMBEDDED_SIDE}",
        verdicts=known,
        settings=tuple(settings),
    )


def closest_pairs(
    real: Images,
    generated: Images,
    features: np.ndarray | None,
    known: Verdicts,
    threshold: float | None,
    progress: type[Progress] = Silent,
) -> tuple[Closest, ...]:
    """The closest pairs of samples of both sets, and with features [N, D] of generated images those nearest in them.

    Without a threshold the one that the real images' own pairs say is taken, if they say one.
    """
    sets = {"generated": generated, "real": real}
    size = min(_SAMPLE, len(real), len(generated))
    pairs: dict[str, list[tuple[Pair, ...]]] = {name: [] for name in sets}
    with progress("closest pairs", sum(len(images) // size for images in sets.values()), "samples") as shown:
        for name, images in sets.items():
            for found in birthday.closest_of_samples(images, size, max(1, _PAIRS[name] // (len(images) // size))):
                pairs[name].append(found)
                shown.advance()
    nearest = birthday.closest_mse(pairs["real"])
    if threshold is None and np.isfinite(nearest).any():
        threshold = birthday.duplicate_threshold(nearest)
    closest = []
    for name, title in (("generated", "Generated"), ("real", "Real, for comparison")):
        judged = paradox.judge(sets[name], pairs[name], size, known, threshold)
        joined = tuple(pair for sample in judged.samples for pair in sample)
        closest.append(Closest(f"closest_{name}", title, sets[name], joined, judged.support, threshold))
    if features is not None:
        near = birthday.closest_pairs(generated[:size], _BY_FEATURES, by="feature_distance", features=features[:size])
        closest.insert(1, Closest("closest_features", "Generated, closest by features", generated, near))
    return tuple(closest)


def talk_tables(
    real: Images,
    generated: Images,
    features: tuple[np.ndarray, np.ndarray] | None,
    seen_by: str,
    progress: type[Progress] = Silent,
) -> tuple[Table, ...]:
    """The two tables of the talk of 2019: SSIM, and with features [n, D] of both sets FID.

    A table that so few images or so small ones do not allow is left out.
    """
    size = min(_SAMPLE, len(real) // 2, len(generated) // 2)
    drawing = {"sample_size": size, "repeats": _REPEATS}
    found = []
    if size >= 2 and min(real.pixels.shape[1:3]) >= ssim.WINDOW:
        with progress("table of ssim", 2 * _REPEATS * len(six_rows.ROWS), "comparisons") as shown:
            ours, mistaken = (
                six_rows.ssim_rows(real, generated, talk2019_range=talk, advance=shown.advance, **drawing)
                for talk in (False, True)
            )
        columns = {"SSIM": ours, "as in the talk": mistaken, "the talk": tuple(map(str, six_rows.TALK_SSIM))}
        caption = f"SSIM of two real and two generated samples of {size} images"
        found.append(_table("The talk's SSIM table", caption, columns, 4, _SSIM_NOTES))
    if size >= 2 and features is not None:
        with progress("table of fid", _REPEATS * len(six_rows.ROWS), "comparisons") as shown:
            rows = six_rows.fid_rows(*features, advance=shown.advance, **drawing)
        above = [row.mean - rows[0].mean for row in rows]
        columns = {"FID": rows, "above real / real": above, "the talk": tuple(map(str, six_rows.TALK_FID))}
        caption = f"Fréchet distance of the same samples of {size} images, seen by {seen_by}"
        found.append(_table("The talk's FID table", caption, columns, 1, _FID_NOTES))
    return tuple(found)


def _table(
    title: str, caption: str, columns: Mapping[str, Sequence[Row | float | str]], places: int, notes: tuple[str, ...]
) -> Table:
    cells = [[_cell(value, places) for value in column] for column in columns.values()]
    return Table(title, caption, ("", *columns), tuple(zip(six_rows.ROWS, *cells, strict=True)), notes)


def _cell(value: Row | float | str, places: int) -> str:
    if isinstance(value, Row):
        return f"{value.mean:.{places}f} ± {value.deviation:.{places}f}"
    return value if isinstance(value, str) else f"{value:.{places}f}"


def numbers(contents: Contents) -> dict[str, Any]:
    """All of an evaluation but its pictures, as plain JSON."""
    return evaluation.plain({
        "version": progan_tf.__version__,
        "real": _set(contents.real),
        "generated": _set(contents.generated),
        "n": contents.n,
        "settings": dict(contents.settings),
        "figures": evaluation.by_name(contents.figures),
        "tables": [dataclasses.asdict(table) for table in contents.tables],
        "closest_pairs": {
            found.name: {
                "set": found.images.name,
                "threshold": found.threshold,
                "support": found.support and dataclasses.asdict(found.support),
                "pairs": [dataclasses.asdict(pair) for pair in found.pairs],
            }
            for found in contents.closest
        },
        "nearest_real": {
            contents.generated.keys[number]: {"real": contents.real.keys[near.index], **dataclasses.asdict(near)}
            for number, near in contents.neighbours.items()
        },
    })  # fmt: skip


def _set(images: Images) -> dict[str, Any]:
    height, width, _ = images.pixels.shape[1:]
    return {
        "name": images.name,
        "images": len(images),
        "size": [height, width],
        "dtype": str(images.pixels.dtype),
        "bands": images.bands,
        "display_bands": images.display_bands,
        "labels": images.label_names,
        "sha256": images.digest,
    }


def text(figures: Sequence[Figure]) -> str:
    """Figures as lines of columns for a terminal."""
    rows = [("figure", "value", "floor")]
    rows += [(reading.name(figure), reading.number(figure), reading.floor(figure)) for figure in figures]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(f"{name:<{widths[0]}}  {value:>{widths[1]}}  {floor:>{widths[2]}}" for name, value, floor in rows)
