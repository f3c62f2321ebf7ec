"""A `Stream` on another machine, where ``undin serve`` runs. Needs the extra ``serve``, of which it uses websockets."""

import json
from typing import Any, Self

import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from undin.io import pcm

WAIT_SECONDS = 30.0
MOST_AHEAD_SECONDS = 0.1
"""Of sound in a message: the server answers longer ones in several."""


class ServerError(OSError):
    """The server refused or ended the stream.

    Attributes
    ----------
    code : str
        Why, for programs: ``busy``, ``unauthorized``, ``bad-request`` and others that its OpenAPI page lists.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class RemoteStream:
    """Denoise a signal that comes in blocks on a server, as `Stream` does it here, with the same samples.

    Parameters
    ----------
    url : str
        Of the server, such as ``ws://127.0.0.1:8000`` or ``wss://…``.
    sample_rate : int
        Of the blocks, Hz.
    channels : int
    model : str, optional
        One of the server's; its default if not given.
    atten_lim_db, bypass
        As in `Stream`.
    token : str, optional
        What the server wants to see, if it does.

    Attributes
    ----------
    sample_rate, channels, model
        As the server opened it.
    latency_samples : int
        By how much the output comes after the input, samples at `sample_rate`; the way there and back is not in it.

    Raises
    ------
    ServerError
        It is refused: the message says why, here and from every method.
    OSError
        There is no server.

    Examples
    --------
    >>> with RemoteStream("ws://127.0.0.1:8000", sample_rate=48_000) as stream:
    ...     for block in microphone:
    ...         speaker.write(stream.process(block))
    """

    def __init__(
        self,
        url: str,
        *,
        sample_rate: int = 16_000,
        channels: int = 1,
        model: str | None = None,
        atten_lim_db: float | None = None,
        bypass: bool = False,
        token: str | None = None,
    ):
        wanted: dict[str, Any] = {"sample_rate": sample_rate, "channels": channels, "encoding": "f32le"}
        wanted |= {"atten_lim_db": atten_lim_db, "bypass": bypass} | ({"model": model} if model else {})
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = connect(
            f"{url.rstrip('/')}/stream",
            additional_headers=headers,
            compression=None,  # noise does not get smaller
            open_timeout=WAIT_SECONDS,
            close_timeout=1,
            max_size=None,
        )
        try:
            self._socket = self._connection.__enter__()
        except InvalidHandshake as error:
            raise ServerError("closed", f"{url}: no server of undin, or one that ends: {error}") from None
        self._atten_lim_db, self._bypass = atten_lim_db, bypass
        self._send(json.dumps(wanted))
        opened = self._message("opened")
        self.model, self.sample_rate, self.channels = opened["model"], opened["sample_rate"], opened["channels"]
        self.latency_samples: int = opened["latency_samples"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; the server lets go of it at once."""
        self._connection.__exit__(None, None, None)

    @property
    def atten_lim_db(self) -> float | None:
        """The most that any sound is attenuated, dB; None for no limit. May be set while sound runs."""
        return self._atten_lim_db

    @atten_lim_db.setter
    def atten_lim_db(self, atten_lim_db: float | None) -> None:
        self._send(json.dumps({"atten_lim_db": atten_lim_db}))
        self._atten_lim_db = atten_lim_db

    @property
    def bypass(self) -> bool:
        """Whether the delayed input comes out as it is. May be set while sound runs."""
        return self._bypass

    @bypass.setter
    def bypass(self, bypass: bool) -> None:
        self._send(json.dumps({"bypass": bool(bypass)}))
        self._bypass = bool(bypass)

    def process(self, block: np.ndarray) -> np.ndarray:
        """Enhance the next block, of any length; shapes as in `Stream.process`."""
        samples = np.ascontiguousarray(block, np.float32)
        if samples.shape[1:] != ((self.channels,) if samples.ndim == 2 else ()) or samples.size % self.channels:
            raise ValueError(f"block must have the shape (samples, {self.channels}), got {samples.shape}")
        step = max(1, int(self.sample_rate * MOST_AHEAD_SECONDS)) * self.channels
        flat, parts = samples.ravel(), []
        for begin in range(0, flat.size, step):
            self._send(pcm.encode(flat[begin : begin + step], subtype="FLOAT"))
            parts.append(self._samples())
        return np.concatenate(parts).reshape(samples.shape) if parts else samples

    def flush(self) -> np.ndarray:
        """Return the last `latency_samples` of the enhanced signal; a new signal may follow."""
        self._send(json.dumps({"flush": True}))
        rest = self._samples()
        self._message("flushed")
        return rest if self.channels == 1 else rest.reshape(-1, self.channels)

    def _send(self, message: str | bytes) -> None:
        try:
            self._socket.send(message)
        except ConnectionClosed:
            self._receive()  # it has said why
            raise

    def _receive(self) -> Any:
        try:
            message = self._socket.recv(timeout=WAIT_SECONDS)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            raise ServerError("closed", f"the server closed the connection, code {code}") from None
        except TimeoutError:
            raise ServerError("silent", f"the server has not answered for {WAIT_SECONDS:g} seconds") from None
        if isinstance(message, bytes):
            return message
        values = json.loads(message)
        if "error" in values:
            raise ServerError(values["error"]["code"], values["error"]["message"])
        return values

    def _samples(self) -> np.ndarray:
        return pcm.decode(self._receive(), subtype="FLOAT")

    def _message(self, name: str) -> Any:
        return self._receive()[name]
