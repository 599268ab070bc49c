"""Seeded pictures of landscapes as a satellite sees them at 5-10 m a pixel, for use without images of one's own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from data_prep.procedural import covers, scenes
from progan_tf.errors import InputError

_PAINTERS = {
    painter.__name__: painter
    for painter in (
        scenes.mountains,
        scenes.dunes,
        scenes.wadis,
        scenes.river,
        scenes.lakes,
        scenes.coast,
        scenes.farmland,
        scenes.pivots,
        scenes.forest,
        scenes.town,
    )
}
KINDS = tuple(_PAINTERS)
_LEAST_CANVAS = 256  # a smaller scene is the middle of one this large, so that every size shows things at one scale


def scene(seed: int, size: int = 512, kind: str | None = None) -> np.ndarray:
    """A landscape seen from above: uint8 [size, size, 3], R, G, B; the same arguments give the same bytes.

    `seed` is 0 or more, `size` in pixels 16 or more, `kind` one of KINDS; without it the seed chooses, in turn.
    Scenes of different size are different places. Raises InputError for anything else.
    """
    if seed < 0:
        raise InputError(f"seed must be 0 or more, received {seed}")
    if size < 16:
        raise InputError(f"size must be 16 pixels or more, received {size}")
    if kind is None:
        kind = KINDS[seed % len(KINDS)]
    if kind not in KINDS:
        raise InputError(f"unknown kind of scene {kind!r}; the kinds are {', '.join(KINDS)}")
    rng = np.random.default_rng(np.random.SeedSequence([seed, KINDS.index(kind)]))
    canvas = max(size, _LEAST_CANVAS)
    middle = slice((canvas - size) // 2, (canvas - size) // 2 + size)
    return _photograph(rng, _PAINTERS[kind](rng, canvas)[middle, middle])


def write_scenes(directory: str | Path, count: int, size: int = 512, seed: int = 0) -> Iterator[Path]:
    """Writes the scenes of seeds `seed` to `seed + count - 1`, kinds in turn, and yields each path once it is there.

    Raises InputError as `scene` does.
    """
    for number in range(seed, seed + count):
        yield write_scene(directory, size, number)


def write_scene(directory: str | Path, size: int, seed: int) -> Path:
    """Writes the scene of a seed as `<kind>_<seed>.png` and returns its path.

    It appears complete or not at all, and one that is there already in the right size is kept, so that the work can be
    interrupted and repeated. Raises InputError as `scene` does.
    """
    path = Path(directory, f"{KINDS[seed % len(KINDS)]}_{seed}.png")
    if not _is_scene(path, size):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        Image.fromarray(scene(seed, size)).save(partial, format="PNG")
        partial.replace(path)
    return path


def _is_scene(path: Path, size: int) -> bool:
    if not path.exists():
        return False
    with Image.open(path) as image:
        return image.size == (size, size)


def _photograph(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The picture through haze and a slightly soft, slightly noisy camera, as uint8."""
    haze = np.array([108, 122, 138], np.float32)
    tone = (1 + rng.normal(0, 0.015, 3) + rng.normal(0, 0.05)).astype(np.float32)
    seen = covers.paint(picture * tone, haze, rng.uniform(0.05, 0.18))
    seen = ndimage.gaussian_filter(seen, (0.55, 0.55, 0))
    seen = seen + np.float32(rng.uniform(0.8, 2.0)) * rng.standard_normal(seen.shape, np.float32)
    return np.clip(np.round(seen), 0, 255).astype(np.uint8)
