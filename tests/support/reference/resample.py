"""Change of sample rate by a windowed sinc, evaluated afresh for every output sample; undin_resampler.h tells why."""

from math import gcd

import numpy as np

STOPBAND_DB = 72
MIN_TRANSITION_HZ = 800
PASSBAND = 0.9
"""End of the passband as a part of the lower Nyquist frequency, where that leaves room for the transition."""


class Resampler:
    """From one rate to another; output k stands at input time k * down / up, and nothing is shifted.

    Attributes
    ----------
    up, down : int
        out_rate / in_rate in lowest terms.
    half_samples : int
        Length of the right half of the filter, input samples: those that an output sample waits for.
    """

    def __init__(self, in_rate: int, out_rate: int):
        divisor = gcd(in_rate, out_rate)
        self.up, self.down = out_rate // divisor, in_rate // divisor
        lower = min(in_rate, out_rate)
        transition_hz = max(MIN_TRANSITION_HZ, (1 - PASSBAND) * lower / 2)
        self._cutoff = (PASSBAND * lower / 2 + transition_hz / 2) / in_rate  # cycles per input sample
        # Kaiser's estimate of the length for a given attenuation and width of transition.
        half_seconds = (STOPBAND_DB - 7.95) / (2 * 14.36 * transition_hz)
        self.half_samples = 0 if in_rate == out_rate else int(half_seconds * in_rate) + 1

    def available(self, received: int | np.ndarray) -> int | np.ndarray:
        """How many output samples there are after so many input samples since the start.

        Output k needs the inputs up to floor(k * down / up) + half_samples, so after n inputs there are
        ceil((n - half_samples) * up / down) outputs, and none before that is positive.
        """
        return np.maximum(0, -((self.half_samples - received) * self.up // self.down))

    def at(self, samples: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Output samples of these numbers, (m, channels), of an input that begins after silence, (n, channels)."""
        if self.half_samples == 0:
            return samples[outputs]
        offset = np.arange(1 - self.half_samples, self.half_samples + 1)
        phases, phase = np.unique(outputs * self.down % self.up, return_inverse=True)
        inputs = (outputs * self.down // self.up)[:, None] + offset
        silence = np.zeros((self.half_samples, samples.shape[1]))
        heard = np.concatenate((silence, samples))[inputs + self.half_samples]
        return np.einsum("ot,otc->oc", self._filters(phases / self.up, offset)[phase], heard)

    def _filters(self, phases: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Taps for output samples that stand a part of a sample behind an input sample, (phases, 2 half)."""
        time = phases[:, None] - offset  # from each input sample to the output sample, in input samples
        place = time / self.half_samples
        beta = 0.1102 * (STOPBAND_DB - 8.7)
        window = np.i0(beta * np.sqrt(np.maximum(0, 1 - place**2)))
        window[np.abs(place) >= 1] = 0  # phase 0 would reach one sample further to the right than to the left
        taps = np.sinc(2 * self._cutoff * time) * window
        return taps / taps.sum(axis=1, keepdims=True)  # a constant stays exactly constant
