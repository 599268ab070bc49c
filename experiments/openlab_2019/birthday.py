"""The talk's birthday paradox test: the closest pairs of samples of 100, and how many pictures a generator has.

  python -m experiments.openlab_2019.birthday --real=data/tiles --generated=model --output=studies
  python -m experiments.openlab_2019.birthday --real=data/tiles --generated=model --output=studies \\
    --verdicts=verdicts.json

Look at the sheets: a pair that shows one picture twice is a duplicate. What a person says is kept in a JSON file, which
the page of experiments.evaluate writes; a pair that nobody judged counts as a duplicate if its pixels differ by the
threshold or less. Duplicates in half of the samples mean about 7,000 pictures. Beside it the same test on real images,
whose pictures are as many as there are images. Pairs of featureless images, water or desert, are set apart.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress, track
from experiments.openlab_2019 import network, sets
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from experiments.openlab_2019.paradox import Judged
    from progan_tf.metrics.birthday import Pair
    from progan_tf.metrics.images import Images
    from progan_tf.metrics.metric import Extractor

_DISTANCES = {"pixels": "mse", "symmetries": "turned_mse", "features": "feature_distance"}

_SAMPLES = flags.DEFINE_integer("samples", 10, "Samples of either side, as far as the images go.", lower_bound=1)
_NUM_REAL = flags.DEFINE_integer(
    "num_real", None, "Real images that the nearest ones are looked for in, at most; left out: all.", lower_bound=2
)
_PAIRS = flags.DEFINE_integer("pairs", 20, "Closest pairs of a sample to show.", lower_bound=1)
_BY = flags.DEFINE_enum(
    "by",
    "pixels",
    list(_DISTANCES),
    "What makes a pair close: its pixels, its pixels under the best of the eight flips and turns, or its features, of "
    "the FID network.",
)
_VERDICTS = flags.DEFINE_string("verdicts", "", "JSON of verdicts on pairs that a report saved.")
_DUPLICATE_THRESHOLD = flags.DEFINE_float(
    "duplicate_threshold",
    None,
    "Mean squared difference of pixels, on a scale from 0 to 1, up to which a pair that nobody judged is a duplicate; "
    "left out: a tenth of the median closest pair of real samples.",
    lower_bound=0.0,
)
_FEATURELESS = 6  # pairs shown of those set apart


def main() -> None:
    output, size = sets.make_output(), sets.SAMPLE_SIZE.value
    from experiments.neighbours import neighbours
    from experiments.openlab_2019 import contact_sheet, paradox
    from progan_tf.metrics import birthday, verdicts

    known = verdicts.read(Path(_VERDICTS.value)) if _VERDICTS.value else {}
    extractor = network.open_network() if _BY.value == "features" else None
    quietly.import_tensorflow()
    real, generated = sets.open_both(_NUM_REAL.value, _SAMPLES.value * size)
    closest = {side: _closest(images, extractor) for side, images in (("generated", generated), ("real", real))}
    threshold = _DUPLICATE_THRESHOLD.value
    if threshold is None:
        threshold = birthday.duplicate_threshold(birthday.closest_mse(closest["real"]))
    members = {member for pairs in closest["generated"] for pair in pairs for member in (pair.i, pair.j)}
    near_real = neighbours(generated, members, real, Progress)
    judged = {
        side: paradox.judge(images, closest[side], size, known, threshold)
        for side, images in (("generated", generated), ("real", real))
    }
    _tell(judged, threshold)
    numbers = {
        "sample_size": size,
        "by": _BY.value,
        "duplicate_threshold": threshold,
        "network": extractor and network.describe(extractor, generated),
        **sets.facts(real, generated),
    }
    for side, found in judged.items():
        near = near_real if side == "generated" else {}
        sheet = contact_sheet.draw(found.images, _sections(found.samples, side), real, near)
        sets.write(output / f"birthday_{side}", sheet, {**numbers, "pairs": found.as_json(real, near)})


def _closest(images: "Images", extractor: "Extractor | None") -> tuple[tuple["Pair", ...], ...]:
    """The closest pairs of each sample of a set."""
    from progan_tf.metrics import birthday

    size = sets.SAMPLE_SIZE.value
    if len(images) < size:
        raise InputError(
            f"a sample of {size} takes as many images, {images.name} has {len(images)}; give more, or "
            f"--sample_size={len(images)}"
        )
    images = images[: _SAMPLES.value * size]
    features = extractor(images) if extractor else None
    found = birthday.closest_of_samples(images, size, _PAIRS.value, by=_DISTANCES[_BY.value], features=features)
    return tuple(track(found, f"closest pairs of {images.name}", len(images) // size, "samples"))


def _sections(samples: tuple[tuple["Pair", ...], ...], side: str) -> dict[str, list["Pair"]]:
    """What a sheet shows, under its titles."""
    featured = [[pair for pair in pairs if not pair.featureless] for pairs in samples]
    return {
        f"Closest pairs of {sets.SAMPLE_SIZE.value} {side} images, by {_BY.value}": featured[0],
        "The closest pair of each of the other samples": [pairs[0] for pairs in featured[1:] if pairs],
        "Featureless pairs, set apart": [pair for pair in samples[0] if pair.featureless][:_FEATURELESS],
    }


def _tell(judged: dict[str, "Judged"], threshold: float) -> None:
    """Prints the closest pairs of the first generated sample, and what all samples say."""
    from experiments.openlab_2019.contact_sheet import measured

    size = sets.SAMPLE_SIZE.value
    print(f"pairs      closest of {size} generated images, by {_BY.value}; mse on a scale from 0 to 1")
    pairs = judged["generated"].samples[0]
    for pair in (pair for pair in pairs if not pair.featureless):
        print(f"  {measured(pair)}  {' and '.join(pair.keys)}")
    apart = sum(pair.featureless for pair in pairs)
    print(f"apart      {apart} pairs or more of featureless images" if apart else "apart      no featureless pairs")
    print(f"duplicate  a pair that a person called the same; of those nobody judged, mse {threshold:.3g} or less")
    for side, found in judged.items():
        support = found.support
        print(
            f"{side:<10} {support.duplicated} of {support.batches} samples of {size} hold a duplicate: "
            f"{_pictures(found)}; {found.open} pairs not judged"
        )


def _pictures(found: "Judged") -> str:
    support = found.support
    if support.duplicated == 0:
        return f"more than {support.low:,.0f} pictures (95 %)"
    if support.duplicated == support.batches:
        return f"less than {support.high:,.0f} pictures (95 %)"
    return f"about {support.estimate:,.0f} pictures (95 %: {support.low:,.0f} to {support.high:,.0f})"


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
