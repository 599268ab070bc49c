"""The birthday paradox test on one set of images, with what people said of its pairs."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.openlab_2019.contact_sheet import Neighbour
from progan_tf.metrics import birthday, verdicts
from progan_tf.metrics.birthday import Pair, Support
from progan_tf.metrics.images import Images
from progan_tf.metrics.verdicts import Verdicts


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """The closest pairs of each sample of a set, what was `said` of them, and which are `duplicates`.

    Both are by the numbers (i, j) of a pair.
    """

    images: Images
    samples: tuple[tuple[Pair, ...], ...]
    said: Mapping[tuple[int, int], str]
    duplicates: frozenset[tuple[int, int]]
    support: Support

    @property
    def open(self) -> int:
        """Pairs with features that nobody judged."""
        return sum(
            not pair.featureless and (pair.i, pair.j) not in self.said for pairs in self.samples for pair in pairs
        )

    def as_json(self, real: Images, neighbours: Mapping[int, Neighbour]) -> dict[str, Any]:
        """All of it as plain JSON; what is infinite is None. `neighbours` are real images nearest to members."""
        support = {
            key: value if math.isfinite(value) else None for key, value in dataclasses.asdict(self.support).items()
        }
        return {
            "set": self.images.name,
            "support": support,
            "open": self.open,
            "samples": [[self._pair_as_json(pair, real, neighbours) for pair in pairs] for pairs in self.samples],
        }

    def _pair_as_json(self, pair: Pair, real: Images, neighbours: Mapping[int, Neighbour]) -> dict[str, Any]:
        nearest = [neighbours[member] for member in (pair.i, pair.j) if member in neighbours]
        return {
            **dataclasses.asdict(pair),
            "verdict": self.said.get((pair.i, pair.j)),
            "duplicate": (pair.i, pair.j) in self.duplicates,
            "nearest_real": [{"key": real.keys[near.index], **dataclasses.asdict(near)} for near in nearest],
        }


def judge(
    images: Images,
    samples: Sequence[tuple[Pair, ...]],
    sample_size: int,
    known: Verdicts,
    threshold: float | None,
) -> Judged:
    """The support of a set by the closest pairs of its samples of `sample_size`.

    Args:
        known: what people said; a pair they did not judge is a duplicate if its `mse` is at most the threshold.
    """
    pairs = {(pair.i, pair.j): pair for sample in samples for pair in sample}
    words = {numbers: verdicts.of(known, images.name, pair.keys) for numbers, pair in pairs.items()}
    said = {numbers: word for numbers, word in words.items() if word}
    duplicates = frozenset(
        numbers for numbers, pair in pairs.items() if birthday.is_duplicate(pair, said.get(numbers), threshold)
    )
    held = sum(any((pair.i, pair.j) in duplicates for pair in sample) for sample in samples)
    return Judged(images, tuple(samples), said, duplicates, birthday.support(held, len(samples), sample_size))
