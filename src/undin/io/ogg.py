"""Ogg files as pages (RFC 3533): recordings that were joined end to end, and the page with the tags.

libsndfile decodes the first of several recordings in a row ("chained" Ogg, as radio streams and `cat` make it) and says
nothing of the others; so `links` finds where each begins.
"""

import re
import struct
from collections.abc import Iterator
from functools import cache, reduce
from operator import xor
from typing import IO

READ_BYTES = 2**20
HEAD_BYTES = 27
COMMENT_PREFIXES = (b"\3vorbis", b"OpusTags")
MAX_PAGE_BYTES = HEAD_BYTES + 255 + 255 * 255
LAST_PAGE = 4
"""The flag of a page that ends its stream."""

MAX_HEADER_PAGES = 1_000
"""64 MB of pictures."""

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


def is_ended(file: IO[bytes], *, size: int) -> bool:
    """Whether the last page of an Ogg file of `size` bytes is whole, and marked as the last of its stream."""
    start = max(0, size - MAX_PAGE_BYTES)
    file.seek(start)
    tail = file.read(MAX_PAGE_BYTES)
    place = tail.rfind(b"OggS\0")
    page = _read_page(file, start + place) if place >= 0 else None
    return page is not None and bool(page[5] & LAST_PAGE)


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


def read_comments(file: IO[bytes]) -> bytes | None:
    """Return the block of Vorbis comments of an Ogg Vorbis or Opus file; None where it has none, or is damaged."""
    packet = _header_packets(file)[0]
    prefix = next((prefix for prefix in COMMENT_PREFIXES if packet and packet[0].startswith(prefix)), None)
    return None if prefix is None else packet[0][len(prefix) :].removesuffix(b"\1" if prefix[0] == 3 else b"")


def sound_offset(file: IO[bytes]) -> int:
    """Return where sound begins in an Ogg Vorbis or Opus file, bytes; 0 where it is damaged before."""
    return _header_packets(file)[2]


def with_comments(file: IO[bytes], comments: bytes) -> tuple[int, bytes, int]:
    """Return what an Ogg file must begin with to have other comments.

    Returns
    -------
    end : int
        How many of its bytes this takes the place of.
    head : bytes
    pages_more : int
        By how many pages it is longer, so that those behind `end` must be renumbered.
    """
    packets, first_page, end, pages = _header_packets(file)
    prefix = next(prefix for prefix in COMMENT_PREFIXES if packets[0].startswith(prefix))
    packets[0] = prefix + comments + (b"\1" if prefix[0] == 3 else b"")  # Vorbis ends them with a bit
    serial = first_page[14:18]
    lacing, body, bounds = b"", b"".join(packets), []
    for packet in packets:
        lacing += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
        bounds.append(len(lacing))
    head, sequence, place = first_page, 1, 0
    for start in range(0, len(lacing), 255):
        part = lacing[start : start + 255]
        page_body = body[place : place + sum(part)]
        place += len(page_body)
        ends = any(start < bound <= start + len(part) for bound in bounds)
        continued = 0 if start == 0 or start in bounds else 1
        granule = bytes(8) if ends else b"\xff" * 8  # where no packet ends on a page
        page = b"OggS\0" + bytes([continued]) + granule + serial + struct.pack("<I", sequence) + bytes(4)
        head += _signed(page + bytes([len(part)]) + part + page_body)
        sequence += 1
    return end, head, sequence - 1 - pages


def renumber(file: IO[bytes], offset: int, pages_more: int) -> None:
    """Add to the numbers of all pages from `offset` on.

    The checksum is linear: that of the change alone, followed by as many zeros as bytes come behind the number, is what
    it changes by.
    """
    while True:
        file.seek(offset)
        head = file.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES or not head.startswith(b"OggS"):
            return
        lacing = file.read(head[26])
        number, checksum = struct.unpack_from("<II", head, 18)
        changed = struct.pack("<I", number + pages_more)
        crc = _crc(bytes(old ^ new for old, new in zip(head[18:22], changed, strict=True)))
        crc = _followed_by_zeros(crc, HEAD_BYTES - 22 + len(lacing) + sum(lacing))
        file.seek(offset + 18)
        file.write(changed + struct.pack("<I", checksum ^ crc))
        offset += HEAD_BYTES + len(lacing) + sum(lacing)


def _header_packets(file: IO[bytes]) -> tuple[list[bytes], bytes, int, int]:
    """Packets behind the first page of a file, up to where sound begins: packets, that page, their end, their pages."""
    first_page = _read_page(file, 0)
    if first_page is None:
        return [], b"", 0, 0
    count = 2 if b"vorbis" in first_page[:64] else 1
    packets: list[bytes] = []
    open_packet, offset, pages = b"", len(first_page), 0
    while len(packets) < count and pages < MAX_HEADER_PAGES:
        page = _read_page(file, offset)
        if page is None or page[14:18] != first_page[14:18]:
            return [], b"", 0, 0
        place = HEAD_BYTES + page[26]
        for length in page[HEAD_BYTES:place]:
            open_packet += page[place : place + length]
            place += length
            if length < 255:
                packets.append(open_packet)
                open_packet = b""
        offset += len(page)
        pages += 1
    return packets[:count], first_page, offset, pages


def _read_page(file: IO[bytes], offset: int) -> bytes | None:
    """The page at `offset`; None where none is, or a damaged one."""
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or not head.startswith(b"OggS"):
        return None
    lacing = file.read(head[26])
    page = head + lacing + file.read(sum(lacing))
    return page if len(page) == HEAD_BYTES + len(lacing) + sum(lacing) and _signed(page) == page else None


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


CRC_TABLE = _crc_table()


def _signed(page: bytes) -> bytes:
    """A page with the checksum that it must have, which is made with zeros in its place."""
    return page[:22] + struct.pack("<I", _crc(page[:22] + bytes(4) + page[26:])) + page[26:]


def _crc(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFFFFFF) ^ CRC_TABLE[crc >> 24 ^ byte]
    return crc


@cache
def _shifted(power: int) -> list[int]:
    """What each bit of a checksum becomes by 2^power bytes of zeros."""
    if power == 0:
        return [(1 << bit << 8 & 0xFFFFFFFF) ^ CRC_TABLE[1 << bit >> 24] for bit in range(32)]
    half = _shifted(power - 1)
    return [_apply(half, value) for value in half]


def _apply(columns: list[int], value: int) -> int:
    return reduce(xor, (column for bit, column in enumerate(columns) if value >> bit & 1), 0)


def _followed_by_zeros(crc: int, count: int) -> int:
    """The checksum of what has the checksum `crc` and `count` zeros behind it."""
    for power in range(count.bit_length()):
        if count >> power & 1:
            crc = _apply(_shifted(power), crc)
    return crc
