"""`ReferenceStream`: the stream of undin_stream.c out of whole signals.

    output = input + wet (up(change) + (gain - 1) (input - up(dry))),    change = enhanced - dry,  dry = down(input)

Sample k of every signal at the model's rate stands at k / rate seconds; a queue at the end, filled with
`latency_samples` zeros, makes each block as long as it came.
"""

from math import gcd

import numpy as np
from support.reference.high_band import HighBand
from support.reference.hop import Hops, onnx_step
from support.reference.offset import Offset
from support.reference.resample import Resampler

from undin.model.loading import Model

MAX_SAMPLE = 1e6


class ReferenceStream:
    """Denoise a signal that comes in blocks; everything as in `undin.Stream`, the model loaded from an ONNX file."""

    def __init__(self, sample_rate: int, *, channels: int = 1, model: Model, atten_lim_db: float | None = None):
        model_rate = model.metadata.sample_rate
        self.channels, self._hop_samples = channels, model.metadata.hop
        self._hops = Hops(onnx_step(model), model.metadata, channels=channels)
        self._offsets = [Offset(model_rate) for _ in range(channels)]
        self._down, self._up = Resampler(sample_rate, model_rate), Resampler(model_rate, sample_rate)
        self._high_band = HighBand(self._up)
        self.latency_samples = self._longest_wait(sample_rate)
        self.atten_lim_db, self.bypass, self.link_channels = atten_lim_db, False, channels == 2
        self.reset()

    def _longest_wait(self, sample_rate: int) -> int:
        """The most input samples that an output sample ever lags behind, over one period of all the counts."""
        hop = self._hop_samples
        period = self._down.down * hop // gcd(self._down.up, hop)
        received = sample_rate + np.arange(period)  # after one second all parts have long begun to deliver
        enhanced = self._down.available(received) // hop * hop - self._hops.delay_samples
        return int((received - self._up.available(enhanced)).max())

    def reset(self) -> None:
        """Go back to the fresh state: silence came before the next sample."""
        for part in (self._hops, *self._offsets):
            part.reset()
        nothing = np.zeros((0, self.channels))
        self._input, self._dry, self._enhanced = nothing, nothing, nothing
        self._queue = np.zeros((self.latency_samples, self.channels))
        self._mixed = 0  # output samples so far
        self._wet: float | None = None  # of the last of them

    def process(self, block: np.ndarray) -> np.ndarray:
        """Enhance the next block (n,) or (n, channels)."""
        samples = np.asarray(block, np.float64).reshape(-1, self.channels)
        if len(samples) and self._wet is None:  # the first sample follows none that a change could be faded from
            self._wet = self._wanted_wet()
        samples = np.where(np.abs(samples) < MAX_SAMPLE, samples, 0)
        self._input = np.concatenate((self._input, samples))
        while self._down.available(len(self._input)) >= len(self._dry) + self._hop_samples:
            self._queue = np.concatenate((self._queue, self._next_outputs()))
        output, self._queue = self._queue[: len(samples)], self._queue[len(samples) :]
        return output.reshape(np.shape(block)).astype(np.float32)

    def flush(self) -> np.ndarray:
        """Return the last `latency_samples` of the enhanced signal and go back to the fresh state."""
        silence = np.array([offset.taken for offset in self._offsets])
        rest = self.process(np.tile(silence, (self.latency_samples, 1)))
        self.reset()
        return rest[:, 0] if self.channels == 1 else rest

    def _wanted_wet(self) -> float:
        floor = 0.0 if self.atten_lim_db is None else 10 ** (-self.atten_lim_db / 20)
        return 0.0 if self.bypass else 1 - floor

    def _next_outputs(self) -> np.ndarray:
        """Enhance the next hop, and mix the output samples (m, channels) that it makes available."""
        dry = self._down.at(self._input, len(self._dry) + np.arange(self._hop_samples))
        heard = np.stack([offset.take(one) for offset, one in zip(self._offsets, dry.T, strict=True)], axis=1)
        self._dry = np.concatenate((self._dry, dry))
        self._enhanced = np.concatenate((self._enhanced, self._hops.process(heard, linked=self.link_channels)))
        enhanced = self._enhanced[self._hops.delay_samples :]
        outputs = np.arange(self._mixed, int(self._up.available(len(enhanced))))
        return self._mix(self._dry[: len(enhanced)], enhanced, outputs) if len(outputs) else self._dry[:0]

    def _mix(self, dry: np.ndarray, enhanced: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        samples = self._input[outputs]
        change = self._up.at(enhanced - dry, outputs)
        if self._up.half_samples:
            gain = self._high_band.gains(dry, enhanced, outputs)
            change += (gain - 1) * (samples - self._up.at(dry, outputs))
        wet = np.linspace(self._wet, self._wanted_wet(), len(outputs) + 1)[1:, None]
        self._mixed, self._wet = self._mixed + len(outputs), self._wanted_wet()
        return samples + wet * change
