"""The TFRecord container: records appended one by one, and any one read by where it begins.

A record is its length (uint64, little-endian), the masked CRC-32C of these eight bytes, its bytes, and their masked
CRC-32C (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
"""

import struct
from collections.abc import Iterator
from typing import IO

import google_crc32c

HEADER_BYTES = 12  # length and its checksum
FRAME_BYTES = 16  # these and the checksum of the record


def write(file: IO[bytes], record: bytes) -> None:
    """Appends a record to a file that is open for writing."""
    length = struct.pack("<Q", len(record))
    file.write(length + _masked_crc(length))
    file.write(record)
    file.write(_masked_crc(record))


def read(file: IO[bytes], start: int) -> bytes:
    """The record whose frame begins at byte `start`. Raises ValueError where a checksum fails or the file ends."""
    file.seek(start)
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or _masked_crc(header[:8]) != header[8:]:
        raise ValueError(f"no record begins at byte {start:,}")
    length = _length(header)
    record, crc = file.read(length), file.read(FRAME_BYTES - HEADER_BYTES)
    if len(record) < length or _masked_crc(record) != crc:
        raise ValueError(f"the checksum of the record at byte {start:,} is wrong")
    return record


def frames(file: IO[bytes], size: int) -> Iterator[tuple[int, int | None]]:
    """(start, end) of each record's frame in a file of `size` bytes, by the length fields alone.

    The end is None where the file is short, and then comes nothing more.
    """
    start = 0
    while start < size:
        file.seek(start)
        header = file.read(HEADER_BYTES)
        end = start + FRAME_BYTES + _length(header) if len(header) == HEADER_BYTES else size + 1
        if end > size:
            yield start, None
            return
        yield start, end
        start = end


def _length(header: bytes) -> int:
    return struct.unpack("<Q", header[:8])[0]


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
