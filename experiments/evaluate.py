"""Compares generated images with real ones, and writes numbers, pictures and a page that shows both.

  python -m experiments.evaluate --real=data/tiles --generated=runs/tiles --output=evaluation
  python -m experiments.evaluate --real=photos --generated=model --output=evaluation --metrics=pixels --resolution=256

Either set is a folder of images or scenes, a dataset directory, a SavedModel or a run directory. OUTPUT/report.html is
the page, OUTPUT/metrics.json has every figure, OUTPUT/figures the plots. A figure stands beside its floor: what real
images score against other real ones of the same number.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from progan_tf.atomic import replacing
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from progan_tf.metrics.images import Images
    from progan_tf.metrics.metric import Extractor

_REAL = flags.DEFINE_string("real", None, "Real images: folder, file, pattern or dataset directory.", required=True)
_GENERATED = flags.DEFINE_string(
    "generated", None, "Generated images: the same, or a model folder, or a run directory.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for page, figures and numbers; made if new.", required=True)
_METRICS = flags.DEFINE_string(
    "metrics",
    "all",
    "Names with commas between them: fid, kid, precision, recall, density, coverage, probe, cas, swd, ms_ssim, ssim, "
    "spectrum, bands, birthday, memorization; or groups, whose metrics that the images do not allow are left out: all, "
    "and pixels, those that need no weights.",
)
_NUM = flags.DEFINE_integer(
    "num", 2000, "Images a side, at most; the floors take as many real ones besides.", lower_bound=2
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Of the choice and order of stored images, and the first of a generator.", lower_bound=0
)
_SPLIT = flags.DEFINE_string("split", "train", "Split of a dataset directory.")
_RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "Pixels a side of the tiles of a folder, and level of a dataset; left out: as they are."
)
_HELD_OUT = flags.DEFINE_string(
    "held_out", "", "Real images of other places, for memorization; empty: half of the real ones serve."
)
_HELD_OUT_SPLIT = flags.DEFINE_string("held_out_split", "validation", "Split of --held_out, if that is a dataset.")
_INCEPTION_PATH = flags.DEFINE_string(
    "inception_path", "", "Weights of the FID network; empty: those in the user's cache."
)
_RESIZE = flags.DEFINE_enum("resize", "clean", ["clean", "legacy", "bilinear"], "How images come to 299 x 299 for it.")
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "What it computes in.")
_EXTRACTOR = flags.DEFINE_string(
    "extractor", "", "SavedModel that makes features of images, in place of the FID network; distances are no FID then."
)
_CACHE = flags.DEFINE_string(
    "cache", "", "Folder in which features are kept for the next time; empty: progan_tf/features in the user's cache."
)
_VERDICTS = flags.DEFINE_string("verdicts", "", "JSON of verdicts on pairs that a report saved.")
_DUPLICATE_THRESHOLD = flags.DEFINE_float(
    "duplicate_threshold",
    None,
    "Mean squared difference of pixels, from 0 to 1, up to which a pair that nobody judged is a duplicate; left out: a "
    "tenth of the median closest pair of real samples.",
    lower_bound=0.0,
)


def main() -> None:
    from progan_tf.metrics import registry, verdicts

    names, output = [name.strip() for name in _METRICS.value.split(",") if name.strip()], Path(_OUTPUT.value)
    # What is wrong with the flags is told before TensorFlow is loaded.
    known = verdicts.read(Path(_VERDICTS.value)) if _VERDICTS.value else {}
    extractor = _open_extractor() if registry.needs_extractor(names) else None

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error

    quietly.import_tensorflow()
    from experiments import evaluation_report
    from experiments.image_sets import open_like, open_pair
    from progan_tf.metrics import evaluation, report

    common = {"resolution": _RESOLUTION.value, "seed": _SEED.value, "folder": output, "progress": Progress}
    real, generated = open_pair(
        _REAL.value,
        _GENERATED.value,
        split=_SPLIT.value,
        num_real=2 * _NUM.value,
        num_generated=_NUM.value,
        **common,
    )
    held_out = None
    if _HELD_OUT.value:
        held_out = open_like(_HELD_OUT.value, real, split=_HELD_OUT_SPLIT.value, num=_NUM.value, **common)
    n = evaluation.sample_size(len(real), len(generated), _NUM.value)
    settings = _settings({"real": real, "generated": generated, "held out": held_out}, n, extractor)
    for name, text in settings:
        print(f"{name:<10} {text}")

    metrics = registry.make(names, extractor, held_out=held_out, duplicate_threshold=_DUPLICATE_THRESHOLD.value)
    asked = {metric.name for name, metric in zip(registry.expand(names), metrics, strict=True) if name in names}

    def refused(name: str, error: InputError) -> None:
        if name in asked:
            raise error
        print(f"left out   {name}: {error}")
        settings.append(("left out", f"{name}: {error}"))

    with Progress("metrics", len(metrics), "metrics") as progress:
        figures = evaluation.evaluate(
            metrics, real, generated, n, started=lambda name: progress.advance(), refused=refused
        )
    if not figures:
        raise InputError(f"{n} images a side are too few for all of {_METRICS.value}; give more")
    contents = evaluation_report.contents(
        real,
        generated,
        n,
        figures,
        extractor=extractor,
        held_out=held_out,
        known=known,
        threshold=_DUPLICATE_THRESHOLD.value,
        settings=settings,
        progress=Progress,
    )
    _write_json(output / "metrics.json", evaluation_report.numbers(contents))
    page = report.write(output, contents)
    print(evaluation_report.text(figures))
    print(f"report     {page}")


def _open_extractor() -> "Extractor":
    from experiments import extractors

    cache = Path(_CACHE.value) if _CACHE.value else extractors.default_cache()
    if _EXTRACTOR.value:
        return extractors.open_saved_model(_EXTRACTOR.value, cache=cache, progress=Progress)
    return extractors.open_inception(
        _INCEPTION_PATH.value, resize=_RESIZE.value, precision=_PRECISION.value, cache=cache, progress=Progress
    )


def _settings(sets: "dict[str, Images | None]", n: int, extractor: "Extractor | None") -> list[tuple[str, str]]:
    """What was compared, and how, in words."""
    rows = [
        (name, f"{images.name}: {len(images):,} images of {_form(images)}, bands {', '.join(images.bands)}")
        for name, images in sets.items()
        if images
    ]
    rows.append(("n", f"{n:,} a side, seed {_SEED.value}"))
    if extractor:
        seen = sets["generated"].shown_bands
        rows.append(("network", f"{extractor.name} {extractor.digest[:8]}, which saw {seen}"))
    return rows


def _form(images: "Images") -> str:
    height, width, channels = images.pixels.shape[1:]
    return f"{height} x {width} x {channels} {images.pixels.dtype}"


def _write_json(path: Path, content: dict[str, object]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
