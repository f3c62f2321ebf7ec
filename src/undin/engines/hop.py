"""The hop around a network step that Python calls: what ``c/stream/undin_hop.h`` tells, in numpy, for any runtime.

The engines on runtimes of others, ``ort.py`` and ``litert.py``, are a `StepEngine` each: an `undin_model` like any
other, which the stream of undin.h calls.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from undin.engines.engine import PROCESS_HOPS, RESET, CModel, floats
from undin.model.metadata import Metadata
from undin.model.stft import analysis_window, synthesis_window

VOICE_HZ = 200, 4_000
"""Where voices have most of their sound."""

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes a spectrum (F,) complex64 and the state (S,) float32, which becomes the next one; returns the enhanced spectrum
(F,) complex64, which is the caller's."""


class StepEngine:
    """An engine whose network is run by Python; see `Engine` in ``engine.py``.

    Parameters
    ----------
    metadata : Metadata
    new_step : callable
        Makes the `Step` of a thread, when a stream in that thread first needs one; nothing else calls that step.
    """

    def __init__(self, metadata: Metadata, new_step: Callable[[], Step]):
        self.metadata, self.new_step = metadata, new_step
        hop, overlap = metadata.hop, metadata.window - metadata.hop
        self._delay = metadata.latency_samples - (hop - 1)
        self._analysis_window = analysis_window(metadata.window)
        self._synthesis_window = synthesis_window(metadata.window, hop)
        self._sizes = metadata.state_size, self._delay + hop, overlap
        first, last = VOICE_HZ
        bin_hz = metadata.sample_rate / metadata.n_fft
        self._voice = slice(int(np.ceil(first / bin_hz)), int(last / bin_hz) + 1)
        self._of_thread = threading.local()
        # Kept, because C holds their addresses alone.
        self._callbacks = RESET(self._reset), PROCESS_HOPS(self._process_hops)
        self.c_model = CModel.describe(metadata, *self._callbacks, state_bytes=4 * sum(self._sizes))

    def check(self) -> None:
        """Raise what the network raised in this thread."""
        error = getattr(self._of_thread, "error", None)
        self._of_thread.error = None
        if error is not None:
            raise error

    def _reset(self, state: int) -> None:
        floats(state, sum(self._sizes))[:] = 0

    def _process_hops(
        self, states: Any, _arena: Any, inputs: Any, outputs: Any, channels: int, linked: int, hops: int, energies: Any
    ) -> None:
        count = hops * self.metadata.hop
        outs = [floats(outputs[channel], count) for channel in range(channels)]
        try:
            each = [self._parts(states[channel]) for channel in range(channels)]
            ins = [floats(inputs[channel], count) for channel in range(channels)]
            for start in range(0, count, self.metadata.hop):
                part = slice(start, start + self.metadata.hop)
                for (_, history, _), samples in zip(each, ins, strict=True):
                    history[:] = np.concatenate((history[self.metadata.hop :], samples[part]))
                groups = [each] if linked else [[one] for one in each]
                for group, places in zip(groups, [outs] if linked else [[one] for one in outs], strict=True):
                    heard, kept = self._hop(group, [out[part] for out in places])
                    energies[0] += float(heard)
                    energies[1] += float(kept)
        except Exception as error:  # C would print and forget it
            self._of_thread.error = error
            for out in outs:
                out[:] = 0

    def _parts(self, state: int) -> list[np.ndarray]:
        """State of the network, history and overlap of a channel."""
        return np.split(floats(state, sum(self._sizes)), np.cumsum(self._sizes)[:-1])

    def _hop(self, channels: Sequence[Sequence[np.ndarray]], outs: Sequence[np.ndarray]) -> tuple[float, float]:
        """Enhance a hop of one channel, or of those that are linked; returns what was heard and kept of voices."""
        newest = [self._spec(history[-self.metadata.window :]) for _, history, _ in channels]
        if len(channels) == 1:
            spec = newest[0]
            enhanced = [self._step(spec, channels[0][0])]
        else:
            spec = merged(newest)
            one = self._step(spec, channels[0][0])
            older = [self._spec(history[: self.metadata.window]) for _, history, _ in channels]
            of = merged(older)
            gain = np.divide(one, of, out=np.zeros_like(one), where=of != 0)
            enhanced = [gain * spec for spec in older]
            for network, _, _ in channels[1:]:
                network[:] = channels[0][0]
        for (_, _, overlap), one, out in zip(channels, enhanced, outs, strict=True):
            self._synthesise(one, overlap, out)
        return tuple(np.sum(np.abs(one[self._voice]) ** 2) for one in (spec, enhanced[0]))

    def _spec(self, frame: np.ndarray) -> np.ndarray:
        return np.fft.rfft(frame * self._analysis_window, self.metadata.n_fft).astype(np.complex64)

    def _synthesise(self, enhanced: np.ndarray, overlap: np.ndarray, out: np.ndarray) -> None:
        frame = np.fft.irfft(enhanced, self.metadata.n_fft)[: self.metadata.window].astype(np.float32)
        frame *= self._synthesis_window
        frame[: len(overlap)] += overlap
        out[:], overlap[:] = frame[: len(out)], frame[len(out) :]

    def _step(self, spec: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Enhanced spectrum (F,) complex64; the state becomes the next one."""
        step = getattr(self._of_thread, "step", None)
        if step is None:
            step = self._of_thread.step = self.new_step()
        return step(spec, state)


def merged(specs: Sequence[np.ndarray]) -> np.ndarray:
    """The mean power of spectra, with the phase of their sum; those against it are subtracted, and do not cancel."""
    total = specs[0].copy()
    for spec in specs[1:]:
        total += np.where((total * spec.conj()).real < 0, -1, 1) * spec
    power = np.sqrt(np.mean(np.abs(specs) ** 2, axis=0))
    size = np.abs(total)
    return (total * np.divide(power, size, out=np.zeros_like(size), where=size > 0)).astype(np.complex64)
