"""What a raster's header says of its bands: names, number types, what makes a pixel empty, and which ones to take."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep.sources.source import DTYPES, UnusableFile
from progan_tf.errors import InputError

ALPHA = "alpha"
_MOST_BANDS = 4096  # more than any sensor has; a damaged header may tell of millions
_COLOURS = (
    *("red", "green", "blue", "cyan", "magenta", "yellow", "black"),
    *("pan", "coastal", "rededge", "nir", "swir", "mwir", "lwir", "tir"),
    ALPHA,
)


@dataclasses.dataclass(frozen=True)
class Bands:
    """All bands of a file, of which `numbers`, from 1, are taken; those are of `dtype`.

    `transparency` are the alpha bands that are not taken. `flags` and `nodata` tell of each taken band, in rasterio's
    words, where its pixels are empty.
    """

    names: tuple[str, ...]
    dtypes: tuple[str, ...]
    numbers: tuple[int, ...]
    dtype: np.dtype
    transparency: tuple[int, ...]
    flags: tuple[Sequence[Any], ...]
    nodata: tuple[float | None, ...]

    @classmethod
    def of(cls, dataset: Any, wanted: Sequence[str]) -> "Bands":
        """The bands of an open rasterio dataset; the first is taken where those `wanted` are not there.

        Raises:
            UnusableFile: too many, none to take, or none of our number types.
        """
        if dataset.count > _MOST_BANDS:
            raise UnusableFile(f"{dataset.count} bands; {_MOST_BANDS} at most are read")
        colours = dataset.colorinterp  # rasterio makes such a list anew each time
        names, dtypes = _names(dataset.descriptions, colours), tuple(dataset.dtypes)
        try:
            chosen = choose(names, wanted, dataset.name)
        except InputError:  # `agree` tells
            chosen = range(min(1, dataset.count))
        flags, nodata = dataset.mask_flag_enums, dataset.nodatavals
        return cls(
            names,
            dtypes,
            tuple(position + 1 for position in chosen),
            _dtype([dtypes[position] for position in chosen], [colours[position].name for position in chosen]),
            tuple(n for n, name in enumerate(names, 1) if name == ALPHA and n - 1 not in chosen),
            tuple(flags[position] for position in chosen),
            tuple(nodata[position] for position in chosen),
        )


def choose(names: Sequence[str], wanted: Sequence[str], file: str) -> list[int]:
    """Positions of the `wanted` bands, by name or number from 1; of all but alpha where none are.

    Raises:
        InputError: `file` has no such band, or one is wanted twice.
    """
    known = [name.casefold() for name in names]
    numbers = [str(number) for number in range(1, len(names) + 1)]
    found = []
    for band in wanted:
        key = band.strip().casefold()
        position = known.index(key) if key in known else numbers.index(key) if key in numbers else None
        if position is None:
            raise InputError(f"{file} has no band {band}; it has {', '.join(names)} (or 1 to {len(names)})")
        if position in found:
            raise InputError(f"bands {','.join(wanted)} name {names[position]} of {file} twice; name each once")
        found.append(position)
    return found or [position for position, name in enumerate(names) if name != ALPHA]


def _names(descriptions: Sequence[str | None], colours: Sequence[Any]) -> tuple[str, ...]:
    """Names of the bands: as described, or a colour, or the number."""
    found = []
    for number, (described, colour) in enumerate(zip(descriptions, colours, strict=True), 1):
        described, colour = (described or "").strip(), colour.name
        if colour == ALPHA and ALPHA in described.casefold():
            described = ALPHA
        found.append(described or (colour if colour in _COLOURS else f"band {number}"))
    twice = {name for name, count in collections.Counter(found).items() if count > 1} - {ALPHA}
    return tuple(f"band {number}" if name in twice else name for number, name in enumerate(found, 1))


def _dtype(dtypes: Sequence[str], colours: Sequence[str]) -> np.dtype:
    """The number type of some bands. Raises UnusableFile where it is none of ours."""
    if not dtypes:
        raise UnusableFile("holds no band of its own; gdal_translate makes a GeoTIFF of one of the datasets in it")
    if "palette" in colours:
        raise UnusableFile("its numbers stand for colours of a palette; gdal_translate -expand rgb makes them colours")
    found = sorted(set(dtypes))
    if len(found) > 1 or found[0] not in DTYPES:
        raise UnusableFile(f"{' and '.join(found)} values; {', '.join(DTYPES)} are read, one type a file")
    return np.dtype(found[0])
