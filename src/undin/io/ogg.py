"""Ogg files as pages (RFC 3533): recordings that were joined end to end, and the page with the tags.

libsndfile decodes the first of several recordings in a row ("chained" Ogg, as radio streams and `cat` make it) and says
nothing of the others; so `links` finds where each begins.
"""

import re
import struct
from collections.abc import Iterator
from typing import IO

READ_BYTES = 2**20
HEAD_BYTES = 27
FIRST_PAGE = re.compile(rb"OggS\x00[\x02\x06]")
"""A page that begins a stream, and perhaps ends it too."""


def links(file: IO[bytes], *, size: int) -> list[tuple[int, int]]:
    """Return offset and length, bytes, of each recording in an Ogg file of `size` bytes; one for most files.

    Streams that run side by side, such as sound and pictures, begin on pages next to each other and are one recording.
    """
    starts: list[int] = []
    end_of_last = 0
    for offset in _first_pages(file):
        page = _read_page(file, offset)
        if page is None:
            continue
        if offset != end_of_last or not starts:
            starts.append(offset)
        end_of_last = offset + len(page)
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def _first_pages(file: IO[bytes]) -> Iterator[int]:
    """Where pages seem to begin a stream."""
    offset, kept = 0, b""
    while True:
        file.seek(offset)
        data = file.read(READ_BYTES)
        if not data:
            return
        text = kept + data
        for match in FIRST_PAGE.finditer(text):
            yield offset - len(kept) + match.start()
        kept = text[-5:]
        offset += len(data)


def _read_page(file: IO[bytes], offset: int) -> bytes | None:
    """The page at `offset`; None where none is, or a damaged one."""
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or not head.startswith(b"OggS"):
        return None
    lacing = file.read(head[26])
    page = head + lacing + file.read(sum(lacing))
    return page if len(page) == HEAD_BYTES + len(lacing) + sum(lacing) and _checksum(page) == page[22:26] else None


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


CRC_TABLE = _crc_table()


def _checksum(page: bytes) -> bytes:
    """The four bytes that a page must have at 22: its CRC with those four as zero."""
    crc = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        crc = (crc << 8 & 0xFFFFFFFF) ^ CRC_TABLE[crc >> 24 ^ byte]
    return struct.pack("<I", crc)
