"""The classifier that looks for joins: it finds them where they are, and only there."""

import numpy as np
import pytest
from scipy import ndimage

from progan_tf.errors import InputError
from progan_tf.metrics import join_classifier

SIDE = 64


def textures(count: int, seed: int = 0) -> np.ndarray:
    """Smooth noise uint8 [count, 64, 64, 3], each of another colour and contrast."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((count, SIDE, SIDE, 3)), (0, 1.5, 1.5, 0), mode="wrap")
    scale, shift = rng.uniform(40, 160, (count, 1, 1, 1)), rng.uniform(90, 160, (count, 1, 1, 3))
    return np.clip(smooth * scale + shift, 0, 255).astype(np.uint8)


def halves(count: int) -> np.ndarray:
    """Masks with one half known, each from another side."""
    half = np.arange(SIDE) < SIDE // 2
    known = np.broadcast_to(half, (SIDE, SIDE))
    return np.stack([np.rot90(known, number % 4) for number in range(count)])


def test_area_under_curve_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.4
    pairs = scores[positive][:, None] - scores[~positive]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert join_classifier.area_under_curve(scores, positive) == pytest.approx(expected)


def test_squares_have_joins_down_their_middle_or_none():
    count = 12
    images = np.where(halves(count)[..., None], np.uint8(10), np.uint8(200))
    found = join_classifier.squares(images, halves(count))
    assert found.pixels.shape == (4 * count, 32, 32, 1) and found.joined.sum() == 2 * count
    for pixels, joined in zip(found.pixels[..., 0], found.joined, strict=True):
        assert (pixels == pixels[0]).all()  # what changes does so across, not along
        assert (pixels[0, 15] != pixels[0, 16]) == joined
        assert len(set(pixels[0].tolist())) == 1 + joined
    without = found.pixels[~found.joined][:, 0, 0, 0]
    assert (without == 10).sum() == (without == 200).sum()  # from either side
    assert set(found.image.tolist()) == set(range(count))


def test_joins_are_found_where_they_are():
    images, known = textures(160), halves(160)
    pasted = np.where(known[..., None], images, textures(160, seed=1))
    assert join_classifier.area(images, known) == pytest.approx(0.5, abs=0.1)
    found = join_classifier.area(pasted, known)
    assert found > 0.95
    assert join_classifier.area(pasted, known) == found


def test_few_windows_are_refused():
    with pytest.raises(InputError, match=r"needs 8 windows .* there are 7"):
        join_classifier.area(textures(7), halves(7))
    with pytest.raises(InputError, match="there are 0"):
        join_classifier.area(textures(20), np.ones((20, SIDE, SIDE), bool))
