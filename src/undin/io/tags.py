"""What stands beside the samples of a file (tags, pictures, cue points), taken from one and put into another.

It is copied as bytes, within one family of containers; nothing here knows what a title is. What cannot be copied is
named by `lost`. MP3 has ID3 and APE tags around its frames, FLAC metadata blocks in front of them, Ogg a packet of
comments (`ogg.py`), NIST Sphere lines of text (`nist.py`), VOC blocks, and all others chunks (`chunks.py`).
"""

import io
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from undin.io import chunks, mp3, nist, ogg
from undin.io.chunks import Chunks
from undin.io.formats import AudioInfo

STRUCTURE = {b"fmt ", b"fact", b"ds64", b"JUNK", b"junk", b"FLLR", b"PAD ", b"PEAK", b"desc", b"free", b"pakt", b"kuki",
             b"COMM", b"FVER", b"peak"}  # fmt: skip
"""Chunks that say how the samples lie, how loud they are, or fill space: a writer makes its own."""

FAMILY_OF_FORMAT = {
    "WAV": "WAV", "WAVEX": "WAV", "RF64": "WAV", "W64": "W64", "AIFF": "AIFF", "CAF": "CAF", "AU": "AU",
    "FLAC": "FLAC", "OGG": "OGG", "MP3": "MP3", "NIST": "NIST", "VOC": "VOC",
}  # fmt: skip

FAMILY_OF_MAGIC = {b"riff": "W64", b"FORM": "AIFF", b"caff": "CAF", b".snd": "AU", b"dns.": "AU"}

FLAC_BLOCKS = {2: b"application data", 4: b"tags", 5: b"cue sheet", 6: b"picture"}
"""Kinds of metadata blocks of FLAC that are kept: not its description, an index to the old frames, or filling."""

VOC_TEXT, VOC_BEFORE_SOUND = 5, {4, 6, 8}
"""Kinds of blocks of VOC: text, and others that may stand before the sound (marker, repetition, description)."""

WORDS = {
    b"LIST": "tags (LIST)", b"list": "tags (list)", b"bext": "broadcast data (bext)", b"cue ": "cue points",
    b"iXML": "iXML", b"smpl": "loops (smpl)", b"id3 ": "ID3 tags", b"ID3 ": "ID3 tags", b"MARK": "markers",
    b"mark": "markers", b"info": "tags (info)", b"chan": "loudspeakers (chan)", b"NAME": "name", b"AUTH": "author",
}  # fmt: skip
"""How parts are called in a sentence."""


@dataclass
class Beside:
    """What stands beside the samples of a file.

    Attributes
    ----------
    family : str
        Containers that can hold it: one of the values of `FAMILY_OF_FORMAT`, "" for none.
    before, after : list of pairs of bytes
        Name and content of each part, in front of the samples and behind them.
    magic, fmt : bytes
        Of WAV: how the file begins, and how it describes its samples (with the loudspeaker of each channel).
    source : str
        Of what PyAV reads: the file itself, whose other streams are copied.
    """

    family: str = ""
    before: list[tuple[bytes, bytes]] = field(default_factory=list)
    after: list[tuple[bytes, bytes]] = field(default_factory=list)
    magic: bytes = b""
    fmt: bytes = b""
    source: str = ""


def of_chunks(parts: Chunks) -> Beside:
    """Return what stands beside the samples in a file of chunks."""
    before, after = ([pair for pair in pairs if pair[0][:4] not in STRUCTURE] for pairs in (parts.before, parts.after))
    family = FAMILY_OF_MAGIC.get(parts.magic, "WAV")
    return Beside(family, before, after, parts.magic, parts.find(b"fmt ") or b"")


def of_media(path: str, info: AudioInfo, others: list[str]) -> Beside:
    """Return what stands beside the sound of a file that PyAV reads: its other streams, by their kinds."""
    return Beside(info.format, [(other.encode(), b"there") for other in others], source=path)


def of_file(file: IO[bytes], container: str, *, size: int) -> Beside:
    """Return what stands beside the samples in a file of `size` bytes without chunks; nothing where it is damaged."""
    read = READERS.get(container)
    try:
        return read(file, size) if read else Beside()
    except (struct.error, ValueError, IndexError):
        return Beside()


def put(path: str | os.PathLike[str], beside: Beside) -> None:
    """Put into a whole file what stood beside the samples of another of its family."""
    parts = beside.before + beside.after
    if parts and (write := WRITERS.get(beside.family)):
        with open(path, "r+b") as file:
            write(file, beside)


def lost(beside: Beside, *, container: str) -> str | None:
    """Return what of this a file of `container` cannot hold, in words; None where it holds all."""
    family = FAMILY_OF_FORMAT.get(container, container)
    kept = beside.family == family and (family in WRITERS or family == "WAV" or bool(beside.source))
    words = [
        WORDS.get(name[:4]) or name.decode("latin-1").strip()
        for name, content in ([] if kept else beside.before + beside.after)
        if content
    ]
    return ", ".join(dict.fromkeys(words)) or None


def _write_chunks(file: IO[bytes], beside: Beside) -> None:
    _replace_start(file, *chunks.with_parts(file, beside.before + beside.after))


def _read_flac(file: IO[bytes], size: int) -> Beside:
    kept = []
    for kind, content in _flac_blocks(file):
        if kind in FLAC_BLOCKS and not (kind == 4 and not _comments(content)[1]):
            kept.append((FLAC_BLOCKS[kind], content))
    return Beside("FLAC", kept)


