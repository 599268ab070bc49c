"""What metrics compare: a finite set of images, with what is known of them."""

import dataclasses
import functools
import hashlib

import numpy as np

from progan_tf import imaging
from progan_tf.data.bands import band_names, display_bands
from progan_tf.data.scaling import Scaling


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """A finite set of images of one size, in random order: whoever makes one shuffles it, so `images[:n]` is a sample.

    `pixels` [N, H, W, C] are uint8 or uint16, an array or the memory map of a file; `keys` say where each comes from
    (a file, a record, a seed). `bands` name the channels, `display_bands` are the indices shown as grey or RGB.
    `labels` [N] are class numbers, named by `label_names`; None where there are no classes. `scaling` leads back to
    physical values, None where pixels are as they were.
    """

    name: str
    pixels: np.ndarray
    keys: tuple[str, ...]
    bands: tuple[str, ...]
    display_bands: tuple[int, ...]
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()
    scaling: Scaling | None = None

    @classmethod
    def of(cls, name: str, pixels: np.ndarray) -> "Images":
        """Images [N, H, W, C] that nothing else is known of; keys are their numbers."""
        bands = band_names(pixels.shape[-1])
        return cls(name, pixels, tuple(map(str, range(len(pixels)))), bands, display_bands(bands))

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, which: slice | np.ndarray) -> "Images":
        """Some of the images: a slice is a view, an array of indices a copy."""
        order = np.arange(len(self))[which]
        labels = None if self.labels is None else self.labels[order]
        keys = tuple(self.keys[index] for index in order)
        return dataclasses.replace(self, pixels=self.pixels[which], keys=keys, labels=labels)

    @property
    def top(self) -> int:
        """The largest value a pixel can have: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of shape, type, bands on display and pixels: what features may be kept under."""
        digest = hashlib.sha256(f"{self.pixels.shape} {self.pixels.dtype} {self.display_bands}".encode())
        for start in range(0, len(self), 256):
            digest.update(np.ascontiguousarray(self.pixels[start : start + 256]))
        return digest.hexdigest()

    def shown(self, which: slice | np.ndarray = slice(None)) -> np.ndarray:
        """8-bit images [n, H, W, 1 or 3] of the bands on display."""
        return imaging.to_display(self.pixels[which], self.display_bands)

    def rgb(self, which: slice | np.ndarray = slice(None)) -> np.ndarray:
        """8-bit RGB [n, H, W, 3] of the bands on display, for networks that see colour; grey is repeated."""
        return np.repeat(shown, 3, axis=-1) if (shown := self.shown(which)).shape[-1] == 1 else shown

    @property
    def shown_bands(self) -> str:
        """Which bands an RGB network sees, in words: `red, green, blue`."""
        return ", ".join(self.bands[band] for band in self.display_bands)
