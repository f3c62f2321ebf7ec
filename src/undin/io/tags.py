"""What stands beside the samples of a file (tags, pictures, cue points), taken from one and put into another.

It is copied as bytes, within one family of containers; nothing here knows what a title is.
"""

from dataclasses import dataclass, field

from undin.io.chunks import Chunks
from undin.io.headers import Format

STRUCTURE = {b"fmt ", b"fact", b"ds64", b"JUNK", b"junk", b"FLLR", b"PAD ", b"PEAK", b"desc", b"free", b"pakt", b"kuki",
             b"COMM", b"FVER", b"peak"}  # fmt: skip
"""Chunks that say how the samples lie, how loud they are, or fill space: a writer makes its own."""

FAMILY_OF_FORMAT = {
    "WAV": "WAV", "WAVEX": "WAV", "RF64": "WAV", "W64": "W64", "AIFF": "AIFF", "CAF": "CAF", "AU": "AU",
    "FLAC": "FLAC", "OGG": "OGG", "MP3": "MP3",
}  # fmt: skip


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
    """

    family: str = ""
    before: list[tuple[bytes, bytes]] = field(default_factory=list)
    after: list[tuple[bytes, bytes]] = field(default_factory=list)
    magic: bytes = b""
    fmt: bytes = b""


def of_chunks(chunks: Chunks, form: Format) -> Beside:
    """What stands beside plain samples in a file of chunks."""
    before, after = (
        [pair for pair in pairs if pair[0][:4] not in STRUCTURE] for pairs in (chunks.before, chunks.after)
    )
    return Beside(FAMILY_OF_FORMAT[form.container], before, after, chunks.magic, chunks.find(b"fmt ") or b"")
