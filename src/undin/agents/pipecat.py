"""An audio filter for Pipecat's transports. Needs the extra ``pipecat``.

    TransportParams(audio_in_enabled=True, audio_in_filter=UndinFilter())

It may be ``audio_out_filter`` as well. A `FilterEnableFrame` that disables it lets the sound through as it is, with the
same delay, so that nothing is cut off or heard twice.
"""

import asyncio
from pathlib import Path

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames.frames import FilterControlFrame, FilterEnableFrame

from undin.agents.denoiser import Denoiser
from undin.model.loading import Model


class UndinFilter(BaseAudioFilter):
    """Take the noise out of what a transport hears or says; one for each transport.

    Parameters
    ----------
    model : str, Path or Model, optional
        As in `Stream`; loaded when the transport is set up, once a process.
    atten_lim_db : float, optional
        The most that any sound is attenuated, dB; no limit if not given.
    channels : int
        That the transport has: Pipecat does not tell.

    Attributes
    ----------
    denoiser : Denoiser or None
        From `start` on: its limit and latency, and how many frames could not be denoised.
    """

    def __init__(
        self, *, model: str | Path | Model | None = None, atten_lim_db: float | None = None, channels: int = 1
    ):
        self._model, self._atten_lim_db, self._channels = model, atten_lim_db, channels
        self._sample_rate, self.denoiser = 0, None

    @property
    def errors(self) -> int:
        """Frames that could not be denoised, and went through as they came."""
        return self.denoiser.errors if self.denoiser else 0

    async def start(self, sample_rate: int) -> None:
        """Load the model, off the event loop; `ValueError` or `OSError` as from `Stream`."""
        self.denoiser = await asyncio.to_thread(Denoiser, model=self._model, atten_lim_db=self._atten_lim_db)
        self._sample_rate = sample_rate
        self.denoiser.open(sample_rate, self._channels)

    async def stop(self) -> None:
        """Let its memory go."""
        if self.denoiser:
            self.denoiser.close()

    async def process_frame(self, frame: FilterControlFrame) -> None:
        """Let sound through as it is, or denoise again."""
        if isinstance(frame, FilterEnableFrame) and self.denoiser:
            self.denoiser.bypass = not frame.enable

    async def filter(self, audio: bytes) -> bytes:
        """Denoise a piece of sound of any length: samples of 16 bits."""
        if self.denoiser is None:
            return audio  # Pipecat has not started it
        return self.denoiser.process(audio, sample_rate=self._sample_rate, channels=self._channels)
