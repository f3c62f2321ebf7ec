"""The gain of the sound that the model does not see, moment by moment; undin_high_band.h tells why it is so."""

import numpy as np
from support.reference.resample import Resampler

STEP_SAMPLES = 4
"""Of the model's rate to one gain."""

SILENCE = 1e-12
"""Mean square below which a sound counts as none."""


class HighBand:
    """Root of the ratio of two energies, enhanced over dry, each behind a high-pass filter and a window of steps.

    Parameters
    ----------
    up : Resampler
        From the model's rate to the stream's: the window looks as far ahead as it must wait anyway.
    """

    def __init__(self, up: Resampler):
        self._steps_per_output = up.down / (up.up * STEP_SAMPLES)
        # The last step that an output sample depends on begins up to a step later, and is complete another one later.
        ahead = max(0, up.half_samples - 2 * STEP_SAMPLES)
        # A windowed-sinc high-pass filter from three quarters of the band shared by the two rates.
        self._half = ahead // 3
        time = np.arange(-self._half, self._half + 1)
        low_pass = np.sinc(0.75 * min(1, up.up / up.down) * time) * np.kaiser(len(time), 5.65)
        self._high_pass = (time == 0) - low_pass / low_pass.sum()
        # Two halves of Hann windows, from the earliest step on.
        self._ahead = (ahead - self._half) // STEP_SAMPLES
        self._back = 4 * self._ahead
        rising, falling = np.hanning(2 * self._back + 3)[1:], np.hanning(2 * self._ahead + 3)[1:]
        window = np.concatenate((rising[: self._back], falling[self._ahead : -1]))
        self._window = window / window.sum()

    def gains(self, dry: np.ndarray, enhanced: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Gains (m, channels), in [0, 1], of output samples of these numbers.

        `dry` and `enhanced`, (n, channels), are the sound before and after the model from the start.
        """
        place = outputs * self._steps_per_output
        steps = np.arange(int(place[0]), int(place[-1]) + 2)
        before, after = (self._loudness(signal, steps) + SILENCE for signal in (dry, enhanced))
        of_steps = np.sqrt(np.minimum(1, after / before))  # between the steps the gain changes linearly
        return np.stack([np.interp(place, steps, of_step) for of_step in of_steps.T], axis=1)

    def _loudness(self, signal: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Energy within the window of each step, (steps, channels)."""
        first, last = steps[0] - self._back, steps[-1] + self._ahead
        samples = np.arange(STEP_SAMPLES * first - self._half, STEP_SAMPLES * (last + 1) + self._half)
        assert samples[-1] < len(signal), "it looks further ahead than the resampler waits"
        heard = np.where(samples[:, None] >= 0, signal[np.maximum(samples, 0)], 0)
        high = np.stack([np.convolve(one, self._high_pass, "valid") for one in heard.T], axis=1)
        energy = (high**2).reshape(last + 1 - first, STEP_SAMPLES, -1).sum(axis=1)
        return np.stack([np.correlate(one, self._window, "valid") for one in energy.T], axis=1)
