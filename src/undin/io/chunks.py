"""Files made of chunks (WAV, RF64, BW64, Wave64, AIFF, CAF): where their sound lies, whatever their headers promise.

A chunk is a name, a size and so many bytes. Recorders that are killed leave sizes that were never filled in, transfers
end early, and some programs forget the byte that should follow a chunk of odd size. So a size is believed only as far
as the file agrees with it: sound goes on to the end of the file where its size was never written, or where what follows
it is no chunk.

`LAYOUTS` is all that differs between the containers; `headers.py` reads what files say within their chunks.
"""

import io
import struct
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from undin.io.pipe import Source


class Layout(NamedTuple):
    """How a container writes its chunks.

    Attributes
    ----------
    order : str
        "<" where numbers have their lowest byte first, ">" where they have their highest first.
    id_bytes : int
        Length of a chunk's name; Wave64 has GUIDs that begin with the four letters.
    size : str
        The `struct` code of a chunk's size.
    counts_itself : bool
        Whether the size counts name and size too.
    align : int
        A chunk begins at a multiple of so many bytes, counted from the start of the file.
    first : int
        Where the first chunk begins, bytes from the start of the file.
    sound : bytes
        The name of the chunk with the samples.
    prefix_bytes : int
        How much else stands in that chunk before the samples.
    """

    order: str
    id_bytes: int
    size: str
    counts_itself: bool
    align: int
    first: int
    sound: bytes
    prefix_bytes: int = 0

    @property
    def head_bytes(self) -> int:
        """Length of name and size."""
        return self.id_bytes + struct.calcsize(self.order + self.size)


LAYOUTS = {
    b"RIFF": Layout("<", 4, "I", False, 2, 12, b"data"),
    b"RIFX": Layout(">", 4, "I", False, 2, 12, b"data"),
    b"RF64": Layout("<", 4, "I", False, 2, 12, b"data"),
    b"BW64": Layout("<", 4, "I", False, 2, 12, b"data"),
    b"riff": Layout("<", 16, "Q", True, 8, 40, b"data"),
    b"FORM": Layout(">", 4, "I", False, 2, 12, b"SSND", 8),
    b"caff": Layout(">", 4, "Q", False, 1, 8, b"data", 4),
}
"""By the first four bytes of a file."""

KINDS = {b"WAVE", b"wave", b"AIFF", b"AIFC"}
"""What a file must call itself behind its size (CAF does not): AVI and other things are made of chunks too."""

FAMILIAR = {b"data", b"fmt ", b"fact", b"LIST", b"bext", b"iXML", b"cue ", b"JUNK", b"id3 ", b"ID3 ", b"smpl", b"PEAK",
            b"SSND", b"COMM", b"MARK", b"INST", b"COMT", b"NAME", b"AUTH", b"ANNO", b"APPL"}  # fmt: skip
TRAILERS = (b"TAG", b"ID3", b"APETAGEX", b"RIFF", b"LYRICS")
"""How things begin that other programs hang on behind the last chunk."""

NEARLY = 2**16
"""Sizes so near to 2^31 or 2^32 are what programs write that do not know the size yet."""

MAX_HEADER_BYTES = 4096
"""libsndfile's own headers are shorter."""

MAX_CHUNKS = 10_000
MAX_IN_MEMORY = 64 * 2**20
"""Bytes of a chunk beside the sound that are read at most: larger ones are no header."""


class Chunk(NamedTuple):
    """A chunk of a file: its name of four letters (or 16 bytes), where its content begins, its size as stated."""

    id: bytes
    offset: int
    size: int


@dataclass
class Chunks:
    """What was found in a file.

    Attributes
    ----------
    magic : bytes
        The first four bytes.
    layout : Layout
    before, after : list
        Content of the chunks before the sound and of those behind it, in their order, as pairs of name and bytes.
    sound_prefix : bytes
        What else stands before the samples within their chunk.
    sound_offset : int
        Where the samples begin, bytes.
    sound_bytes : int or None
        How many bytes of them there are; None in a pipe that does not say.
    promised_bytes : int or None
        How many the header states, None where it states none.
    unfinished : bool
        Whether the size of the sound was never filled in, or is too small for what lies there.
    stated_after_bytes : int
        What a pipe should hold behind the sound, by the size that its header states for all of it.
    """

    magic: bytes
    layout: Layout
    before: list[tuple[bytes, bytes]] = field(default_factory=list)
    after: list[tuple[bytes, bytes]] = field(default_factory=list)
    sound_prefix: bytes = b""
    sound_offset: int = 0
    sound_bytes: int | None = None
    promised_bytes: int | None = None
    unfinished: bool = False
    stated_after_bytes: int = 0

    def find(self, name: bytes) -> bytes | None:
        """The content of the first chunk whose name begins so, None where there is none."""
        return next((content for id, content in self.before + self.after if id.startswith(name)), None)


