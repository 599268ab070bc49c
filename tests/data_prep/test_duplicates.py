"""Copies to the pixel and to the eye, against brute force and on real tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_prep import duplicates, look


@given(digests=st.lists(st.sampled_from("abcdef")))
def test_of_equal_digests_the_first_is_kept(digests):
    expected = {i: digests.index(digest) for i, digest in enumerate(digests) if digests.index(digest) < i}
    assert duplicates.exact(digests) == expected


def made(value: int, strengths: list[int]) -> str:
    """A look of this hash and these frequencies."""
    return f"{value:016x}" + np.array(strengths, np.int8).tobytes().hex()


def by_brute_force(looks: list[str | None]) -> dict[int, int]:
    copies = {}
    for number, one in enumerate(looks):
        for earlier in range(number):
            if earlier in copies or one is None or looks[earlier] is None:
                continue
            differing = bin(int(one[:16], 16) ^ int(looks[earlier][:16], 16)).count("1")
            a, b = (np.frombuffer(bytes.fromhex(text[16:]), np.int8).astype(float) for text in (one, looks[earlier]))
            if differing <= 4 and a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= 0.95:
                copies[number] = earlier
                break
    return copies


SHAPES = [[127] + [0] * 62, [127, 30] + [0] * 61, [0, 127] + [0] * 61]  # the first two are alike


@settings(max_examples=200)
@given(
    tiles=st.lists(
        st.none()
        | st.tuples(st.sampled_from([0, 2**64 - 1, 0x0123456789ABCDEF]), st.sets(st.integers(0, 63), max_size=7),
                    st.sampled_from(SHAPES)),
        max_size=12,
    )
)  # fmt: skip
def test_near_copies_are_those_of_brute_force(tiles):
    looks = [tile and made(tile[0] ^ sum(1 << bit for bit in tile[1]), tile[2]) for tile in tiles]
    assert duplicates.near(looks) == by_brute_force(looks)


@given(bits=st.sets(st.integers(0, 63), min_size=1, max_size=6), value=st.integers(0, 2**64 - 1))
def test_hashes_are_near_up_to_four_bits_wherever_these_lie(bits, value):
    other = value ^ sum(1 << bit for bit in bits)
    looks = [made(value, SHAPES[0]), made(other, SHAPES[0])]
    assert duplicates.near(looks) == ({1: 0} if len(bits) <= 4 else {})


def test_a_chain_of_changes_is_measured_from_the_one_that_is_kept():
    steps = [0b0, 0b111, 0b111111, 0b111111111]  # three bits from one to the next
    looks = [made(value, SHAPES[0]) for value in steps]
    assert duplicates.near(looks) == {1: 0, 3: 2}


def test_hashes_alone_do_not_make_pictures_the_same():
    assert duplicates.near([made(0, SHAPES[0]), made(0, SHAPES[2])]) == {}


@pytest.mark.parametrize("folder", ["tiles256", "tiles64"])
@pytest.mark.slow
def test_no_two_different_real_tiles_are_taken_for_the_same(folder, request):
    paths = sorted(request.getfixturevalue(folder).glob("*.jpg"))
    looks = [look.describe(np.asarray(Image.open(path))) for path in paths]
    assert duplicates.near(looks) == {}


def test_flat_real_tiles_that_the_hash_confuses_stay_apart(tiles64):
    names = ("River_1476", "SeaLake_681", "Residential_415", "SeaLake_2266", "SeaLake_1284", "SeaLake_1714")
    looks = [look.describe(np.asarray(Image.open(tiles64 / f"eurosat_{name}.jpg"))) for name in names]
    hashes = list(map(look.perceptual_hash, looks))
    for one in (0, 2, 4):
        assert (hashes[one] ^ hashes[one + 1]).bit_count() <= duplicates.NEAR_BITS
    assert duplicates.near(looks) == {}
