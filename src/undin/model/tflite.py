"""What a TFLite file calls undin's parts, and what it says about itself, without a package that knows the format.

A FlatBuffer is tables of little-endian numbers. A table begins with the way back to its list of fields, which tells for
each how far behind the start of the table it lies, 0 for not at all; what has no fixed size lies elsewhere, so many
bytes after the place that names it.
"""

import json
import struct

SUFFIX = ".tflite"
"""Of a file's name."""

SIGNATURE = "step"
"""Name of the signature whose inputs are `spec` and `state`, its outputs `enhanced` and `next_state`."""

ENTRY = b"undin"
"""Name of the entry among the metadata of the file that holds undin's, as JSON."""

IDENTIFIER = b"TFL3"
BUFFERS, METADATA = 4, 6
NAME, BUFFER = 0, 1
DATA, OFFSET, SIZE = 0, 1, 2
"""Places of fields in TFLite's tables Model, Metadata and Buffer. A buffer holds bytes, or tells where they lie."""


def tflite_strings(model: bytes) -> dict[str, str]:
    """undin's metadata in the bytes of a TFLite file, none where it is another's; ValueError if it is no TFLite."""
    try:
        if model[4:8] != IDENTIFIER:
            raise ValueError
        root, text = _target(model, 0), b"{}"
        for entry in _tables(model, root, METADATA):
            if _bytes(model, entry, NAME) == ENTRY:
                buffer = _tables(model, root, BUFFERS)[_number(model, _field(model, entry, BUFFER))]
                text = _bytes(model, buffer, DATA) or _behind(model, buffer)
    except (ValueError, IndexError, struct.error):
        raise ValueError("it is not TFLite, or cut off") from None
    try:
        strings = json.loads(text)
        if not isinstance(strings, dict) or not all(isinstance(value, str) for value in strings.values()):
            raise ValueError
    except (ValueError, RecursionError):
        raise ValueError("its metadata are not JSON that tells strings by their names") from None
    return strings


def _number(model: bytes, place: int, kind: str = "<I") -> int:
    """A number, of 32 bits without a sign."""
    return struct.unpack_from(kind, model, place)[0]


def _target(model: bytes, place: int) -> int:
    """Where that lies which a place names."""
    return place + _number(model, place)


def _field(model: bytes, table: int, field: int) -> int:
    """Where a field of a table lies; 0 if it is not there."""
    fields = table - struct.unpack_from("<i", model, table)[0]
    if fields < 0:
        raise ValueError
    (size,) = struct.unpack_from("<H", model, fields)
    offset = struct.unpack_from("<H", model, fields + 4 + 2 * field)[0] if 4 + 2 * field < size else 0
    return table + offset if offset else 0


def _behind(model: bytes, buffer: int) -> bytes:
    """What a buffer has behind the tables, at an offset of the file; nothing if it names none."""
    offset, size = (_field(model, buffer, field) for field in (OFFSET, SIZE))
    if not (offset and size):
        return b""
    start, count = _number(model, offset, "<Q"), _number(model, size, "<Q")
    return model[start : start + count]


def _bytes(model: bytes, table: int, field: int) -> bytes:
    """A field that is text or bytes."""
    if not (place := _field(model, table, field)):
        return b""
    start = _target(model, place) + 4
    end = start + _number(model, start - 4)
    if end > len(model):
        raise ValueError
    return model[start:end]


def _tables(model: bytes, table: int, field: int) -> list[int]:
    """Where the tables of a field lie."""
    if not (place := _field(model, table, field)):
        return []
    start = _target(model, place) + 4
    count = _number(model, start - 4)
    if start + 4 * count > len(model):
        raise ValueError
    return [_target(model, start + 4 * number) for number in range(count)]
