"""PNGs by kornia-rs: whatever the file, sound or damaged, the outcome is Pillow's."""

import functools
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from data_prep.sources import decoding
from data_prep.sources.folder import Folder
from data_prep.sources.source import Form, UnusableFile
from tests.damage import damaged

pytest.importorskip("kornia_rs", reason="the extra [fast]")

SIDE = 19  # no multiple of what processors take at once
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
KINDS = [
    *((bits, 0) for bits in (1, 2, 4, 8, 16)),
    *((bits, 3) for bits in (1, 2, 4, 8)),
    *((bits, kind) for kind in (2, 4, 6) for bits in (8, 16)),
]
ANCILLARY = {
    "gamma": (b"gAMA", struct.pack(">I", 100000)),
    "significant bits": (b"sBIT", b"\5\6\5"),
    "transparent colour": (b"tRNS", bytes(6)),
    "orientation": (b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    "background": (b"bKGD", bytes(6)),
}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    rng: np.random.Generator,
    bits: int = 8,
    kind: int = 2,
    interlaced: bool = False,
    more: tuple = (),
    spoil_rows: Callable[[bytes], bytes] = bytes,
    spoil_packed: Callable[[bytes], bytes] = bytes,
) -> bytes:
    """A PNG of random bytes, each row under a random one of the five filters: such bytes are pixels, whatever they are.

    What is spoilt is spoilt beneath all checksums above it.
    """
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    content = bytearray()
    for top, left, down, right in passes:
        height, width = len(range(top, SIDE, down)), len(range(left, SIDE, right))
        for _ in range(height):
            content += bytes([rng.integers(5)]) + rng.bytes((width * CHANNELS[kind] * bits + 7) // 8)
    packed = spoil_packed(zlib.compress(spoil_rows(bytes(content))))
    half = len(packed) // 2
    chunks = [(b"IHDR", struct.pack(">2I5B", SIDE, SIDE, bits, kind, 0, 0, interlaced)), *more]
    chunks += [(b"PLTE", rng.bytes(3 * 256 if bits == 8 else 3 << bits))] if kind == 3 else []
    chunks += [(b"IDAT", packed[:half]), (b"IDAT", packed[half:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def idat(content: bytes) -> bytes:
    """The compressed rows of a PNG, from however many chunks."""
    found, position = b"", 8
    while position < len(content):
        length = int.from_bytes(content[position : position + 4])
        if content[position + 4 : position + 8] == b"IDAT":
            found += content[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def unfiltered(rows: bytes, channels: int) -> np.ndarray:
    """Pixels [SIDE, SIDE, channels] of rows with their filter types, by the definition (W3C PNG, section 9.2)."""
    length = SIDE * channels
    out = np.zeros((SIDE + 1, channels + length), int)
    for y in range(1, SIDE + 1):
        kind, *given = rows[(y - 1) * (length + 1) : y * (length + 1)]
        for x, value in enumerate(given, channels):
            a, b, c = out[y, x - channels], out[y - 1, x], out[y - 1, x - channels]
            distances = [abs(b - c), abs(a - c), abs(a + b - 2 * c)]
            paeth = (a, b, c)[distances.index(min(distances))]
            out[y, x] = (value + (0, a, b, (a + b) // 2, paeth)[kind]) % 256
    return out[1:, channels:].reshape(SIDE, SIDE, channels).astype(np.uint8)


def damaged_and_vouched_for(rng: np.random.Generator, stream: bytes) -> bytes:
    """A damaged zlib stream with the Adler-32 of what it unpacks to, if to anything: kornia-rs does not look at it."""
    packed = damaged(rng, stream)
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = unpacking.decompress(packed[2:])
    except zlib.error:
        return packed
    end = len(packed) - len(unpacking.unused_data)
    return packed[:end] + struct.pack(">I", zlib.adler32(content)) if unpacking.eof else packed


def both_ways(monkeypatch, folder, content: bytes, form: Form) -> list:
    """What becomes of a file with kornia-rs and without it: its pixels, or why not."""
    (folder / "x.png").write_bytes(content)
    source, outcomes = Folder(str(folder), 8, "crop"), []
    for decode in (decoding.decode_image_png_u8, None):
        with monkeypatch.context() as patch:
            patch.setattr(decoding, "decode_image_png_u8", decode)
            try:
                outcomes.append([tile.pixels.tobytes() for tile in source.read("x.png", 0, form)])
            except UnusableFile as error:
                outcomes.append(str(error))
    return outcomes


GREY, RGB = Form(("grey",), (0,), "uint8"), Form(("red", "green", "blue"), (0, 1, 2), "uint8")


@pytest.mark.parametrize(("kind", "mode"), [(0, "L"), (2, "RGB")])
def test_plain_pngs_are_decoded_quickly_to_what_the_definition_says(kind, mode):
    for seed in range(10):
        content = png(np.random.default_rng(seed), kind=kind)
        with Image.open(io.BytesIO(content)) as image:
            quick = decoding._quickly(image)
            whole = zlib.decompress(idat(content))
            np.testing.assert_array_equal(quick, unfiltered(whole, CHANNELS[kind]))
            np.testing.assert_array_equal(decoding.pixels(image, mode), quick)  # the stream is where it was


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("bits", "kind"), KINDS)
@pytest.mark.parametrize("form", [GREY, RGB], ids=["grey", "rgb"])
def test_every_kind_of_png_has_the_same_outcome_both_ways(tmp_path, monkeypatch, bits, kind, interlaced, form):
    for seed in range(4):
        content = png(np.random.default_rng(seed), bits, kind, interlaced)
        quick, plain = both_ways(monkeypatch, tmp_path, content, form)
        assert quick == plain
        assert bits == 16 or isinstance(plain, list)


@pytest.mark.parametrize("name", ANCILLARY)
def test_chunks_that_speak_of_colours_change_no_pixel(tmp_path, monkeypatch, name):
    plain = both_ways(monkeypatch, tmp_path, png(np.random.default_rng(0)), RGB)
    assert both_ways(monkeypatch, tmp_path, png(np.random.default_rng(0), more=(ANCILLARY[name],)), RGB) == plain


def check_damaged(folder, monkeypatch, seeds: range) -> tuple[int, int]:
    """Damages a file a seed, or what its checksums vouch for; returns how many were read and how many refused."""
    read = refused = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        kind, interlaced = int(rng.choice([2, 2, 0, 6])), bool(rng.integers(4) == 0)
        if seed % 3 == 0:
            content = damaged(rng, png(rng, 8, kind, interlaced))
        elif seed % 3 == 1:
            content = png(rng, 8, kind, interlaced, spoil_rows=functools.partial(damaged, rng))
        else:
            content = png(rng, 8, kind, interlaced, spoil_packed=functools.partial(damaged_and_vouched_for, rng))
        quick, plain = both_ways(monkeypatch, folder, content, RGB)
        assert quick == plain, seed
        read, refused = read + isinstance(plain, list), refused + isinstance(plain, str)
    return read, refused


def test_damaged_pngs_have_the_same_outcome_both_ways(tmp_path, monkeypatch):
    read, refused = check_damaged(tmp_path, monkeypatch, range(3000))
    assert min(read, refused) > 100


@pytest.mark.slow
def test_many_more_damaged_pngs_have_the_same_outcome_both_ways(tmp_path, monkeypatch):
    read, refused = check_damaged(tmp_path, monkeypatch, range(3000, 60000))
    assert min(read, refused) > 1000
