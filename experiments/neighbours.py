"""The real images nearest to generated ones."""

from collections.abc import Iterable

from data_prep.progress import Progress, Silent
from progan_tf.metrics import symmetries
from progan_tf.metrics.images import Images
from progan_tf.metrics.pictures import Neighbour

_ROWS = 64  # images whose neighbours are looked for at once


def neighbours(
    images: Images, members: Iterable[int], real: Images, progress: type[Progress] = Silent
) -> dict[int, Neighbour]:
    """The real image nearest to each of some images, `members`, by their numbers."""
    members, found = sorted(set(members)), {}
    with progress("nearest real images", len(members), "images") as shown:
        for start in range(0, len(members), _ROWS):
            some = members[start : start + _ROWS]
            near = symmetries.nearest(images.pixels[some], real.pixels)
            columns = zip(near.index.tolist(), near.symmetry.tolist(), near.mse.tolist(), strict=True)
            found |= {member: Neighbour(*column) for member, column in zip(some, columns, strict=True)}
            shown.advance(len(some))
    return found
