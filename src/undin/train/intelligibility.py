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
from torch.autograd.function import once_differentiable
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
        clean_power, frame_power = bands.power(clean, bands.share_and_audible).split((bands.count, 1), dim=1)
        loudest = frame_power.amax(2, keepdim=True)
        loudest = loudest + (loudest <= SILENCE)
        heard = frame_power > loudest * 10 ** (-DYNAMIC_RANGE_DB / 10)
        # Heard frames move up to the front in their order, so that every shape stays what it was.
        order = torch.argsort(heard, dim=2, descending=True, stable=True).expand_as(clean_power)
        floor = POWER_FLOOR * loudest
        clean_segments = _segments(clean_power + floor, order)
        level = torch.linalg.vector_norm(clean_segments, dim=-1, keepdim=True)
        clean_segments = clean_segments / level
        most = (1 + 10 ** (-MIN_SDR_DB / 20)) * clean_segments
        deviation = _unit(_centred(clean_segments))
        whole = torch.arange(SEGMENT_FRAMES, heard.shape[2] + 1, SEGMENT_STEP_FRAMES, device=clean.device)
        counted = whole <= heard.sum(2)
        segments_counted = counted.sum(1, keepdim=True)
        deviation *= (counted / (bands.count * segments_counted.clamp_min(1)))[:, None, :, None]
    segments = _unit(_segments(bands.power(estimate, bands.share) + floor, order) / level)
    clipped = torch.where(segments < most, segments, most)  # a gradient of one pass, where that of minimum takes five
    correlation = deviation * _unit(_centred(clipped))
    return correlation.sum((1, 2, 3)) + (segments_counted == 0)[:, 0]


def _segments(power: Tensor, order: Tensor) -> Tensor:
    """Amplitudes in overlapping segments, ``(B, bands, S, frames)``, of powers ``(B, bands, T)`` in this order."""
    return power.gather(2, order).sqrt().unfold(2, SEGMENT_FRAMES, SEGMENT_STEP_FRAMES)


def _centred(segments: Tensor) -> Tensor:
    return segments - segments.mean(-1, keepdim=True)


def _unit(segments: Tensor) -> Tensor:
    """Segments ``(…, frames)`` of norm 1, but for those that are nearly silent."""
    return _Unit.apply(segments)


class _Unit(torch.autograd.Function):
    """``y = x / |x|`` with ``|x|² = Σ x² + MIN_NORM²``, whose gradient is ``(dy − y Σ y dy) / |x|``."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        norm = torch.square(x).sum(-1, keepdim=True).add_(MIN_NORM**2).sqrt_()
        unit = x / norm
        ctx.save_for_backward(unit, norm)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        unit, norm = ctx.saved_tensors
        along = (unit * gradient).sum(-1, keepdim=True)
        return torch.addcmul(gradient, unit, along, value=-1).div_(norm)


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
        share = (upper_hz - lower_hz).clamp_min(0) / bin_hz
        audible = frequencies_hz <= MAX_FREQUENCY_HZ
        self.share_and_audible = torch.cat((share, audible), dim=1).float().to(device)
        self.share, self.count = self.share_and_audible[:, :-1], len(centres_hz)

    @staticmethod
    @lru_cache
    def of(sample_rate: int, device: torch.device) -> "_Bands":
        # made in validation too, and kept for training
        with torch.inference_mode(False):
            return _Bands(sample_rate, device)

    def power(self, wave: Tensor, share: Tensor) -> Tensor:
        """Power of ``(B, N)`` in every frame, ``(B, columns, T)``: by shares of the bins ``(bins, columns)``."""
        missing = self.samples + (SEGMENT_FRAMES - 1) * self.hop - wave.shape[1]
        wave = functional.pad(wave, (0, missing)) if missing > 0 else wave
        power = power_spectrum(wave, self.window, hop=self.hop, n_fft=self.n_fft)
        return (power @ share).transpose(1, 2)
