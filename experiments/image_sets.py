"""Opens what --real and --generated name, whatever it is, as sets of images that metrics take.

- a folder of images or scenes, a file, a quoted pattern: tiles, by the rules of data_prep.convert
- a dataset directory, ours or the official tools': a split of it, at one of its levels
- a model folder with a SavedModel: images of seeds
- a run directory: images of seeds, of its newest checkpoint

Every image is decoded or made once, into a raw file that is then mapped into memory. Stored images come in a random
order, which depends on the seed alone, so that the first n are a random sample.
"""

import dataclasses
import glob
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.mipmaps import mipmaps
from data_prep.progress import Progress, Silent
from experiments.sets.dataset import open_dataset
from experiments.sets.folder import open_folder
from experiments.sets.generated import open_model, open_run
from experiments.sets.opened import Item, Opened, lay_down
from progan_tf.errors import InputError
from progan_tf.metrics.images import Images
from progan_tf.training import run_directory

_NAMELESS = re.compile(r"grey|band \d+")  # names of bands that nobody named


def open_images(
    given: str,
    *,
    split: str = "train",
    resolution: int | None = None,
    num: int | None = None,
    seed: int = 0,
    folder: Path,
    progress: type[Progress] = Silent,
) -> Images:
    """The images that `given` names, in a raw file below `folder`.

    Args:
        split: of a dataset directory.
        resolution: side of the tiles cut from a folder's images, the level of a dataset; None: images as they are, the
            highest level. Generators have a resolution of their own.
        num: images at most, drawn at random; exactly as many of a generator, where None is refused.
        seed: of the order, and the first of a generator's seeds.

    Raises:
        InputError: nothing is there, it cannot be used, or it holds fewer than two images.
    """
    opened = _opened(given, kind(given), split, resolution, num, seed, progress)
    return _at_least_two(lay_down(opened, folder, progress))


def open_pair(
    real: str,
    generated: str,
    *,
    split: str = "train",
    resolution: int | None = None,
    num_real: int | None = None,
    num_generated: int | None = None,
    seed: int = 0,
    folder: Path,
    progress: type[Progress] = Silent,
) -> tuple[Images, Images]:
    """Real and generated images that go together, as `open_images` opens them.

    Real images are brought to the size of generated ones: a dataset gives the level it stores, others are shrunk. What
    does not go together is told before anything is decoded or generated.

    Raises:
        InputError: as `open_images` and `match` do.
    """
    made = _opened(generated, kind(generated), split, resolution, num_generated, seed, progress)
    matched = _matched(real, made, split, resolution, num_real, seed, progress)
    return tuple(_at_least_two(lay_down(opened, folder, progress)) for opened in (matched, made))


def open_like(
    given: str,
    images: Images,
    *,
    split: str = "train",
    resolution: int | None = None,
    num: int | None = None,
    seed: int = 0,
    folder: Path,
    progress: type[Progress] = Silent,
) -> Images:
    """Real images that go with `images`, brought to their size as `open_pair` does; raises what that raises."""
    form = Opened(
        name=images.name,
        shape=images.pixels.shape[1:],
        dtype=str(images.pixels.dtype),
        bands=images.bands,
        display_bands=images.display_bands,
        count=0,
        items=iter(()),
        scaling=images.scaling,
    )
    return _at_least_two(lay_down(_matched(given, form, split, resolution, num, seed, progress), folder, progress))


def kind(given: str) -> str:
    """`folder`, `dataset`, `model` or `run`: what `given` is, by the files in it."""
    if _is_run(files.join(given, run_directory.CONFIG)):
        return "run"
    inside = glob.escape(given)
    if files.exists(files.join(given, "dataset.json")) or files.glob(f"{inside}/*-r[0-9][0-9]*.tfrecords"):
        return "dataset"
    if files.glob(f"{inside}/saved_model.pb") or files.glob(f"{inside}/[0-9]*/saved_model.pb"):
        return "model"
    return "folder"


