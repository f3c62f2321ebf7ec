"""Headers of NIST Sphere files: lines of text, ``name -type value``, filled up to whole kilobytes."""

from typing import IO

MAGIC = b"NIST_1A\n"
END = b"end_head\n"
HEAD_BYTES = 16
"""Magic, and the size of the header in seven digits and a line's end."""

UNIT = 1024
MAX_BYTES = 2**20

OF_SAMPLES = {
    b"channel_count", b"sample_rate", b"sample_n_bytes", b"sample_byte_format", b"sample_sig_bits", b"sample_coding",
    b"sample_count", b"sample_min", b"sample_max", b"sample_checksum", b"channels_interleaved",
}  # fmt: skip
"""What says how samples lie, or follows from them: a writer makes its own."""


def read_fields(file: IO[bytes]) -> list[bytes]:
    """Return the lines that say something else than how the samples lie, such as who speaks; errors as `_header`."""
    lines = _header(file)[HEAD_BYTES:].split(END)[0].split(b"\n")
    return [line for line in lines if line.strip() and line.split()[0] not in OF_SAMPLES]


def with_fields(file: IO[bytes], lines: list[bytes]) -> tuple[int, bytes]:
    """Return what a whole file must begin with to have more lines: how many bytes that replaces, and the new ones."""
    header = _header(file)
    text = header[HEAD_BYTES : header.index(END)] + b"".join(line + b"\n" for line in lines) + END
    size = -(-(HEAD_BYTES + len(text)) // UNIT) * UNIT
    return len(header), (MAGIC + b"%7d\n" % size + text).ljust(size, b"\0")


def _header(file: IO[bytes]) -> bytes:
    """All that stands before the samples; ValueError where that is not to be seen."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    size = int(head[len(MAGIC) :])
    if not head.startswith(MAGIC) or not HEAD_BYTES < size <= MAX_BYTES:
        raise ValueError("no header of NIST")
    header = head + file.read(size - HEAD_BYTES)
    if END not in header:
        raise ValueError("a header of NIST without an end")
    return header
