"""What a model does to a hop of all channels, in numpy around the step; undin_hop.h tells what it is."""

from collections.abc import Callable, Sequence

import numpy as np
from support.reference.synthesis import Synthesis

from undin.model.loading import Model
from undin.model.metadata import Metadata
from undin.model.stft import Analysis

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Spectrum (F,) complex64 and state (S,) to the enhanced spectrum and the next state."""


def onnx_step(model: Model) -> Step:
    """The network of a model file in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model.path))

    def step(spec: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = {"spec": np.stack((spec.real, spec.imag), axis=-1)[None, None], "state": state[None]}
        enhanced, next_state = session.run(["enhanced", "next_state"], inputs)
        return enhanced[0, 0, :, 0] + 1j * enhanced[0, 0, :, 1], next_state[0]

    return step


class Hops:
    """Whole hops of all channels through a step.

    Attributes
    ----------
    delay_samples : int
        By how much the output comes after the input.
    """

    def __init__(self, step: Step, metadata: Metadata, *, channels: int):
        self._step, self._metadata, self._channels = step, metadata, range(channels)
        self.delay_samples = metadata.latency_samples - (metadata.hop - 1)
        self._look_ahead_frames = (self.delay_samples - (metadata.window - metadata.hop)) // metadata.hop
        self.reset()

    def reset(self) -> None:
        """Go back to the fresh state."""
        sizes = self._metadata.n_fft, self._metadata.window, self._metadata.hop
        self._analyses = [Analysis(*sizes) for _ in self._channels]
        self._syntheses = [Synthesis(*sizes) for _ in self._channels]
        self._states = [np.zeros(self._metadata.state_size, np.float32) for _ in self._channels]
        silence = np.zeros((len(self._channels), self._metadata.bins), np.complex64)
        self._specs = [silence] * (self._look_ahead_frames + 1)

    def process(self, hop: np.ndarray, *, linked: bool) -> np.ndarray:
        """Enhance one hop (hop, channels)."""
        one_hop = hop.astype(np.float32)
        newest = np.stack([self._analyses[c].process(one_hop[:, c])[0] for c in self._channels])
        self._specs = [*self._specs[1:], newest]
        if linked and len(self._channels) > 1:
            enhanced, state = self._step(merged(newest), self._states[0])
            self._states = [state] * len(self._channels)
            heard = merged(self._specs[0])
            gain = np.divide(enhanced, heard, out=np.zeros_like(enhanced), where=heard != 0)
            specs = gain * self._specs[0]
        else:
            specs = np.empty_like(newest)
            for c in self._channels:
                specs[c], self._states[c] = self._step(newest[c], self._states[c])
        return np.stack([self._syntheses[c].process(specs[c : c + 1]) for c in self._channels], axis=1)


def merged(specs: Sequence[np.ndarray]) -> np.ndarray:
    """Spectrum of the mean power of several, with the phase of their sum, from which opposite ones are subtracted."""
    total = np.zeros_like(specs[0])
    for spec in specs:
        total += np.where((total * spec.conj()).real < 0, -spec, spec)
    power = np.sqrt(np.mean(np.abs(specs) ** 2, axis=0))
    return (power * np.exp(1j * np.angle(total)) * (total != 0)).astype(np.complex64)
