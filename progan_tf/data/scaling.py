"""How physical values were mapped to pixels, and the way back."""

import dataclasses
from typing import Any

import numpy as np

from progan_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Per band, `low` becomes 0 and `high` the largest pixel of the dtype; in between it is linear.

    `mode` says where the ranges come from: `bands` or `joint` percentiles, or a `range` that was given.
    """

    mode: str
    low: tuple[float, ...]
    high: tuple[float, ...]

    def to_pixels(self, values: np.ndarray, dtype: str) -> np.ndarray:
        """Values [..., C] of any number type as pixels of `dtype`, rounded half to even, clipped; NaN becomes 0."""
        low, high = (np.asarray(limit, np.float64) for limit in (self.low, self.high))
        top = np.iinfo(dtype).max
        factor = (top / (high - low)).astype(np.float32)
        # The difference in double precision where single would lose it; the rest is of the order of a pixel.
        shifted = (values - low.astype(np.float32)) if values.itemsize <= 2 else (values - low).astype(np.float32)
        return np.rint(np.clip(np.nan_to_num(shifted * factor), 0, top)).astype(dtype)

    def to_physical(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels [..., C] uint8 or uint16 as physical values, float32."""
        low, high = (np.asarray(limit, np.float64) for limit in (self.low, self.high))
        return (low + pixels * ((high - low) / np.iinfo(pixels.dtype).max)).astype(np.float32)

    def after(self, earlier: "Scaling", dtype: str) -> "Scaling":
        """This scaling of pixels of `dtype` that `earlier` made, as one from the physical values themselves."""
        low, high = (
            tuple(
                first + value * (last - first) / np.iinfo(dtype).max
                for first, last, value in zip(earlier.low, earlier.high, limit, strict=True)
            )
            for limit in (self.low, self.high)
        )
        return Scaling(self.mode, low, high)

    def as_dict(self) -> dict[str, Any]:
        return {"mode": self.mode, "low": list(self.low), "high": list(self.high)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Scaling":
        """Raises InputError where the fields are not those of `as_dict`."""
        try:
            return cls(fields["mode"], tuple(map(float, fields["low"])), tuple(map(float, fields["high"])))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"scaling {fields} has no mode, low and high; convert or export again") from error
