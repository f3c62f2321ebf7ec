"""Samples of 16 bits through a `Stream`, for frameworks where an exception would let noise through without a word."""

import logging
from pathlib import Path

from undin.io import pcm
from undin.model.loading import FULL_BAND_FROM_HZ, Model, default_model, load, load_once
from undin.stream import Stream

log = logging.getLogger("undin.agents")


class Denoiser:
    """Denoise frames that come at any rate, with any channels, which may change.

    Nothing but `__init__` raises. What cannot be denoised comes out as it came; it is counted, and the first time it
    happens is an error in the log, as is what went wrong.

    Parameters
    ----------
    model : str, Path or Model, optional
        As in `Stream`, by default by the rate of the frames; loaded once a process, and shared.
    atten_lim_db : float or None
        As in `Stream`.

    Attributes
    ----------
    errors : int
        Frames that could not be denoised.

    Raises
    ------
    ValueError, OSError
        As `Stream` does: what is wrong shows now, and not in the midst of a call.
    """

    def __init__(self, *, model: str | Path | Model | None = None, atten_lim_db: float | None = None):
        self._model: Model | None = None
        if model is not None:
            self._model = load_once(model) if isinstance(model, str) else load(model)
        self._atten_lim_db, self._bypass = atten_lim_db, False
        self._stream: Stream | None = None
        for rate in (FULL_BAND_FROM_HZ, 16_000):  # refuses a wrong limit, and loads what is to come
            self._open(rate, 1)
        self.close()
        self.errors = 0

    def __repr__(self) -> str:
        name = self._model.metadata.name if self._model else "the model for each rate"
        return f"<{type(self).__name__} of {name}, errors: {self.errors}>"

    @property
    def latency_samples(self) -> int:
        """By how much sound comes out later, at the rate of the last frame; 0 before the first."""
        return self._stream.latency_samples if self._stream else 0

    @property
    def atten_lim_db(self) -> float | None:
        """The most that any sound is attenuated, dB; may be set while sound runs."""
        return self._atten_lim_db

    @atten_lim_db.setter
    def atten_lim_db(self, atten_lim_db: float | None) -> None:
        if self._stream:
            self._stream.atten_lim_db = atten_lim_db
        self._atten_lim_db = atten_lim_db

    @property
    def bypass(self) -> bool:
        """Whether the delayed sound comes out as it is; may be set while sound runs."""
        return self._bypass

    @bypass.setter
    def bypass(self, bypass: bool) -> None:
        if self._stream:
            self._stream.bypass = bypass
        self._bypass = bypass

    def open(self, sample_rate: int, channels: int) -> None:
        """Be ready for frames of this kind; what is wrong with it shows with the first."""
        try:
            self._open(sample_rate, channels)
        except Exception as error:
            self._failed(error)

    def process(self, data: bytes | bytearray | memoryview, *, sample_rate: int, channels: int) -> bytes:
        """Denoise a frame.

        Parameters
        ----------
        data : bytes-like
            Interleaved samples of 16 bits, the lowest byte first.
        sample_rate : int
            Hz.
        channels : int

        Returns
        -------
        bytes
            As many, with the sound of `latency_samples` ago.
        """
        try:
            stream = self._open(sample_rate, channels)
            samples = pcm.decode(data, subtype="PCM_16").reshape(-1, channels)
            return pcm.encode(stream.process(samples, out=samples), subtype="PCM_16")
        except Exception as error:
            self._failed(error)
            return bytes(data)

    def reset(self) -> None:
        """Silence came before the next frame."""
        if self._stream:
            self._stream.reset()

    def close(self) -> None:
        """Let the stream's memory go; the next frame opens another."""
        if self._stream:
            self._stream.close()
            self._stream = None

    def _open(self, sample_rate: int, channels: int) -> Stream:
        stream = self._stream
        if stream is None or (stream.sample_rate, stream.channels) != (sample_rate, channels):
            self.close()
            model = self._model or load_once(default_model(sample_rate))
            stream = Stream(sample_rate, channels=channels, model=model, atten_lim_db=self._atten_lim_db)
            stream.bypass = self._bypass
            self._stream = stream
        return stream

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        if self.errors == 1:
            log.error("sound goes through with its noise: %s", error, exc_info=error)
