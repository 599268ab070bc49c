"""Which tiles are there twice: to the pixel, or to the eye."""

from collections.abc import Sequence

from data_prep.look import likeness, perceptual_hash

# Pictures count as the same whose hashes differ in no more bits and which are at least so like each other. The hash
# alone takes one calm sea for another.
NEAR_BITS = 4
LEAST_LIKENESS = 0.95

_WORDS, _WORD_BITS = 4, 16
_FLIPS = (0, *(1 << bit for bit in range(_WORD_BITS)))


def exact(digests: Sequence[str]) -> dict[int, int]:
    """The later of equal digests, each with the first that has it."""
    first: dict[str, int] = {}
    return {number: first[d] for number, d in enumerate(digests) if first.setdefault(d, number) != number}


def near(looks: Sequence[str | None]) -> dict[int, int]:
    """Numbers that look like an earlier number which is kept, each with the first such; None looks like nothing.

    Hashes that differ in four bits at most agree in one of their four words, or differ by one bit in the first; only
    numbers for which that holds are compared.
    """
    hashes = [None if look is None else perceptual_hash(look) for look in looks]
    buckets: list[dict[int, list[int]]] = [{} for _ in range(_WORDS)]
    copies = {}
    for number, value in enumerate(hashes):
        if value is None:
            continue
        words = [value >> (_WORD_BITS * i) & (1 << _WORD_BITS) - 1 for i in range(_WORDS)]
        found = [buckets[0].get(words[0] ^ flip, ()) for flip in _FLIPS]
        found += [bucket.get(word, ()) for bucket, word in zip(buckets[1:], words[1:], strict=True)]
        close = {n for bucket in found for n in bucket if (hashes[n] ^ value).bit_count() <= NEAR_BITS}
        alike = [n for n in sorted(close) if likeness(looks[n], looks[number]) >= LEAST_LIKENESS]
        if alike:
            copies[number] = alike[0]
        else:
            for bucket, word in zip(buckets, words, strict=True):
                bucket.setdefault(word, []).append(number)
    return copies
