"""Spectra back to samples, a hop at a time, in numpy."""

import numpy as np

from undin.model.stft import synthesis_window


class Synthesis:
    """Streaming inverse of `Analysis` by overlap-add; parameters are the same.

    Behind an `Analysis` it returns the input exactly (to rounding), `window - hop` samples late.
    """

    def __init__(self, n_fft: int, window: int, hop: int):
        self._n_fft, self._hop = n_fft, hop
        self._window = synthesis_window(window, hop)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the frames before the next one were silent."""
        self._tail = np.zeros(len(self._window) - self._hop, np.float32)

    def process(self, spec: np.ndarray) -> np.ndarray:
        """Transform frames back to samples.

        Parameters
        ----------
        spec : ndarray, shape (n, n_fft // 2 + 1), complex64

        Returns
        -------
        ndarray, shape (n * hop,), float32
        """
        count, window, hop = len(spec), len(self._window), self._hop
        frames = np.fft.irfft(spec, self._n_fft)[:, :window].astype(np.float32, copy=False) * self._window
        samples = np.zeros(count * hop + window - hop, np.float32)
        samples[: window - hop] = self._tail
        by_hop = samples.reshape(-1, hop)
        # The oldest frame is added first, as it is over several calls, so that rounding does not depend on the calls.
        for part in reversed(range(window // hop)):
            by_hop[part : part + count] += frames[:, part * hop : (part + 1) * hop]
        self._tail = samples[count * hop :]
        return samples[: count * hop]
