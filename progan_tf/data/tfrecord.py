"""The TFRecord container, as far as writing it goes.

A record is its length (uint64, little-endian), the masked CRC-32C of these eight bytes, its bytes, and their masked
CRC-32C (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
"""

import struct
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


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
