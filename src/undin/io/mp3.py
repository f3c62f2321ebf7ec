"""MP3 files as frames (ISO 11172-3, 13818-3): whether they say how long they are, and the tags around the sound."""

import struct
from typing import NamedTuple

from undin.io.pipe import Source

KBIT_PER_S = {
    "1/1": (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    "1/2": (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    "1/3": (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "2/1": (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    "2/2": (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    "2/3": (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rate by version and layer, and the number in a frame's header."""

RATES_HZ = {"1": (44_100, 48_000, 32_000), "2": (22_050, 24_000, 16_000), "2.5": (11_025, 12_000, 8_000)}
SEARCH_BYTES = 2**16
"""So far behind the tags the first frame is looked for."""

TAIL_BYTES = 4096
"""Less than this behind the stated end is no second file."""

LENGTH_MARKS = (b"Xing", b"Info", b"VBRI")
"""What the first frame holds where it states the length, in place of sound."""


class Frame(NamedTuple):
    """What the header of a frame says: version of MPEG, layer, rate in Hz, bits/s and its length in bytes."""

    version: str
    layer: int
    sample_rate: int
    bits_per_s: int
    size: int


def read_frame(head: bytes) -> Frame | None:
    """Return what the four bytes of a frame's header say; None where they are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = ("2.5", None, "2", "1")[head[1] >> 3 & 3], 4 - (head[1] >> 1 & 3)
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version is None or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    bits_per_s = 1000 * KBIT_PER_S[f"{version[0]}/{layer}"][bit_rate]
    sample_rate = RATES_HZ[version][rate]
    if layer == 1:
        return Frame(version, layer, sample_rate, bits_per_s, (12 * bits_per_s // sample_rate + padding) * 4)
    slots = 72 if layer == 3 and version != "1" else 144
    return Frame(version, layer, sample_rate, bits_per_s, slots * bits_per_s // sample_rate + padding)


def tag_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag that begins with these ten bytes, 0 where none does."""
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)  # a footer repeats the header


def first_frame(file: Source) -> tuple[int, Frame] | None:
    """Find the first of three frames in a row: its place in the file, and its header. None where there is none."""
    start = 0
    file.seek(0)
    while size := tag_bytes(file.read(10)):
        start += size
        file.seek(start)
    file.seek(start)
    data = file.read(SEARCH_BYTES)
    offset = data.find(b"\xff") if not data.startswith(b"fLaC") else -1
    while offset >= 0:
        first = frame = read_frame(data[offset : offset + 4])
        next_offset = offset
        for _ in range(2):
            if frame is None:
                break
            next_offset += frame.size
            if next_offset + 4 <= len(data):
                frame = read_frame(data[next_offset : next_offset + 4])
                frame = frame if frame and frame[:3] == first[:3] else None
        if frame:
            return start + offset, first
        offset = data.find(b"\xff", offset + 1)
    return None


def unstated(file: Source, *, size: int) -> int | None:
    """Return where to read from an MP3 file whose length libsndfile would guess, or take from one part of it.

    It guesses from the bit rate where no frame states the length, and plays no further than was stated where files were
    joined. It does neither with what comes through a pipe; a frame that states too little must be left out.

    Parameters
    ----------
    file : binary file
    size : int
        Its length, bytes.

    Returns
    -------
    int or None
        None where the file states its length, and for other files.
    """
    found = first_frame(file)
    if found is None:
        return None
    offset, frame = found
    stated = _stated(file, offset, frame)
    if stated is None:
        return offset
    if stated.bytes is None:
        return None if stated.frames else offset
    joined = size - offset - stated.bytes > TAIL_BYTES and _goes_on(file, offset + stated.bytes)
    return offset + frame.size if joined or not stated.frames else None


def mean_bits_per_s(file: Source) -> tuple[int, bool] | None:
    """Return the bit rate of an MP3 file, without tags, and whether all frames have it; None where it tells none."""
    found = first_frame(file)
    if found is None or found[1].layer != 3:
        return None
    offset, frame = found
    stated = _stated(file, offset, frame)
    if stated is None or stated.mark == b"Info":
        return frame.bits_per_s, True
    if not stated.bytes or not stated.frames:
        return None
    seconds = stated.frames * (1152 if frame.version == "1" else 576) / frame.sample_rate
    return round(8 * stated.bytes / seconds), False


class _Stated(NamedTuple):
    """What a frame in place of sound states of those behind it: how many, else 0, and their bytes, else None."""

    mark: bytes
    frames: int
    bytes: int | None


def _stated(file: Source, offset: int, frame: Frame) -> _Stated | None:
    """What the first frame of a file states, None where that is sound."""
    file.seek(offset)
    content = file.read(frame.size)
    place, mark = next(((place, mark) for mark in LENGTH_MARKS if (place := content.find(mark)) > 0), (0, b""))
    if not mark:
        return None
    if mark == b"VBRI":
        size, frames = struct.unpack_from(">II", content.ljust(place + 18, b"\0"), place + 10)
        return _Stated(mark, frames, size)
    flags, frames, size = struct.unpack_from(">III", content.ljust(place + 16, b"\0"), place + 4)
    return _Stated(mark, frames if flags & 1 else 0, size if flags & 3 == 3 else None)


def tags_behind(file: Source, *, front: int, size: int) -> list[tuple[str, int, int]]:
    """Find the tags at the end of a file, of MP3 or others: what each is, where it begins and how long it is, bytes.

    Parameters
    ----------
    file : binary file
    front : int
        Where sound may begin at the soonest.
    size : int
        Length of the file, bytes.
    """
    found: list[tuple[str, int, int]] = []
    for name, begins, foot_bytes in (("ID3v1 tags", b"TAG", 128), ("APE tags", b"APETAGEX", 32)):
        file.seek(max(0, size - foot_bytes))
        foot = file.read(foot_bytes)
        tag_bytes = (foot_bytes if begins == b"TAG" else _ape_bytes(foot)) if foot.startswith(begins) else 0
        if 0 < tag_bytes <= size - front:
            size -= tag_bytes
            found.insert(0, (name, size, tag_bytes))
    return found


def _ape_bytes(foot: bytes) -> int:
    """Length of an APE tag, from its footer (https://wiki.hydrogenaud.io/index.php?title=APEv2_specification)."""
    if len(foot) < 24:
        return 0
    size, _, flags = struct.unpack_from("<III", foot, 12)
    return size + 32 * (flags >> 31)


def _goes_on(file: Source, offset: int) -> bool:
    """Whether there are frames behind `offset` too."""
    file.seek(offset)
    head = file.read(10)
    if size := tag_bytes(head):
        file.seek(offset + size)
        head = file.read(10)
    return read_frame(head) is not None or (head.startswith(b"TAG") and _goes_on(file, offset + 128))
