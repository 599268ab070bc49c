"""Features on disk: found again for the same images through the same network, and only then."""

import dataclasses

import numpy as np
import pytest

from progan_tf.metrics.features import Cached
from progan_tf.metrics.images import Images


@dataclasses.dataclass
class Counting:
    """Mean colour, and how often it was computed."""

    name: str = "mean colour clean"
    digest: str = "0" * 64
    calls: int = 0

    def __call__(self, images: Images) -> np.ndarray:
        self.calls += 1
        return images.rgb().mean(axis=(1, 2), dtype=np.float32)


@pytest.fixture
def images() -> Images:
    return Images.of("noise", np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8))


@pytest.fixture
def cached(tmp_path) -> Cached:
    return Cached(Counting(), tmp_path / "not" / "yet")


def test_the_second_time_nothing_is_computed(cached, images):
    first = cached(images)
    again = Cached(cached.extractor, cached.folder)(Images.of("copy", images.pixels.copy()))
    np.testing.assert_array_equal(first, Counting()(images))
    np.testing.assert_array_equal(again, first)
    assert cached.extractor.calls == 1
    assert list(cached.folder.iterdir()) == [cached.path(images)]  # and nothing half written


def test_it_is_the_extractor_to_others(cached):
    assert (cached.name, cached.digest) == ("mean colour clean", "0" * 64)


def test_other_images_are_computed(cached, images):
    changed = images.pixels.copy()
    changed[3, 2, 1, 0] ^= 1
    others = [images[::-1], images[:8], Images.of("changed", changed), dataclasses.replace(images, display_bands=(0,))]
    for number, other in enumerate([images, *others], start=1):
        np.testing.assert_array_equal(cached(other), Counting()(other))
        assert cached.extractor.calls == number


@pytest.mark.parametrize("other", [{"name": "mean colour legacy"}, {"digest": "1" * 64}])
def test_another_resize_or_network_computes_its_own(cached, images, other):
    cached(images)
    extractor = Counting(**other)
    Cached(extractor, cached.folder)(images)
    assert extractor.calls == 1


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_a_bit(content: bytes) -> bytes:
    damaged = bytearray(content)
    damaged[content.index(b"\n") + 5] ^= 4  # behind the header, among the numbers
    return bytes(damaged)


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, lambda content: b"", lambda content: b"features"])
def test_a_damaged_entry_is_made_anew(cached, images, damage):
    expected = cached(images)
    path = cached.path(images)
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(cached(images), expected)
    assert cached.extractor.calls == 2
    np.testing.assert_array_equal(cached(images), expected)
    assert cached.extractor.calls == 2


def test_an_entry_of_other_contents_is_made_anew(cached, images):
    cached(images)
    for contents in ({"features": np.zeros((3, 3))}, {"others": np.zeros((9, 3))}):
        np.savez(cached.path(images), **contents)
        np.testing.assert_array_equal(cached(images), Counting()(images))
    assert cached.extractor.calls == 3