def _flac_blocks(file: IO[bytes]) -> list[tuple[int, bytes]]:
    """Kind and content of all metadata blocks; the file stands at its first frame then."""
    file.seek(0)
    file.seek(mp3.tag_bytes(file.read(10)))
    if file.read(4) != b"fLaC":
        raise ValueError("no FLAC")
    blocks = []
    while True:
        head = file.read(4)
        content = file.read(int.from_bytes(head[1:], "big"))
        blocks.append((head[0] & 127, content))
        if head[0] & 128:
            return blocks


def _write_flac(file: IO[bytes], beside: Beside) -> None:
    blocks = _flac_blocks(file)
    end = file.tell()
    kinds = {name: kind for kind, name in FLAC_BLOCKS.items()}
    new = [block for block in blocks if block[0] != 4]
    ours = next((content for kind, content in blocks if kind == 4), bytes(8))
    old = next((content for name, content in beside.before if kinds[name] == 4), bytes(8))
    new.insert(1, (4, _with_vendor(old, ours)))
    new += [(kinds[name], content) for name, content in beside.before if kinds[name] != 4]
    head = b"fLaC"
    for index, (kind, content) in enumerate(new):
        last = 128 * (index == len(new) - 1)
        head += bytes([kind | last]) + len(content).to_bytes(3, "big") + content
    _replace_start(file, end, head)


def _comments(content: bytes) -> tuple[bytes, bytes]:
    """The encoder's name out of a block of Vorbis comments, and the list of comments behind it, "" for none."""
    (vendor_bytes,) = struct.unpack_from("<I", content)
    listed = content[4 + vendor_bytes :]
    (count,) = struct.unpack_from("<I", listed)
    return content[4 : 4 + vendor_bytes], listed if count else b""


def _with_vendor(comments: bytes, encoder: bytes) -> bytes:
    """A block of comments that names the encoder of another."""
    vendor = _comments(encoder)[0]
    return struct.pack("<I", len(vendor)) + vendor + (_comments(comments)[1] or bytes(4))


def _read_ogg(file: IO[bytes], size: int) -> Beside:
    comments = ogg.read_comments(file)
    return Beside("OGG", [(b"tags", comments)] if comments and _comments(comments)[1] else [])


def _write_ogg(file: IO[bytes], beside: Beside) -> None:
    ours = ogg.read_comments(file)
    if ours is not None:
        end, head, pages_more = ogg.with_comments(file, _with_vendor(beside.before[0][1], ours))
        if pages_more:
            ogg.renumber(file, end, pages_more)
        _replace_start(file, end, head)


def _read_mp3(file: IO[bytes], size: int) -> Beside:
    file.seek(0)
    front = mp3.tag_bytes(file.read(10))
    file.seek(0)
    before = [(b"ID3 tags", file.read(front))] if front else []
    after = []
    for name, offset, length in mp3.tags_behind(file, front=front, size=size):
        file.seek(offset)
        after.append((name.encode(), file.read(length)))
    return Beside("MP3", before, after)


def _write_mp3(file: IO[bytes], beside: Beside) -> None:
    file.seek(0, io.SEEK_END)
    file.write(b"".join(content for _, content in beside.after))
    _replace_start(file, 0, b"".join(content for _, content in beside.before))


def _read_nist(file: IO[bytes], size: int) -> Beside:
    lines = nist.read_fields(file)
    names = b", ".join(line.split()[0] for line in lines)
    return Beside("NIST", [(b"fields of its header (" + names + b")", b"\n".join(lines))] if lines else [])


def _write_nist(file: IO[bytes], beside: Beside) -> None:
    _replace_start(file, *nist.with_fields(file, beside.before[0][1].split(b"\n")))


def _read_voc(file: IO[bytes], size: int) -> Beside:
    file.seek(20)
    (offset,) = struct.unpack("<H", file.read(2))
    texts = []
    while offset + 4 < size:
        file.seek(offset)
        kind, *length = file.read(4)
        block_bytes = int.from_bytes(bytes(length), "little")
        if kind == VOC_TEXT:
            texts.append((b"text", file.read(block_bytes).rstrip(b"\0")))
        elif kind not in VOC_BEFORE_SOUND:
            break
        offset += 4 + block_bytes
    return Beside("VOC", texts)


def _replace_start(file: IO[bytes], end: int, start: bytes) -> None:
    """Put `start` in place of the first `end` bytes of a file, and move the rest."""
    size = file.seek(0, io.SEEK_END)
    shift, block = len(start) - end, 2**20
    places = range(end, size, block)
    for place in reversed(places) if shift > 0 else places:
        file.seek(place)
        data = file.read(min(block, size - place))
        file.seek(place + shift)
        file.write(data)
    file.truncate(size + shift)
    file.seek(0)
    file.write(start)


READERS: dict[str, Callable[[IO[bytes], int], Beside]] = {
    "FLAC": _read_flac, "OGG": _read_ogg, "MP3": _read_mp3, "NIST": _read_nist, "VOC": _read_voc,
}  # fmt: skip

WRITERS: dict[str, Callable[[IO[bytes], Beside], None]] = {
    "AIFF": _write_chunks, "CAF": _write_chunks, "W64": _write_chunks,
    "FLAC": _write_flac, "OGG": _write_ogg, "MP3": _write_mp3, "NIST": _write_nist,
}  # fmt: skip
"""Families whose files are written by libsndfile and completed here."""
