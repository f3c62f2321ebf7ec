"""What becomes of the sound that the model does not see: `HighBandGain`, the g of `stream.py`.

A model at 16 kHz says nothing about what lies above 8 kHz, nor, at any rate but its own, about the edge of the band
that the resampler's filter gives up. Left alone, noise would go on hissing there; cut off, speech would sound as over a
telephone. So it is turned down as much as the network turns down the top of the band that it sees.
"""

import numpy as np

from undin.resample import Resampler

SILENCE = 1e-12
"""Mean square below which a sound counts as none, so that it cannot open or close anything: -120 dBFS."""


class HighBandGain:
    """Gain for the sound beside the model's band: that of the top quarter of the band, at every moment.

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
        self._up, self._channels, self._floor = up, channels, floor
        self._ahead = up.half_samples - 1
        # A windowed-sinc high-pass filter from three quarters of the band shared by the two rates, 60 dB down at the
        # bottom, where speech has that much more energy.
        half = self._ahead // 3
        time = np.arange(-half, half + 1)
        low_pass = np.sinc(0.75 * min(1, up.up / up.down) * time) * np.kaiser(2 * half + 1, 5.65)
        self._high_pass = ((time == 0) - low_pass / low_pass.sum()).astype(np.float32)
        # Two halves of Hann windows, the later samples first, as np.convolve wants it.
        ahead, back = self._ahead - half, 4 * (self._ahead - half)
        smooth = np.concatenate((np.hanning(2 * ahead + 3)[1 : ahead + 2], np.hanning(2 * back + 3)[back + 2 : -1]))
        self._smooth = (smooth / smooth.sum()).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the past: silence came before the next sample."""
        past = len(self._high_pass) + len(self._smooth) - 2
        self._signals = np.zeros((past, 2 * self._channels), np.float32)
        self._gains = np.zeros((0, self._channels), np.float32)
        self._early = self._ahead  # gains still to come that precede the input
        self._first = 0  # index at the model's rate of the first gain kept
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
        signals = np.concatenate((self._signals, np.concatenate((dry, enhanced), axis=1)))
        self._signals = signals[len(dry) :]
        if len(dry):
            energy = [
                np.convolve(np.convolve(signal, self._high_pass, "valid") ** 2, self._smooth, "valid")
                for signal in signals.T
            ]
            energy = np.stack(energy, axis=1) + SILENCE
            gains = np.sqrt(energy[:, self._channels :] / energy[:, : self._channels]).clip(self._floor, 1)
            early = min(self._early, len(gains))
            self._early -= early
            self._gains = np.concatenate((self._gains, gains[early:]))
        # Between the samples at the model's rate the gain changes linearly.
        position = np.arange(self._produced, self._produced + count + 1) * self._up.down
        base = position // self._up.up - self._first
        phase = (position[:-1] % self._up.up / self._up.up).astype(np.float32)[:, None]
        gains = self._gains[base[:-1]] + phase * np.diff(self._gains, axis=0)[base[:-1]]
        self._produced += count
        self._gains = self._gains[base[-1] :]
        self._first += base[-1]
        return gains
