"""Noise suppression for LiveKit Agents, in the place of its own. Needs the extra ``livekit``.

    AgentSession.start(..., room_options=RoomOptions(
        audio_input=AudioInputOptions(noise_cancellation=noise_suppression())))

LiveKit calls it on the event loop for each frame of 10 to 50 ms, at whatever rate comes; before the connection stands,
another one. LiveKit's own audio processing takes away all above 15 kHz at 44.1 and 48 kHz
once its noise suppression, echo cancellation or high-pass is on: leave it out before undin, or keep its echo
cancellation alone.
"""

from pathlib import Path
from typing import Any

from livekit import rtc

from undin.agents.denoiser import Denoiser
from undin.model.loading import Model


def noise_suppression(
    *, model: str | Path | Model | None = None, atten_lim_db: float | None = None
) -> "UndinFrameProcessor":
    """Make a filter for ``AudioInputOptions(noise_cancellation=…)`` or ``rtc.AudioStream(…, noise_cancellation=…)``.

    Parameters
    ----------
    model : str, Path or Model, optional
        As in `Stream`, by default by the rate of the frames; loaded now, once a process.
    atten_lim_db : float, optional
        The most that any sound is attenuated, dB; no limit if not given.

    Raises
    ------
    ValueError, OSError
        As `Stream` does.
    """
    return UndinFrameProcessor(Denoiser(model=model, atten_lim_db=atten_lim_db))


class UndinFrameProcessor(rtc.FrameProcessor[rtc.AudioFrame]):
    """What `noise_suppression` gives; one for each track.

    Attributes
    ----------
    denoiser : Denoiser
        Its limit, bypass and latency. With `bypass` the delay stays, which ends where `enabled` is False.
    errors : int
        Frames that could not be denoised, and went through as they came. The first is told in the log.
    """

    def __init__(self, denoiser: Denoiser):
        self.denoiser = denoiser
        self._is_enabled = True

    def __repr__(self) -> str:
        return f"<undin for LiveKit: {self.denoiser}>"

    @property
    def errors(self) -> int:
        """Frames that could not be denoised."""
        return self.denoiser.errors

    @property
    def enabled(self) -> bool:
        """Whether LiveKit lets it process frames; while it does not, sound comes as it is, and without the delay."""
        return self._is_enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if value and not self._is_enabled:
            self.denoiser.reset()  # what it heard before is long ago
        self._is_enabled = value

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        kind = frame.sample_rate, frame.num_channels
        data = self.denoiser.process(frame.data, sample_rate=kind[0], channels=kind[1])
        return rtc.AudioFrame(data, *kind, frame.samples_per_channel, userdata=frame.userdata)

    def _on_stream_info_cleared(self) -> None:
        self.denoiser.reset()

    def _close(self) -> None:
        self.denoiser.close()

    def _on_stream_info_updated(self, **_: Any) -> None:
        pass