def read_chunks(file: Source, *, size: int | None) -> Chunks | None:
    """Find the sound of a file, and what stands beside it.

    Parameters
    ----------
    file : binary file
        At its start.
    size : int or None
        Length of the file, bytes. None for a pipe, of which no more is read than what stands before the sound.

    Returns
    -------
    Chunks or None
        None where the file has no such sound, or is damaged before it.
    """
    magic = file.read(4)
    layout = LAYOUTS.get(magic)
    if layout is None:
        return None
    head = magic + file.read(layout.first - 4)
    kind = head[layout.first - layout.id_bytes :][:4]
    if magic != b"caff" and kind not in KINDS:
        return None
    found = Chunks(magic, layout)
    offset = layout.first
    for _ in range(MAX_CHUNKS):
        chunk = _chunk(file, layout, offset)
        if chunk is None:
            return None
        if chunk.id[:4] == layout.sound:
            break
        content = file.read(min(chunk.size, MAX_IN_MEMORY))
        if len(content) < chunk.size:
            return None  # the file ends within its header, or its header is nonsense
        found.before.append((chunk.id, content))
        offset = _next(file, layout, chunk)
        file.seek(offset)
    else:
        return None
    found.sound_prefix = file.read(layout.prefix_bytes)
    found.sound_offset = chunk.offset + layout.prefix_bytes
    end = find_end(found, stated=max(0, _stated(found, chunk) - layout.prefix_bytes), size=size, file=file)
    if size is not None:
        _read_after(file, found, offset=end, size=size)
    elif magic in (b"RIFF", b"RIFX") and found.sound_bytes is not None:
        found.stated_after_bytes = max(0, struct.unpack_from(layout.order + "I", head, 4)[0] + 8 - end - end % 2)
    file.seek(found.sound_offset)
    return found


def find_end(found: Chunks, *, stated: int, size: int | None, file: Source | None = None) -> int:
    """Find how many bytes of sound there are, and where what follows them begins.

    Parameters
    ----------
    found : Chunks
        With the place of the sound; what belongs to its end is filled in.
    stated : int
        The size that the header states.
    size : int or None
        Length of the file, bytes; None for a pipe.
    file : binary file, optional
        To look at what follows the sound; without it a size that fits into the file is believed.
    """
    found.promised_bytes = found.sound_bytes = None if _unwritten(stated) else stated
    start, end = found.sound_offset, found.sound_offset + stated
    if size is None:
        return end
    available = max(0, size - start)
    if stated < available and (_is_followed_by_sound(file, found, end=end, size=size) if file else not stated):
        found.sound_bytes, found.unfinished = available, True
    else:
        found.sound_bytes = min(stated, available)
        # In CAF and AU the largest number says: to the end.
        open_ended = found.magic in (b"caff", b".snd", b"dns.") and stated in (2**32 - 1, 2**64 - 1 - 4)
        found.unfinished = stated > available and _unwritten(stated) and not open_ended
    return start + found.sound_bytes + -(start + found.sound_bytes) % found.layout.align


def _chunk(file: Source, layout: Layout, offset: int) -> Chunk | None:
    """The chunk whose name is next in the file, at `offset`."""
    head = file.read(layout.head_bytes)
    if len(head) < layout.head_bytes:
        return None
    size = struct.unpack_from(layout.order + layout.size, head, layout.id_bytes)[0]
    if layout.counts_itself:
        size = max(0, size - layout.head_bytes)
    return Chunk(head[: layout.id_bytes], offset + layout.head_bytes, size)


