"""The one analysis: samples to spectra, a hop at a time, in numpy; and the windows of the way there and back.

Frame t covers the `window` samples that end with hop t, so a frame is ready as soon as its hop is, and a sample leaves
the synthesis `window - hop` samples after it entered the analysis. Spectra are not scaled. The C that ships does the
same in undin_hop.h; the differentiable twin for training is ``nn/spectrum.py``. Tests hold both against this file.
"""

import numpy as np


def analysis_window(window: int) -> np.ndarray:
    """Square root of the periodic Hann window.

    Parameters
    ----------
    window : int
        Length, samples.

    Returns
    -------
    ndarray, shape (window,), float32, in [0, 1]
    """
    return np.sin(np.pi * np.arange(window) / window).astype(np.float32)


def synthesis_window(window: int, hop: int) -> np.ndarray:
    """Dual of `analysis_window`: overlapped and added, the products of the two windows sum to one at every sample.

    Of all duals it is the one with the least energy, which alters a modified spectrum least (Griffin and Lim 1984,
    equation 6). At half overlap it is the analysis window itself.

    Parameters
    ----------
    window, hop : int
        Samples; `hop` divides `window` at least twice.

    Returns
    -------
    ndarray, shape (window,), float32
    """
    analysis = analysis_window(window).astype(np.float64)
    overlapped = (analysis**2).reshape(-1, hop).sum(axis=0)
    return (analysis / np.tile(overlapped, window // hop)).astype(np.float32)


class Analysis:
    """Streaming short-time Fourier transform.

    Parameters
    ----------
    n_fft, window, hop : int
        Samples; each frame is padded with zeros at its end from `window` to `n_fft`.

    Raises
    ------
    ValueError
        If `hop` does not divide `window` at least twice, or `n_fft` is shorter than `window`.
    """

    def __init__(self, n_fft: int, window: int, hop: int):
        if hop < 1 or window % hop or window < 2 * hop:
            near = f", such as {hop * max(2, round(window / hop))}" if hop > 0 else ""
            raise ValueError(f"window {window} must be hop {hop} times two or more{near}, for perfect reconstruction")
        if n_fft < window:
            raise ValueError(f"n_fft {n_fft} must not be shorter than window {window}")
        self._n_fft, self._hop = n_fft, hop
        self._window = analysis_window(window)
        self.reset()

    def reset(self) -> None:
        """Forget the past: silence came before the next sample."""
        self._past = np.zeros(len(self._window) - self._hop, np.float32)

    def process(self, hops: np.ndarray) -> np.ndarray:
        """Transform whole hops.

        Parameters
        ----------
        hops : ndarray, shape (n * hop,), float32
            n ≥ 1.

        Returns
        -------
        ndarray, shape (n, n_fft // 2 + 1), complex64
        """
        samples = np.concatenate((self._past, hops))
        self._past = samples[len(hops) :]
        # The overlapping frames as a view; sliding_window_view would take longer than the transform of a frame.
        shape, strides = (len(hops) // self._hop, len(self._window)), (self._hop * samples.itemsize, samples.itemsize)
        frames = np.ndarray(shape, samples.dtype, samples, strides=strides) * self._window
        return np.fft.rfft(frames, self._n_fft).astype(np.complex64, copy=False)
