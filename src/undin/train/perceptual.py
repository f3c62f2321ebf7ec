"""Perceived disturbance of speech: how loud the difference sounds, in the way of PESQ, differentiable.

This is a training loss, not PESQ: signals are not aligned in time and their responses not equalised. The score itself
is in ``evaluate/metrics.py``.

Equations: ITU-T P.862 (2001), section 10.2, and its use as a loss by Martín-Doñas et al., "A deep learning loss
function based on the perceptual evaluation of the speech quality", SPL 2018. In place of P.862's tables stand the
formulas behind them: bands of equal width on the Bark scale of Wang et al., JSAC 1992, and Terhardt's threshold of
hearing, JASA 1979.
"""

from functools import lru_cache
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from undin.train.power_spectrum import power_spectrum

FRAME_MS = 32.0
BANDS_PER_BARK = 2.5
SPEECH_POWER = 10**6.5
"""Of a frame over all bands, in units of the reference of sound pressure: speech is heard at 65 dB."""
SONE_SCALE, STEVENS_EXPONENT = 0.187, 0.23
DEAD_ZONE = 0.25
"""Share of the weaker loudness by which the louder may differ unheard."""
ASYMMETRY_POWER, ASYMMETRY_OFFSET, LEAST_ASYMMETRY, MOST_ASYMMETRY = 1.2, 50.0, 3.0, 12.0
SYMMETRIC_WEIGHT, ASYMMETRIC_WEIGHT = 0.164, 0.027
"""P.862 has 0.1 and 0.0309. These fit its raw score on noisy, enhanced and half enhanced speech (correlation 0.94)."""
MOST_DISTURBANCE = 45.0
MOST_GAIN, GAIN_FOLLOWS, GAIN_FRAMES = 5.0, 0.8, 4
"""Slow changes of level disturb little: each frame of the estimate gets up to this gain towards clean speech, smoothed
by a filter of the first order, cut after so many frames."""
SECOND_FRAMES, SECOND_POWER = 20, 6
"""A disturbance within a third of a second is remembered at nearly its worst; over the whole signal the mean square
counts."""
SILENCE = 1e-12


def perceived_disturbance(estimate: Tensor, clean: Tensor, *, sample_rate: int) -> Tensor:
    """Disturbance as P.862 takes it from its best score of 4.5.

    Parameters
    ----------
    estimate, clean : Tensor
        Waveforms ``(B, N)``, brought to the level of hearing by one gain, that of clean speech.
    sample_rate : int
        Hz.

    Returns
    -------
    Tensor
        ``(B,)``, 0 for equal signals, about 3 for speech in noise of 5 dB; 0 where clean speech is silent.
    """
    bands = _Bands.of(sample_rate, clean.device)
    clean_power, estimate_power = bands.power(clean), bands.power(estimate)
    total = clean_power.sum(-1)
    # Frames more than 30 dB below the mean are pauses, and do not count for the level.
    active = total > 1e-3 * total.mean(-1, keepdim=True)
    level = (total * active).sum(-1) / active.sum(-1).clamp_min(1)
    heard = level > SILENCE
    gain = (SPEECH_POWER / torch.where(heard, level, 1.0))[:, None, None]
    clean_power, estimate_power = clean_power * gain, estimate_power * gain
    estimate_power = estimate_power * _frame_gain(clean_power.sum(-1), estimate_power.sum(-1))[..., None]

    clean_loudness = bands.loudness(clean_power)
    difference = bands.loudness(estimate_power) - clean_loudness
    dead_zone = DEAD_ZONE * torch.minimum(difference + clean_loudness, clean_loudness).detach()
    disturbance = functional.relu(difference.abs() - dead_zone)
    asymmetry = _power((estimate_power + ASYMMETRY_OFFSET) / (clean_power + ASYMMETRY_OFFSET), ASYMMETRY_POWER)
    asymmetry = functional.threshold(asymmetry.clamp_max(MOST_ASYMMETRY), LEAST_ASYMMETRY, 0.0)

    symmetric = bands.width_bark * (bands.count * (torch.square(disturbance).sum(-1) + SILENCE)).sqrt()
    asymmetric = bands.width_bark * (disturbance * asymmetry).sum(-1)
    weight = ((clean_power.sum(-1) + 0.03 * SPEECH_POWER) / SPEECH_POWER) ** 0.04
    symmetric, asymmetric = (
        _over_time((part / weight).clamp_max(MOST_DISTURBANCE)) for part in (symmetric, asymmetric)
    )
    return torch.where(heard, SYMMETRIC_WEIGHT * symmetric + ASYMMETRIC_WEIGHT * asymmetric, 0.0)


