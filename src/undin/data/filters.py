"""Random frequency responses: a gentle equaliser and band limits, as gains for the bins of a long FFT.

All are zero phase: they change what a segment sounds like, never when it sounds, so noisy and clean stay aligned.
"""

import numpy as np
import torch
from torch import Tensor

from undin.data.mixing_config import MixingConfig

POINTS_PER_OCTAVE = 1.5
LOWEST_HZ = 50.0
LOW_PASS_ORDER = 24
"""Order of the low-pass's Butterworth magnitude: 140 dB per octave, since codecs and resamplers cut hard."""
HIGH_PASS_ORDER = 4
"""Order of the high-pass's: telephones and microphones fall off gently."""
DB_PER_NEPER = 20 / np.log(10)


class Equaliser:
    """Smooth responses given by their dB at points spaced evenly in log frequency, with raised cosines in between.

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
        position = POINTS_PER_OCTAVE * np.log2(frequency_hz.clip(min=LOWEST_HZ) / LOWEST_HZ)
        points = np.arange(int(np.ceil(position[-1])) + 1)
        distance = np.abs(position - points[:, None]).clip(max=1)
        # raised cosines one point apart add up to one, so equal points give a flat response
        self.basis = torch.from_numpy((0.5 + 0.5 * np.cos(np.pi * distance)).astype(np.float32)).to(device)
        self.octaves_over_1_khz = points / POINTS_PER_OCTAVE + np.log2(LOWEST_HZ / 1000)

    def draw(self, generator: np.random.Generator, rows: int, config: MixingConfig) -> np.ndarray:
        """Random responses (rows, points), dB: a tilt around 1 kHz and independent deviations at every point."""
        tilt = generator.uniform(*config.spectral_tilt_db_per_octave, (rows, 1)) * self.octaves_over_1_khz
        deviation = generator.standard_normal((rows, len(self.octaves_over_1_khz))).clip(-2, 2) * config.equaliser_db
        return (tilt + deviation).astype(np.float32)

    def gains(self, points_db: np.ndarray, limits_db: Tensor | float) -> Tensor:
        """Factors for the bins (rows, n_fft // 2 + 1) from points (rows, points) in dB and further gains in dB."""
        response_db = torch.from_numpy(points_db).to(self.basis.device) @ self.basis
        return torch.exp((response_db + limits_db) / DB_PER_NEPER)


def band_limit_db(
    low_pass_hz: np.ndarray, high_pass_hz: np.ndarray, *, n_fft: int, sample_rate: int, device: torch.device
) -> Tensor:
    """Butterworth magnitudes of a low-pass and a high-pass for each row; NaN stands for none.

    Returns
    -------
    Tensor, shape (rows, n_fft // 2 + 1), dB, ≤ 0
    """
    frequency_hz = torch.fft.rfftfreq(n_fft, 1 / sample_rate, device=device)
    log_frequency = frequency_hz.clamp(min=1).log()
    limits_db = torch.zeros(len(low_pass_hz), len(frequency_hz), device=device)
    for cutoff_hz, order, sign in ((low_pass_hz, LOW_PASS_ORDER, 1), (high_pass_hz, HIGH_PASS_ORDER, -1)):
        rows = np.flatnonzero(~np.isnan(cutoff_hz))
        if len(rows):
            log_cutoff = torch.from_numpy(np.log(cutoff_hz[rows])).to(device)[:, None]
            # |H|² = 1 / (1 + (f / fc)^(2 order)), so −ln|H| is half a softplus of the exponent
            exponent = sign * 2 * order * (log_frequency - log_cutoff)
            neper = torch.nn.functional.softplus(exponent) / 2
            limits_db[torch.from_numpy(rows).to(device)] -= DB_PER_NEPER * neper
    return limits_db
