"""Short-time objective intelligibility (STOI) of speech, differentiable.

This is a training loss, not the score: signals stay at their own sample rate, and segments begin at every few frames
only. The score itself is in ``evaluate/metrics.py``; a test holds the two against each other.

Equations: Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted noisy speech",
TASLP 2011; as a loss: Kolbæk, Tan & Jensen, "Monaural speech enhancement using deep neural networks by maximizing a
short-time objective intelligibility measure", ICASSP 2018.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from undin.train.power_spectrum import power_spectrum

FRAME_MS = 25.6
BANDS, MIN_CENTRE_HZ = 15, 150.0
"""Third-octave bands."""
MAX_FREQUENCY_HZ = 5000.0
"""What lies above is not heard by STOI, whose own sample rate is 10 kHz."""
SEGMENT_FRAMES = 30
SEGMENT_STEP_FRAMES = 5
"""STOI has a segment begin at every frame; its mean hardly changes (see the test) where they begin at every fifth."""
DYNAMIC_RANGE_DB = 40.0
"""Frames in which clean speech is softer than in its loudest by more than this are silent and left out."""
MIN_SDR_DB = -15.0
"""Lower bound of the signal-to-distortion ratio, by which the estimate is clipped."""
SILENCE = 1e-12
MIN_NORM = 3e-3
"""Below this share of clean speech a segment is not brought to its level, nor to one what varies in a segment: the
gradient of a nearly silent estimate would drown all others."""
POWER_FLOOR = 1e-10
"""Added to the power in a band before its root, relative to the loudest frame of clean speech."""


def stoi(estimate: Tensor, clean: Tensor, *, sample_rate: int) -> Tensor:
    """STOI of every item.

    Parameters
    ----------
    estimate, clean : Tensor
        Waveforms ``(B, N)`` at any level.
    sample_rate : int
        Hz.

    Returns
    -------
    Tensor
        ``(B,)``, about 0 (lost) to 1 (all understood); 1 where there is too little clean speech for STOI, that is
        less than 30 frames or 0.4 s.
    """
    bands = _Bands.of(sample_rate, clean.device)
    with torch.no_grad():
        clean_power, frame_power = bands.power(clean)
        loudest = frame_power.amax(1, keepdim=True)
        heard = frame_power > loudest * 10 ** (-DYNAMIC_RANGE_DB / 10)
        scale = (1 / torch.where(loudest > SILENCE, loudest, 1.0))[:, None]
        # Heard frames move up to the front in their order, so that every shape stays what it was.
        order = torch.argsort(~heard, dim=1, stable=True)[:, None].expand_as(clean_power)
        clean_segments = _segments(clean_power * scale, order)
        level = _norm(clean_segments, floor=SILENCE)
        clean_segments = clean_segments / level
        deviation = _centred(clean_segments)
        deviation = deviation / _norm(deviation, floor=MIN_NORM)
        whole = SEGMENT_STEP_FRAMES * torch.arange(clean_segments.shape[2], device=clean.device) + SEGMENT_FRAMES
        weight = ((whole <= heard.sum(1, keepdim=True)) & (loudest > SILENCE)).float()
    segments = _segments(bands.power(estimate)[0] * scale, order) / level
    segments = segments / _norm(segments, floor=MIN_NORM)
    segments = _centred(torch.minimum(segments, clean_segments * (1 + 10 ** (-MIN_SDR_DB / 20))))
    correlation = (deviation * segments).sum(-1) / _norm(segments, floor=MIN_NORM)[..., 0]
    counted = weight.sum(1)
    mean = (correlation.mean(1) * weight).sum(1) / counted.clamp_min(1)
    return torch.where(counted > 0, mean, 1.0)


def _segments(power: Tensor, order: Tensor) -> Tensor:
    """Amplitudes in overlapping segments, ``(B, bands, S, frames)``, of powers ``(B, bands, T)`` in this order."""
    amplitude = (power.gather(2, order) + POWER_FLOOR).sqrt()
    return amplitude.unfold(2, SEGMENT_FRAMES, SEGMENT_STEP_FRAMES)


def _centred(segments: Tensor) -> Tensor:
    return segments - segments.mean(-1, keepdim=True)


def _norm(segments: Tensor, *, floor: float) -> Tensor:
    return (torch.square(segments).sum(-1, keepdim=True) + floor**2).sqrt()


class _Bands:
    """Third-octave bands for one sample rate."""

    def __init__(self, sample_rate: int, device: torch.device):
        self.hop = round(FRAME_MS * sample_rate / 2000)
        self.samples = 2 * self.hop
        self.n_fft = 2 ** (self.samples - 1).bit_length()
        self.window = torch.hann_window(self.samples, device=device)
        bin_hz = sample_rate / self.n_fft
        centres_hz = MIN_CENTRE_HZ * 2 ** (torch.arange(BANDS, dtype=torch.float64) / 3)
        centres_hz = centres_hz[centres_hz < sample_rate / 2]
        low_hz, high_hz = centres_hz * 2 ** (-1 / 6), centres_hz * 2 ** (1 / 6)
        # The low bands are as narrow as the bins, so a bin on the edge of two bands is divided between them.
        frequencies_hz = bin_hz * torch.arange(self.n_fft // 2 + 1, dtype=torch.float64)[:, None]
        upper_hz = torch.minimum(frequencies_hz + bin_hz / 2, high_hz)
        lower_hz = torch.maximum(frequencies_hz - bin_hz / 2, low_hz)
        self.share = ((upper_hz - lower_hz).clamp_min(0) / bin_hz).float().to(device)
        self.audible = (frequencies_hz[:, 0] <= MAX_FREQUENCY_HZ).float().to(device)

    @staticmethod
    @lru_cache
    def of(sample_rate: int, device: torch.device) -> "_Bands":
        # made in validation too, and kept for training
        with torch.inference_mode(False):
            return _Bands(sample_rate, device)

    def power(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Power in every frame of ``(B, N)``: in each band ``(B, bands, T)``, and in all that STOI hears ``(B, T)``."""
        least = self.samples + (SEGMENT_FRAMES - 1) * self.hop
        wave = functional.pad(wave, (0, max(0, least - wave.shape[1])))
        power = power_spectrum(wave, self.window, hop=self.hop, n_fft=self.n_fft)
        return (power @ self.share).transpose(1, 2), power @ self.audible
