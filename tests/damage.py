"""What happens to files: bits flip, ends are cut off, stretches get lost."""

import numpy as np


def damaged(rng: np.random.Generator, content: bytes) -> bytes:
    """One to four bits or bytes changed, the end cut off, or a stretch left out or doubled."""
    data = bytearray(content)
    how = rng.integers(5)
    if how <= 1:
        early = rng.integers(2)  # every other time where the header is
        for _ in range(rng.integers(1, 5)):
            where = rng.integers(min(len(data), 64) if early else len(data))
            data[where] = data[where] ^ (1 << rng.integers(8)) if how else rng.integers(256)
    elif how == 2:
        del data[rng.integers(len(data)) :]
    else:
        begin, end = sorted(rng.integers(0, len(data), 2))
        data[begin:end] = b"" if how == 3 else bytes(data[begin:end]) * 2
    return bytes(data)
