"""Random frequency responses: a gentle equaliser and band limits, as gains for the bins of a long FFT.

All are zero phase: they change what a segment sounds like, never when it sounds, so noisy and clean stay aligned.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from undin.data.mixing_config import MixingConfig

POINTS_PER_OCTAVE = 1.5
MIN_HZ = 50.0
LOW_PASS_ORDER = 24
"""Order of the low-pass's Butterworth magnitude: 140 dB per octave, since codecs and resamplers cut hard."""
HIGH_PASS_ORDER = 4
"""Order of the high-pass's: telephones and microphones fall off gently."""


class Equaliser:
    """Smooth responses, given in dB at points spaced evenly in log frequency and joined by half cosines.

    Parameters
    ----------
    n_fft : int
        Length of the FFT whose bins get gains.
    sample_rate : int
        Hz.
    device
        Where the gains are computed.
    """

    def __init__(self, *, n_fft: int, sample_rate: int, device: torch.device):
        frequency_hz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
        position = POINTS_PER_OCTAVE * np.log2(frequency_hz.clip(min=MIN_HZ) / MIN_HZ)
        points = int(np.ceil(position[-1])) + 1
        lower = np.floor(position).astype(np.int64).clip(max=points - 2)
        self.lower = torch.from_numpy(lower).to(device)
        self.weight = torch.from_numpy((0.5 - 0.5 * np.cos(np.pi * (position - lower))).astype(np.float32)).to(device)
        self.octaves_over_1_khz = np.arange(points) / POINTS_PER_OCTAVE + np.log2(MIN_HZ / 1000)

    def draw(self, generator: np.random.Generator, rows: int, config: MixingConfig) -> np.ndarray:
        """Random responses (rows, points), dB: a tilt around 1 kHz and independent deviations at every point."""
        tilt = generator.uniform(*config.spectral_tilt_db_per_octave, (rows, 1)) * self.octaves_over_1_khz
        deviation = generator.standard_normal((rows, len(self.octaves_over_1_khz))).clip(-2, 2) * config.equaliser_db
        return (tilt + deviation).astype(np.float32)

    def gains(self, points_db: np.ndarray) -> Tensor:
        """Points (rows, points) in dB to factors of amplitude (rows, n_fft // 2 + 1)."""
        points = torch.from_numpy(points_db * np.float32(math.log(10) / 20)).to(self.weight.device)
        # two look-ups and not one matrix product, which rounds a single row in another way than the same among others
        lower, upper = points.index_select(1, self.lower), points.index_select(1, self.lower + 1)
        return torch.lerp(lower, upper, self.weight).exp()


def band_limit_gains(
    low_pass_hz: np.ndarray, high_pass_hz: np.ndarray, *, n_fft: int, sample_rate: int, device: torch.device
) -> Tensor:
    """Butterworth magnitudes of a low-pass and a high-pass for each row; NaN stands for none.

    Returns
    -------
    Tensor, shape (rows, n_fft // 2 + 1), factors of amplitude in [0, 1]
    """
    log_frequency = _log_frequency(n_fft, sample_rate, device)
    gains = torch.ones(len(low_pass_hz), len(log_frequency), device=device)
    for cutoff_hz, order, sign in ((low_pass_hz, LOW_PASS_ORDER, 1), (high_pass_hz, HIGH_PASS_ORDER, -1)):
        limited = np.flatnonzero(~np.isnan(cutoff_hz))
        if len(limited):
            rows = torch.from_numpy(limited).to(device)
            log_cutoff = torch.from_numpy(np.log(cutoff_hz[limited])).to(device)[:, None]
            # |H|² = 1 / (1 + (f / fc)^(±2 order))
            gains[rows] *= (1 + (sign * 2 * order * (log_frequency - log_cutoff)).clamp(max=80).exp()).rsqrt()
    return gains


@lru_cache
def _log_frequency(n_fft: int, sample_rate: int, device: torch.device) -> Tensor:
    return torch.fft.rfftfreq(n_fft, 1 / sample_rate, device=device).clamp(min=1).log()
