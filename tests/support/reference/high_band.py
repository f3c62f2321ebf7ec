"""What becomes of the sound that the model does not see: `HighBandGain`, the g of `stream.py`.

A model at 16 kHz says nothing about what lies above 8 kHz, nor, at any rate but its own, about the edge of the band
that the resampler's filter gives up. Left alone, noise would go on hissing there; cut off, speech would sound as over a
telephone. So it is turned down as much as the network turns down the top of the band that it sees.
"""

import numpy as np

from undin.resample import Resampler

STEP_SAMPLES = 4
"""Of the model's rate to one gain: 0.25 ms at 16 kHz, and gains change far more slowly."""

SILENCE = 1e-12
"""Mean square below which a sound counts as none, so that it cannot open or close anything: -120 dBFS."""


class HighBandGain:
    """Gain for the sound beside the model's band: that of the top quarter of the band, moment by moment.

    It is the root of the ratio of two energies, enhanced over dry, each behind a high-pass filter and a window that
    looks just as far ahead as the resampler behind the network must wait anyway, and four times as far back: so it
    costs no latency, opens before the onset of a sibilant and closes a few milliseconds after its end.

    Parameters
    ----------
    up : Resampler
        Resampler of the network's output, from the model's rate to the stream's.
    channels : int
        Number of channels.
    floor : float
        The least gain, in [0, 1]; the greatest is 1.
    """

    def __init__(self, up: Resampler, *, channels: int, floor: float):
        self._channels, self._floor = channels, floor
        self._steps_per_output = up.down / (up.up * STEP_SAMPLES)
        # The last step that an output sample depends on begins up to a step later, and is complete another one later.
        ahead = up.half_samples - 2 * STEP_SAMPLES
        # A windowed-sinc high-pass filter from three quarters of the band shared by the two rates, 60 dB down at the
        # bottom, where speech has that much more energy.
        self._half = ahead // 3
        time = np.arange(-self._half, self._half + 1)
        low_pass = np.sinc(0.75 * min(1, up.up / up.down) * time) * np.kaiser(len(time), 5.65)
        high_pass = (time == 0) - low_pass / low_pass.sum()
        # As a matrix that makes a step of its output out of as many samples as that takes.
        self._high_pass = np.zeros((2 * self._half + STEP_SAMPLES, STEP_SAMPLES), np.float32)
        for sample in range(STEP_SAMPLES):
            self._high_pass[sample : sample + len(time), sample] = high_pass
        # Two halves of Hann windows, the later steps first, as np.convolve wants it.
        self._ahead = (ahead - self._half) // STEP_SAMPLES
        back = 4 * self._ahead
        later, earlier = np.hanning(2 * self._ahead + 3)[1:], np.hanning(2 * back + 3)[back + 2 : -1]
        smooth = np.concatenate((later[: self._ahead + 1], earlier))
        self._smooth = (smooth / smooth.sum()).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the past: silence came before the next sample."""
        # The filter's output begins half its length before the first sample, and steps at multiples of their length.
        past = 2 * self._half + -self._half % STEP_SAMPLES
        self._signals = np.zeros((2 * self._channels, past), np.float32)
        self._energy = np.zeros((2 * self._channels, len(self._smooth) - 1), np.float32)
        self._gains = np.zeros((self._channels, 0), np.float32)
        self._first = -self._half // STEP_SAMPLES - self._ahead  # step of the first of the gains kept
        self._produced = 0

    def process(self, dry: np.ndarray, enhanced: np.ndarray, count: int) -> np.ndarray:
        """Take in the next samples at the model's rate and return the gains of the next `count` output samples.

        Parameters
        ----------
        dry, enhanced : ndarray, shape (n, channels), float32
        count : int
            As many samples as `up` returns for these.

        Returns
        -------
        ndarray, shape (count, channels), float32, in [floor, 1]
        """
        if len(dry):
            self._add(np.concatenate((dry, enhanced), axis=1).T)
        steps = np.arange(self._first, self._first + self._gains.shape[1])
        gains = np.zeros((count, self._channels), np.float32)
        if count:
            # Between the steps the gain changes linearly.
            position = np.arange(self._produced, self._produced + count) * self._steps_per_output
            for channel in range(self._channels):
                gains[:, channel] = np.interp(position, steps, self._gains[channel])
        self._produced += count
        past = min(max(0, int(self._produced * self._steps_per_output) - self._first), len(steps))
        self._gains = self._gains[:, past:]
        self._first += past
        return gains

    def _add(self, signals: np.ndarray) -> None:
        """Take in the next samples of all dry, then of all enhanced channels (2 * channels, n); add their gains."""
        signals = np.concatenate((self._signals, signals), axis=1)
        steps = (signals.shape[1] - 2 * self._half) // STEP_SAMPLES
        self._signals = signals[:, steps * STEP_SAMPLES :]
        if not steps:
            return
        # The overlapping pieces that make a step each, as a view.
        shape = len(signals), steps, len(self._high_pass)
        strides = signals.strides[0], STEP_SAMPLES * signals.strides[1], signals.strides[1]
        high = np.ndarray(shape, signals.dtype, signals, strides=strides).copy() @ self._high_pass
        energy = np.concatenate((self._energy, np.einsum("csn,csn->cs", high, high)), axis=1)
        self._energy = energy[:, steps:]
        smooth = np.array([np.convolve(signal, self._smooth, "valid") for signal in energy]) + SILENCE
        gains = np.sqrt(smooth[self._channels :] / smooth[: self._channels])
        self._gains = np.concatenate((self._gains, np.minimum(np.maximum(gains, self._floor), 1)), axis=1)