def _next(file: Source, layout: Layout, chunk: Chunk) -> int:
    """Where the chunk behind `chunk` begins: at once, if a familiar name is there and none where one should be."""
    end = chunk.offset + chunk.size
    aligned = -(-end // layout.align) * layout.align
    if aligned == end:
        return end
    file.seek(end)
    names = file.read(aligned - end + 4)
    return end if names[:4] in FAMILIAR and names[aligned - end :] not in FAMILIAR else aligned


def _stated(found: Chunks, chunk: Chunk) -> int:
    """How many bytes of sound the header states."""
    if found.magic in (b"RF64", b"BW64") and chunk.size == 0xFFFF_FFFF:
        sizes = found.find(b"ds64") or b""
        return struct.unpack_from("<Q", sizes, 8)[0] if len(sizes) >= 16 else 0
    return chunk.size


def _unwritten(stated: int) -> bool:
    """Whether a size is what programs write that do not know it yet."""
    return stated == 0 or abs(stated - 2**31) < NEARLY or abs(stated - 2**32) < NEARLY or stated > 2**62


def _is_followed_by_sound(file: Source, found: Chunks, *, end: int, size: int) -> bool:
    """Whether what lies behind the `end` that the header states is sound: no chunk, no filling, no other program's."""
    layout = found.layout
    follower = _next(file, layout, Chunk(layout.sound, found.sound_offset, end - found.sound_offset))
    left = size - follower
    file.seek(follower)
    head = file.read(layout.head_bytes)
    if head[:4] in FAMILIAR or left <= 0:
        return False
    if end > found.sound_offset and (left < layout.head_bytes or not head.strip(b"\0") or head.startswith(TRAILERS)):
        return False
    is_chunk = left >= layout.head_bytes and all(32 <= letter < 127 for letter in head[:4])
    return not (is_chunk and _chunk(io.BytesIO(head), layout, follower).size <= left)


def _read_after(file: Source, found: Chunks, *, offset: int, size: int) -> None:
    """Read the chunks behind the sound."""
    layout = found.layout
    while offset + layout.head_bytes <= size and len(found.after) < MAX_CHUNKS:
        file.seek(offset)
        chunk = _chunk(file, layout, offset)
        if chunk is None or chunk.offset + chunk.size > size or chunk.size > MAX_IN_MEMORY or not chunk.id.strip(b"\0"):
            break
        found.after.append((chunk.id, file.read(chunk.size)))
        offset = _next(file, layout, chunk)


def pack(layout: Layout, id: bytes, content: bytes, *, at: int) -> bytes:
    """A chunk as bytes, with what fills it up to where the next may begin, for the place `at` of a file."""
    size = len(content) + layout.head_bytes * layout.counts_itself
    packed = id + struct.pack(layout.order + layout.size, size) + content
    return packed + bytes(-(at + len(packed)) % layout.align)


def repaired_head(chunks: Chunks) -> bytes:
    """All that stands before the sound of a WAV file, with the sizes that are true."""
    head = b"RIFF" + bytes(4) + b"WAVE"
    for id, content in chunks.before:
        head += pack(chunks.layout, id, content, at=len(head))
    head += b"data" + struct.pack("<I", chunks.sound_bytes)
    return head[:4] + struct.pack("<I", len(head) + chunks.sound_bytes - 8) + head[8:]


def state_length(file: IO[bytes], samples: int, *, block_bytes: int) -> None:
    """Set the length of a whole AIFF file of plain samples, open for reading and writing.

    libsndfile counts the byte that fills up an odd number as sound.
    """
    file.seek(0)
    content = file.read(MAX_HEADER_BYTES)
    comm, sound = content.find(b"COMM"), content.find(b"SSND")
    for offset, number in ((comm + 10, samples), (sound + 4, 8 + samples * block_bytes)):
        file.seek(offset)
        file.write(struct.pack(">I", number))
    file.seek(0, io.SEEK_END)


def with_parts(file: IO[bytes], extra: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Return what a whole file must begin with to hold more chunks: how many of its bytes that replaces, and the bytes.

    They go in front of the sound: libsndfile takes what stands behind it for sound in Wave64, and for damage in CAF.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    parts = read_chunks(file, size=size)
    layout = parts.layout
    end = parts.sound_offset - layout.prefix_bytes - layout.head_bytes
    file.seek(0)
    head = file.read(end)
    for id, content in extra:
        head += pack(layout, id, content, at=len(head))
    if layout.first > 8:  # the file as a whole is a chunk too, but in CAF
        total = size - end + len(head)
        packed = struct.pack(layout.order + layout.size, total if layout.counts_itself else total - 8)
        head = head[: layout.id_bytes] + packed + head[layout.head_bytes :]
    return end, head