def _is_run(config: str) -> bool:
    """Whether a file is a run's configuration, and not another program's of the same name."""
    try:
        return files.exists(config) and {"config", "data"} <= json.loads(files.read_text(config)).keys()
    except (ValueError, AttributeError):
        return False


def match(real: Opened, generated: Opened) -> Opened:
    """The real set at the size of the generated one, by means of 2 x 2 pixels as lower levels of a dataset are made.

    Raises:
        InputError: the sets differ in bands, number type or scaling, or the real images are smaller, or no power of two
            larger.
    """
    _check(real, generated)
    side, wanted = real.shape[0], generated.shape[0]
    if side == wanted:
        return real
    factor = side // wanted
    if side % wanted or factor & (factor - 1):
        raise InputError(
            f"{real.name} has images of {side} pixels, {generated.name} of {wanted}; real images may be larger by a "
            "power of two, not smaller: give others, or a resolution to cut"
        )
    return dataclasses.replace(real, shape=(wanted, wanted, real.shape[2]), items=_shrunk(real.items, wanted))


def _matched(
    real: str,
    form: Opened,
    split: str,
    resolution: int | None,
    num: int | None,
    seed: int,
    progress: type[Progress],
) -> Opened:
    """Real images at the size of `form`: a dataset's stored level, others shrunk."""
    what = kind(real)
    stored = form.shape[0] if what == "dataset" else resolution
    return match(_opened(real, what, split, stored, num, seed, progress), form)


def _opened(
    given: str,
    what: str,
    split: str,
    resolution: int | None,
    num: int | None,
    seed: int,
    progress: type[Progress],
) -> Opened:
    if not files.exists(given) and not files.glob(given):
        raise InputError(
            f"no images at {given}: nothing is there; give a folder of images, a dataset directory, a SavedModel or a "
            "run directory"
        )
    if resolution is not None and (resolution < 4 or resolution & (resolution - 1)):
        raise InputError(f"resolution {resolution} is no power of two from 4 to 1024; 256 is usual")
    if what == "folder":
        return open_folder(given, resolution=resolution, num=num, seed=seed, progress=progress)
    if what == "dataset":
        return open_dataset(given, split=split, resolution=resolution, num=num, seed=seed)
    if num is None:
        raise InputError(f"{given} makes as many images as one likes; give a number")
    made = open_model(given, num=num, seed=seed) if what == "model" else open_run(given, num=num, seed=seed)
    if resolution not in (None, made.shape[0]):
        raise InputError(
            f"{given} makes images of {made.shape[0]} pixels, resolution {resolution} was asked for; leave it out"
        )
    return made


def _at_least_two(images: Images) -> Images:
    if len(images) < 2:
        raise InputError(f"{images.name} holds {len(images) or 'no'} image; metrics compare sets: give two at least")
    return images


def _check(real: Opened, generated: Opened) -> None:
    forms = [f"{opened.shape[2]} bands {opened.dtype}" for opened in (real, generated)]
    if forms[0] != forms[1]:
        raise InputError(
            f"{real.name} has images of {forms[0]}, {generated.name} of {forms[1]}; compare like with like"
        )
    named = zip(real.bands, generated.bands, strict=True)
    if any(a.casefold() != b.casefold() and not (_NAMELESS.match(a) or _NAMELESS.match(b)) for a, b in named):
        raise InputError(
            f"bands are {', '.join(real.bands)} in {real.name} and {', '.join(generated.bands)} in {generated.name}; "
            "give sets of the same bands in the same order"
        )
    if real.scaling and generated.scaling and real.scaling != generated.scaling:
        raise InputError(
            f"a pixel of {real.name} stands for another physical value than one of {generated.name} "
            f"({real.scaling.low} to {real.scaling.high}, {generated.scaling.low} to {generated.scaling.high}); "
            "convert both with one --value_range"
        )


def _shrunk(items: Iterator[Item], side: int) -> Iterator[Item]:
    for item in items:
        pixels = next(level for level in mipmaps(item.pixels) if len(level) == side)
        yield dataclasses.replace(item, pixels=np.ascontiguousarray(pixels))
