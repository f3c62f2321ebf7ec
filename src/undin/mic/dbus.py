"""As much of D-Bus as it takes to change controls of a plug-in in PulseAudio, which has no other way to while it runs.

PulseAudio speaks it at a socket of its own, without a bus. Numbers are those of the D-Bus Specification 0.42.
"""

import os
import socket
import struct
from pathlib import Path

PATH, INTERFACE, MEMBER, SIGNATURE = 1, 2, 3, 8
"""Fields of a header."""

CALL, RETURN = 1, 2
MAX_BYTES = 2**20


def set_controls(sink: str, controls: list[float]) -> None:
    """Set the controls of a ``module-ladspa-sink``.

    Parameters
    ----------
    sink : str
        Its name.
    controls : list of float
        All that go into the plug-in, in the order that it has them.

    Raises
    ------
    OSError
        PulseAudio does not speak D-Bus, or refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "pulse" / "dbus-socket"))
        connection.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        if not _read(connection, 2).startswith(b"OK"):
            raise OSError("PulseAudio refuses D-Bus")
        while _read(connection, 1) != b"\n":
            pass
        connection.sendall(b"BEGIN\r\n")
        found = _call(connection, "/org/pulseaudio/core1", "org.PulseAudio.Core1", "GetSinkByName", "s", _string(sink))
        length = struct.unpack_from("<I", found)[0]
        path = found[4 : 4 + length].decode()
        body = _padded(_string("org.PulseAudio.Ext.Ladspa1"), 4) + _string("AlgorithmParameters") + _signature("(adab)")
        values = struct.pack(f"<{len(controls)}d", *controls)
        body = _padded(_padded(body, 8) + struct.pack("<I", len(values)), 8) + values
        body += struct.pack("<I", 4 * len(controls)) + bytes(4 * len(controls))  # none goes to its default
        _call(connection, path, "org.freedesktop.DBus.Properties", "Set", "ssv", body)


def _call(connection: socket.socket, path: str, interface: str, member: str, signature: str, body: bytes) -> bytes:
    """Call a method; returns the body of the answer."""
    fields = b""
    for code, kind, value in (
        (PATH, "o", _string(path)),
        (INTERFACE, "s", _string(interface)),
        (MEMBER, "s", _string(member)),
        (SIGNATURE, "g", _signature(signature)),
    ):
        fields = _padded(_padded(fields, 8) + bytes([code]) + _signature(kind), 1 if kind == "g" else 4) + value
    header = struct.pack("<cBBBIII", b"l", CALL, 0, 1, len(body), 1, len(fields))
    connection.sendall(_padded(header + fields, 8) + body)
    answer = _read(connection, 16)
    _, kind, _, _, length, _, fields_length = struct.unpack("<cBBBIII", answer)
    if max(length, fields_length) > MAX_BYTES:
        raise OSError("PulseAudio answers by D-Bus with more than there can be")
    rest = _read(connection, (fields_length + 7) // 8 * 8 + length)
    if kind != RETURN:
        raise OSError(f"PulseAudio refuses {member} by D-Bus")
    return rest[len(rest) - length :]


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (part := connection.recv(count - len(data))):
            raise OSError("PulseAudio ended the connection by D-Bus")
        data += part
    return data


def _padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def _signature(text: str) -> bytes:
    return bytes([len(text)]) + text.encode() + b"\0"
