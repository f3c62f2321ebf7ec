"""What the headers of WAV, Wave64, AIFF, CAF and AU files say of their samples, where those are plain ones.

`chunks.py` finds where things lie; here is what they mean. Files of compressed samples have no answer here: those are
libsndfile's.
"""

import struct
from typing import NamedTuple

from undin.io.chunks import Chunks, Layout, find_end, read_chunks
from undin.io.pcm import SAMPLE_BYTES
from undin.io.pipe import Source

EXTENSIBLE = 0xFFFE


class Format(NamedTuple):
    """How plain samples lie in a file.

    Attributes
    ----------
    sample_rate, channels : int
        Hz, and samples that belong to one moment.
    container, subtype : str
        In libsndfile's names.
    order : str
        "<" where the lowest byte of a sample comes first, ">" where the highest does.
    most_samples : int or None
        Samples a channel that the file is said to hold beside its number of bytes, None where it is not.
    """

    sample_rate: int
    channels: int
    container: str
    subtype: str
    order: str
    most_samples: int | None = None

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * SAMPLE_BYTES[self.subtype]


WAV_SUBTYPES = {
    (1, 1): "PCM_U8", (1, 2): "PCM_16", (1, 3): "PCM_24", (1, 4): "PCM_32",
    (3, 4): "FLOAT", (3, 8): "DOUBLE", (6, 1): "ALAW", (7, 1): "ULAW",
}  # fmt: skip
"""By the tag of `fmt ` and the bytes of a sample."""

AIFF_SUBTYPES = {
    (b"NONE", 1): "PCM_S8", (b"NONE", 2): "PCM_16", (b"NONE", 3): "PCM_24", (b"NONE", 4): "PCM_32",
    (b"twos", 1): "PCM_S8", (b"twos", 2): "PCM_16", (b"twos", 3): "PCM_24", (b"twos", 4): "PCM_32",
    (b"sowt", 1): "PCM_S8", (b"sowt", 2): "PCM_16", (b"sowt", 3): "PCM_24", (b"sowt", 4): "PCM_32",
    (b"in24", 3): "PCM_24", (b"in32", 4): "PCM_32", (b"raw ", 1): "PCM_U8",
    (b"fl32", 4): "FLOAT", (b"FL32", 4): "FLOAT", (b"fl64", 8): "DOUBLE", (b"FL64", 8): "DOUBLE",
}  # fmt: skip
"""By the kind of compression and the bytes of a sample; the laws are apart, since their samples count as 16 bits."""

AIFF_LAWS = {b"alaw": "ALAW", b"ALAW": "ALAW", b"ulaw": "ULAW", b"ULAW": "ULAW"}

CAF_SUBTYPES = {
    (b"lpcm", 0, 1): "PCM_S8", (b"lpcm", 0, 2): "PCM_16", (b"lpcm", 0, 3): "PCM_24", (b"lpcm", 0, 4): "PCM_32",
    (b"lpcm", 1, 4): "FLOAT", (b"lpcm", 1, 8): "DOUBLE", (b"alaw", 0, 1): "ALAW", (b"ulaw", 0, 1): "ULAW",
}  # fmt: skip
"""By kind, whether samples are floats, and the bytes of one."""

AU_SUBTYPES = {1: "ULAW", 2: "PCM_S8", 3: "PCM_16", 4: "PCM_24", 5: "PCM_32", 6: "FLOAT", 7: "DOUBLE", 27: "ALAW"}

AU_LAYOUTS = {
    b".snd": Layout(">", 4, "I", False, 1, 24, b""),
    b"dns.": Layout("<", 4, "I", False, 1, 24, b""),
}


def find_sound(file: Source, *, size: int | None) -> tuple[Chunks | None, Format | None]:
    """Find the samples of a file that stands at its start, and how they lie.

    Parameters
    ----------
    file : binary file
    size : int or None
        Length of the file, bytes; None for a pipe.

    Returns
    -------
    chunks : Chunks or None
        None where the file is of none of these kinds, or damaged before its sound.
    form : Format or None
        None where its samples are no plain ones, too.
    """
    magic = file.read(4)
    file.seek(0)
    if magic in AU_LAYOUTS:
        return _au(file, magic, size=size)
    chunks = read_chunks(file, size=size)
    if chunks is None:
        return None, None
    try:
        form = _READERS[magic](chunks)
    except (struct.error, OverflowError):  # a header too short for what it should hold
        form = None
    if form and not (form.channels and form.sample_rate):
        form = None
    return chunks, form


