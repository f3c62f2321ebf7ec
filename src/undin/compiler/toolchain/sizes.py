"""How much memory a product of ``build`` takes, read from its own tables: ELF, archives of ELF, WebAssembly."""

import struct
from collections.abc import Iterator
from pathlib import Path

ALLOCATED = 0x2
"""Flag of a section of ELF that lies in memory when the code runs."""

WITHOUT_BYTES = 8
"""Type of a section of ELF that begins as zeros, so that the file has no bytes of it."""

WRITABLE = 0x1

WASM_CODE_AND_DATA = (10, 11)
"""Numbers of the sections of WebAssembly that hold what the processor runs and reads."""


def flash_and_ram_bytes(product: Path) -> tuple[int, int]:
    """Code and constants, and variables; what a caller hands over is not counted.

    Of a file in another format, such as a library for Windows, all bytes count as constants.
    """
    data = product.read_bytes()
    if data.startswith(b"!<arch>\n"):
        sizes = [_elf(member) for member in _members(data) if member.startswith(b"\x7fELF")]
        return sum(flash for flash, _ in sizes), sum(ram for _, ram in sizes)
    if data.startswith(b"\x7fELF"):
        return _elf(data)
    if data.startswith(b"\0asm"):
        return sum(size for number, size in _wasm_sections(data) if number in WASM_CODE_AND_DATA), 0
    return len(data), 0


def _elf(data: bytes) -> tuple[int, int]:
    is_64_bit = data[4] == 2
    (table,) = struct.unpack_from("<Q" if is_64_bit else "<I", data, 40 if is_64_bit else 32)
    entry_size, entries = struct.unpack_from("<HH", data, 58 if is_64_bit else 46)
    flash = ram = 0
    for start in range(table, table + entries * entry_size, entry_size):
        _, kind, flags, _, _, size = struct.unpack_from("<IIQQQQ" if is_64_bit else "<IIIIII", data, start)
        if flags & ALLOCATED:
            flash += 0 if kind == WITHOUT_BYTES else size
            ram += size if flags & WRITABLE else 0
    return flash, ram


def _members(archive: bytes) -> Iterator[bytes]:
    """Contents of the files in an archive of Unix, each behind a header of 60 bytes, at even places."""
    start = 8
    while start + 60 <= len(archive):
        size = int(archive[start + 48 : start + 58])
        yield archive[start + 60 : start + 60 + size]
        start += 60 + size + size % 2


def _wasm_sections(data: bytes) -> Iterator[tuple[int, int]]:
    """Number and size of each section."""
    start = 8
    while start < len(data):
        number, size, shift, start = data[start], 0, 0, start + 1
        while True:  # seven bits a byte, the lowest first
            byte, start = data[start], start + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield number, size
        start += size
