"""What a server allows: its limits, who may come in, and the one way in which it says no."""

import hmac
from dataclasses import dataclass
from pathlib import Path

MIN_TOKEN_CHARACTERS = 16


@dataclass(frozen=True)
class Limits:
    """What clients may ask for. `undin serve` has an option for each.

    Attributes
    ----------
    streams : int or None
        Voices at a time, of all workers; None for as many as the machine keeps in time, which is measured.
    connections : int
        At a time in one worker, with those that have asked for nothing yet.
    idle_seconds : float
        After so long without a sample a voice is closed, an upload too.
    header_seconds : float
        From a connection to its whole request, and from there to a voice's first message.
    message_bytes, upload_bytes, decoded_bytes : int
        Of a message, of an upload, and of the samples that are decoded of an upload, as float32.
    min_sample_rate, max_sample_rate : int
        Hz.
    channels : int
    uploads : int
        Recordings at a time in one worker.
    drain_seconds : float
        How long voices may go on when the server is to end.
    """

    streams: int | None = None
    connections: int = 4096
    idle_seconds: float = 60.0
    header_seconds: float = 10.0
    message_bytes: int = 2**20
    upload_bytes: int = 2**30
    decoded_bytes: int = 2**35
    min_sample_rate: int = 8_000
    max_sample_rate: int = 192_000
    channels: int = 8
    uploads: int = 1
    drain_seconds: float = 30.0


KINDS = {
    "bad-request": (400, 1007),
    "unauthorized": (401, 1008),
    "forbidden": (403, 1008),
    "not-found": (404, 1008),
    "idle": (408, 1008),
    "too-large": (413, 1009),
    "internal": (500, 1011),
    "busy": (503, 1013),
    "draining": (503, 1001),
}
"""Codes of errors: the status of HTTP and the close code of WebSocket (RFC 6455, 7.4.1) that go with each."""


class Refusal(Exception):
    """What a client is told when it does not get what it asked for.

    Parameters
    ----------
    code : str
        One of `KINDS`.
    message : str
        A sentence, without its full stop.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        """Of HTTP."""
        return KINDS[self.code][0]

    @property
    def close_code(self) -> int:
        """Of WebSocket."""
        return KINDS[self.code][1]

    @property
    def body(self) -> dict[str, dict[str, str]]:
        """What is sent, as JSON."""
        return {"error": {"code": self.code, "message": self.message}}


def read_tokens(path: Path) -> dict[str, str]:
    """Read who may come in: a line ``NAME TOKEN`` each, empty lines and those that begin with # left out.

    Raises
    ------
    ValueError
        A line is something else, a token has fewer than 16 characters, or a name or token comes twice: the message
        names the line, and shows no token.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise ValueError(f"{path}, line {number}: expected a name and a token with a space between them")
        name, token = words
        if len(token) < MIN_TOKEN_CHARACTERS or not token.isascii():
            raise ValueError(f"{path}, line {number}: a token has {MIN_TOKEN_CHARACTERS} characters of ASCII or more")
        if name in names.values() or token in names:
            raise ValueError(f"{path}, line {number}: this name or token was there before")
        names[token] = name
    if not names:
        raise ValueError(f"{path}: no tokens in this file; write a line NAME TOKEN for each")
    return names


def who(tokens: dict[str, str], *, authorization: str | None, token: str | None) -> str:
    """Name the client that shows a token, in the time that all tokens take whichever it is; '' if there are none.

    Parameters
    ----------
    tokens : dict of str to str
        As `read_tokens` gives them; empty where everybody may come in.
    authorization : str or None
        The header, ``Bearer TOKEN``.
    token : str or None
        Of the query, for browsers, which cannot send the header with a WebSocket.

    Raises
    ------
    Refusal
        It shows none that is known.
    """
    if not tokens:
        return ""
    scheme, _, shown = (authorization or "").partition(" ")
    shown = shown.strip() if scheme.lower() == "bearer" else token or ""
    found = [name for known, name in tokens.items() if hmac.compare_digest(known.encode(), shown.encode())]
    if not found:
        raise Refusal("unauthorized", "this server wants a token: send the header Authorization: Bearer TOKEN")
    return found[0]
