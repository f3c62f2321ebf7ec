"""A writer of WAV files that knows what its pipe or disk will hold, and grows beyond 4 GiB into RF64."""

import os
import struct
from collections.abc import Sequence
from typing import IO

import numpy as np

from undin.io import pcm
from undin.io.chunks import LAYOUTS, Chunks, pack
from undin.io.formats import AudioInfo
from undin.io.headers import EXTENSIBLE, WAV_SUBTYPES, Format, read_format
from undin.io.tags import Beside

CONTAINERS = {"WAV", "WAVEX", "RF64"}
"""What is written here, where the samples are plain ones."""

MAX_BYTES = 2**32 - 1
"""The largest size that WAV can state; where the length of a pipe is not known, it says this."""

DS64_BYTES = 28

USUAL_MASKS = {1: 0x4, 2: 0x3, 4: 0x33, 6: 0x3F, 8: 0x63F}
"""Which loudspeakers so many channels are for, where nobody said."""


def make_format(form: Format) -> bytes:
    """Return the content of a chunk `fmt ` for `form`."""
    tag, sample_bytes = next(key for key, subtype in WAV_SUBTYPES.items() if subtype == form.subtype)
    order, bits = form.order, 8 * sample_bytes
    common = (form.channels, form.sample_rate, form.sample_rate * form.block_bytes, form.block_bytes, bits)
    if form.container == "WAV":
        return struct.pack(order + "HHIIHH", tag, *common) + (b"" if tag == 1 else bytes(2))
    mask = USUAL_MASKS.get(form.channels, 0)
    guid = struct.pack(order + "H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return struct.pack(order + "HHIIHHHHI", EXTENSIBLE, *common, 22, bits, mask) + guid


class Writer:
    """Writes WAV, which becomes RF64 where it grows beyond 4 GiB.

    Parameters
    ----------
    file : binary file
        Empty; a pipe will do.
    form : Format
        What the samples are like.
    magic : bytes
        ``b"RIFF"``, ``b"RIFX"`` or ``b"RF64"``.
    fmt : bytes, optional
        The content of `fmt ` in the byte order of `magic`, where that of another file is to be kept.
    before, after : sequence of pairs of bytes
        Name and content of chunks to stand before and behind the sound.
    length_samples : int, optional
        Samples a channel, as far as they are known: a pipe states them at once, a file is set right in the end.

    Raises
    ------
    ValueError
        On `write`, where a file grew beyond 4 GiB of which that was not to be expected.
    """

    def __init__(
        self,
        file: IO[bytes],
        form: Format,
        *,
        magic: bytes = b"RIFF",
        fmt: bytes | None = None,
        before: Sequence[tuple[bytes, bytes]] = (),
        after: Sequence[tuple[bytes, bytes]] = (),
        length_samples: int | None = None,
    ):
        self._file, self._form, self._magic, self._layout = file, form, magic, LAYOUTS[magic]
        self._start = _start(file)
        self._fmt, self._before, self._after = fmt or make_format(form), list(before), list(after)
        self._sound_bytes = 0
        self._stated = None if length_samples is None else length_samples * form.block_bytes
        # Room for sizes of 64 bits, where they may be needed; RIFX has no such.
        self._wide, self._other_bytes = True, 8
        self._other_bytes = len(self._head(0)) + len(self._tail())
        self._wide = magic == b"RF64" or (magic == b"RIFF" and self._size(self._stated) >= MAX_BYTES)
        self._other_bytes = len(self._head(0)) + len(self._tail())
        file.write(self._head(self._stated))

    def write(self, block: np.ndarray) -> None:
        """Write samples (n, channels) or (n,), float32, each as its nearest code."""
        data = pcm.encode(block, subtype=self._form.subtype, order=self._layout.order)
        self._sound_bytes += len(data)
        if not self._wide and self._size(self._sound_bytes) >= MAX_BYTES:
            raise ValueError("grows beyond the 4 GiB of a WAV file, longer than its source promised: write .rf64")
        self._file.write(data)

    def close(self) -> None:
        """Write what stands behind the sound, and in a file the sizes."""
        right = self._stated == self._sound_bytes
        if self._start is not None or right:  # behind an unknown end it would be taken for sound
            self._file.write(bytes(self._sound_bytes % 2) + self._tail())
        if self._start is not None and not right:
            self._file.seek(self._start)
            self._file.write(self._head(self._sound_bytes))

    def _head(self, sound_bytes: int | None) -> bytes:
        """All that stands before the samples; None where their number is not known."""
        order, size = self._layout.order, self._size(sound_bytes)
        samples = (sound_bytes or 0) // self._form.block_bytes
        chunks = [(b"fmt ", self._fmt), *self._before]
        if self._form.subtype not in pcm.BITS_OF_SUBTYPE:
            chunks.insert(1, (b"fact", struct.pack(order + "I", min(samples, MAX_BYTES))))
        wide = self._magic == b"RF64" or (sound_bytes is not None and size >= MAX_BYTES)
        if self._wide:
            sizes = struct.pack("<QQQI", size, sound_bytes or 0, samples, 0) if wide else bytes(DS64_BYTES)
            chunks.insert(0, (b"ds64" if wide else b"JUNK", sizes))
        narrow = [MAX_BYTES if wide or sound_bytes is None else value for value in (size, sound_bytes)]
        magic = b"RF64" if wide else self._magic
        head = magic + struct.pack(order + "I", narrow[0]) + b"WAVE"
        for id, content in chunks:
            head += pack(self._layout, id, content, at=len(head))
        return head + b"data" + struct.pack(order + "I", narrow[1])

    def _tail(self) -> bytes:
        tail = b""
        for id, content in self._after:
            tail += pack(self._layout, id, content, at=len(tail))
        return tail

    def _size(self, sound_bytes: int | None) -> int:
        """What the whole file states as its size."""
        return MAX_BYTES if sound_bytes is None else self._other_bytes + sound_bytes + sound_bytes % 2 - 8


def _start(file: IO[bytes]) -> int | None:
    """Where a file begins to be written; None for a pipe and for one that only grows, which nobody can go back in."""
    if not file.seekable():
        return None
    if os.name == "posix":
        import fcntl

        if fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND:
            return None
    return file.tell()


def writer(file: IO[bytes], info: AudioInfo, *, beside: Beside | None = None) -> Writer:
    """Open a writer for `info`, one of `CONTAINERS`, which keeps what stands beside the samples of another file."""
    beside = beside if beside and beside.family == "WAV" else Beside()
    magic = b"RF64" if info.format == "RF64" else b"RIFX" if beside.magic == b"RIFX" else b"RIFF"
    form = Format(info.sample_rate, info.channels, info.format, info.subtype, LAYOUTS[magic].order)
    # `fmt ` of the source says the same, and of which loudspeaker each channel is.
    same = beside.fmt and read_format(beside.fmt, order=form.order) == (info.sample_rate, info.channels, info.subtype)
    return Writer(
        file, form, magic=magic, fmt=beside.fmt if same else None, before=beside.before, after=beside.after,
        length_samples=info.length_samples,
    )  # fmt: skip


def stated_samples(chunks: Chunks) -> int | None:
    """How many samples a channel the chunk `fact` states, None where it states none."""
    fact = chunks.find(b"fact")
    if fact is None or len(fact) < 4:
        return None
    samples = struct.unpack_from(chunks.layout.order + "I", fact)[0]
    return samples if 0 < samples < MAX_BYTES else None