def read_format(fmt: bytes, *, order: str) -> tuple[int, int, str | None]:
    """Return rate in Hz, channels and encoding that the chunk `fmt ` states, None for one that is not plain."""
    tag, channels, sample_rate, _, block_bytes, _ = struct.unpack_from(order + "HHIIHH", fmt)
    if tag == EXTENSIBLE:
        tag = struct.unpack_from(order + "H", fmt, 24)[0]
    whole = channels and not block_bytes % channels
    return sample_rate, channels, WAV_SUBTYPES.get((tag, block_bytes // channels)) if whole else None


def _wav(chunks: Chunks) -> Format | None:
    fmt, order = chunks.find(b"fmt ") or b"", chunks.layout.order
    sample_rate, channels, subtype = read_format(fmt, order=order)
    extensible = struct.unpack_from(order + "H", fmt)[0] == EXTENSIBLE
    container = {b"RF64": "RF64", b"BW64": "RF64", b"riff": "W64"}.get(chunks.magic, "WAVEX" if extensible else "WAV")
    return Format(sample_rate, channels, container, subtype, order) if subtype else None


def _aiff(chunks: Chunks) -> Format | None:
    comm = chunks.find(b"COMM") or b""
    channels, samples, bits, exponent, mantissa = struct.unpack_from(">HIHHQ", comm)
    kind = comm[18:22] or b"NONE"
    subtype = AIFF_LAWS.get(kind) or AIFF_SUBTYPES.get((kind, -(-bits // 8)))
    if subtype is None or len(chunks.sound_prefix) < 8 or struct.unpack(">I", chunks.sound_prefix[:4])[0]:
        return None
    sample_rate = round(mantissa * 2.0 ** (exponent - 16383 - 63))  # an 80-bit float
    order = "<" if kind == b"sowt" else ">"
    return Format(sample_rate, channels, "AIFF", subtype, order, samples or None)


def is_ima4(chunks: Chunks) -> bool:
    """Whether a file is AIFF of four bits a sample, as QuickTime codes them."""
    return chunks.magic == b"FORM" and (chunks.find(b"COMM") or b"")[18:22] == b"ima4"


def _caf(chunks: Chunks) -> Format | None:
    desc = chunks.find(b"desc") or b""
    sample_rate, kind, flags, packet_bytes, packet_samples, channels, _ = struct.unpack_from(">d4sIIIII", desc)
    if not channels or packet_samples != 1 or packet_bytes % channels or not 0 < sample_rate < 2**31:
        return None
    subtype = CAF_SUBTYPES.get((kind, flags & 1 if kind == b"lpcm" else 0, packet_bytes // channels))
    order = "<" if flags & 2 else ">"
    return Format(round(sample_rate), channels, "CAF", subtype, order) if subtype else None


_READERS = {b"RIFF": _wav, b"RIFX": _wav, b"RF64": _wav, b"BW64": _wav, b"riff": _wav, b"FORM": _aiff, b"caff": _caf}


def _au(file: Source, magic: bytes, *, size: int | None) -> tuple[Chunks | None, Format | None]:
    head = file.read(24)
    if len(head) < 24:
        return None, None
    order = AU_LAYOUTS[magic].order
    offset, stated, encoding, sample_rate, channels = struct.unpack_from(order + "IIIII", head, 4)
    subtype = AU_SUBTYPES.get(encoding)
    if offset < 24 or offset > 2**20 or not subtype or not sample_rate or not channels:
        return None, None
    note = file.read(offset - 24)
    chunks = Chunks(magic, AU_LAYOUTS[magic], [(b"note", note)] if note.strip(b"\0") else [], sound_offset=offset)
    find_end(chunks, stated=stated, size=size)
    return chunks, Format(sample_rate, channels, "AU", subtype, order)