def _frame_gain(clean_power: Tensor, estimate_power: Tensor) -> Tensor:
    """Gain ``(B, T)`` in power that makes frames of the estimate as loud as those of clean speech."""
    floor = 1.5e-3 * SPEECH_POWER
    gain = ((clean_power + floor) / (estimate_power + floor)).clamp_max(MOST_GAIN)
    memory = GAIN_FOLLOWS * (1 - GAIN_FOLLOWS) ** torch.arange(GAIN_FRAMES - 1, -1, -1.0, device=gain.device)
    past = functional.pad(gain[:, None], (GAIN_FRAMES - 1, 0), value=1.0)
    return functional.conv1d(past, (memory / memory.sum())[None, None])[:, 0]


def _over_time(disturbance: Tensor) -> Tensor:
    """Sum up the frames ``(B, T)`` by the norms of P.862: ``(B,)``."""
    missing = max(0, SECOND_FRAMES - disturbance.shape[1])
    seconds = functional.pad(disturbance, (0, missing)).unfold(1, SECOND_FRAMES, SECOND_FRAMES // 2)
    seconds = (torch.mean(seconds**SECOND_POWER, dim=-1) + SILENCE) ** (1 / SECOND_POWER)
    return (torch.square(seconds).mean(-1) + SILENCE).sqrt()


def _power(base: Tensor, exponent: Tensor | float) -> Tensor:
    """``base ** exponent`` of what is above 0, in a third of the time."""
    return torch.exp(exponent * torch.log(base))


class _Bands:
    """The ear's bands for one sample rate."""

    def __init__(self, sample_rate: int, device: torch.device):
        self.samples = round(FRAME_MS * sample_rate / 1000)
        self.window = torch.hann_window(self.samples, device=device)
        frequencies_hz = torch.arange(self.samples // 2 + 1, dtype=torch.float64) * sample_rate / self.samples
        bark = 6 * torch.asinh(frequencies_hz / 600)
        self.count = ceil(BANDS_PER_BARK * bark[-1].item())
        self.width_bark = bark[-1].item() / self.count
        # Each bin feeds the two bands whose centres are nearest, so that no low band is left without a bin.
        position = bark / self.width_bark - 0.5
        centres = torch.arange(self.count, dtype=torch.float64)
        share = (1 - (position[:, None] - centres).abs()).clamp_min(0)
        self.share = (share / share.sum(1, keepdim=True).clamp_min(SILENCE)).float().to(device)
        centre_bark = (centres + 0.5) * self.width_bark
        centre_khz = 0.6 * torch.sinh(centre_bark / 6)
        threshold_db = 3.64 * centre_khz**-0.8 - 6.5 * torch.exp(-0.6 * (centre_khz - 3.3) ** 2) + 1e-3 * centre_khz**4
        self.threshold = (10 ** (threshold_db.clamp_max(70) / 10)).float().to(device)
        # Below 4 Bark loudness grows faster with power (P.862: an exponent up to 2^0.15 times Stevens's).
        growth = torch.where(centre_bark < 4, (6 / (centre_bark + 2)).clamp_max(2) ** 0.15, 1.0)
        self.exponent = (STEVENS_EXPONENT * growth).float().to(device)
        self.scale = SONE_SCALE * (self.threshold / 0.5) ** self.exponent

    @staticmethod
    @lru_cache(maxsize=4)
    def of(sample_rate: int, device: torch.device) -> "_Bands":
        # made in validation too, and kept for training
        with torch.inference_mode(False):
            return _Bands(sample_rate, device)

    def power(self, wave: Tensor) -> Tensor:
        """Power in every band of every frame of ``(B, N)``: ``(B, T, bands)``."""
        padded = functional.pad(wave, (0, self.samples))
        return power_spectrum(padded, self.window, hop=self.samples // 2, n_fft=self.samples) @ self.share

    def loudness(self, power: Tensor) -> Tensor:
        """Loudness density in sone per Bark (Zwicker), 0 below the threshold of hearing."""
        excess = _power(0.5 + 0.5 * power / self.threshold, self.exponent) - 1
        return self.scale * functional.relu(excess)
