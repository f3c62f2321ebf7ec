"""Perceived disturbance of speech: how loud the difference sounds, as PESQ measures it, differentiable.

This is a training loss, not PESQ: signals are not aligned in time, and bad intervals not measured again. The score
itself is in ``evaluate/metrics.py``.

Equations: ITU-T P.862 (2001), section 10.2, for wide-band speech with the input filter of P.862.2 (2007); its use as a
loss by Martín-Doñas et al., "A deep learning loss function based on the perceptual evaluation of the speech quality",
SPL 2018. In place of P.862's tables stand the formulas behind them: the Bark scale of Zwicker & Terhardt, JASA 1980,
and Terhardt's threshold of hearing, JASA 1979.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from undin.train.power_spectrum import power_spectrum

FRAME_MS = 32.0
FIRST_WIDTH_BARK, WIDTH_GROWS = 0.313, 0.0128
"""A band at z Bark is ``FIRST_WIDTH_BARK + WIDTH_GROWS · z`` wide: 49 bands to 8 kHz, as in P.862."""
LEVEL_BAND_HZ = (350.0, 3250.0)
LEVEL_DB = 83.6
"""Mean level of both signals in that band. P.862 brings them to a power of 1e7, where a tone of 436 has 40 dB."""
FILTER_GAIN_DB, FILTER_CORNER_HZ = 9.0, 100.0
"""P.862.2's input filter is a high-pass of the second order (Butterworth), and raises what it passes."""
MIN_LEVEL = 1e-2
"""An estimate is raised to the level as if it had this share of the power of clean speech at least."""
AUDIBLE, SPOKEN_POWER = 1e2, 1e7
"""Frames of clean speech with less power in what is 20 dB above the threshold are pauses."""
RESPONSE_OFFSET, MAX_RESPONSE = 1e3, 2.0
"""How the estimate is coloured as a whole disturbs little: clean speech is coloured alike before it is compared, by up
to 3 dB. P.862 allows 20 dB, and a network then learns to muffle speech, since what is soft is little disturbed."""
SONE_SCALE, STEVENS_EXPONENT = 0.187, 0.23
DEAD_ZONE = 0.25
"""Share of the weaker loudness by which the louder may differ unheard."""
ASYMMETRY_POWER, ASYMMETRY_OFFSET, MIN_ASYMMETRY, MAX_ASYMMETRY = 1.2, 50.0, 3.0, 12.0
SYMMETRIC_WEIGHT, ASYMMETRIC_WEIGHT = 0.1, 0.0309
MAX_DISTURBANCE = 45.0
POWER_UNIT, WEIGHT_OFFSET, WEIGHT_EXPONENT = 1e7, 1e5, 0.04
"""Loud frames of clean speech count a little less: by their power in these units, to this exponent."""
GAIN_OFFSET, MIN_GAIN, MAX_GAIN, GAIN_FOLLOWS, GAIN_FRAMES = 5e3, 3e-4, 5.0, 0.8, 4
"""Slow changes of level disturb little: each frame of the estimate gets a gain towards clean speech, smoothed by a
filter of the first order, cut after so many frames."""
SECOND_FRAMES, SECOND_POWER = 20, 6
"""A disturbance within a third of a second is remembered at nearly its worst; over the whole signal the mean square
counts."""
SILENCE = 1e-12


def perceived_disturbance(estimate: Tensor, clean: Tensor, *, sample_rate: int) -> Tensor:
    """Disturbance as P.862 takes it from its best score of 4.5.

    Parameters
    ----------
    estimate, clean : Tensor
        Waveforms ``(B, N)`` of any level.
    sample_rate : int
        Hz.

    Returns
    -------
    Tensor
        ``(B,)``, 0 for equal signals, about 3.8 for speech in noise of 5 dB; 0 where clean speech is silent.
    """
    bands = _Bands.of(sample_rate, clean.device)
    (clean_power, level), (estimate_power, estimate_level) = map(bands.power, (clean, estimate))
    silent = level <= SILENCE
    level = level + silent
    clean_power = clean_power / level
    estimate_power = estimate_power / estimate_level.maximum(MIN_LEVEL * level)

    clean_power = clean_power * bands.response(clean_power, estimate_power)
    total, estimate_total = (_above(bands.threshold, power).sum(-1) for power in (clean_power, estimate_power))
    estimate_power = estimate_power * bands.frame_gain(total, estimate_total)[..., None]
    power = torch.stack((clean_power, estimate_power))

    clean_loudness, loudness = bands.loudness(power)
    dead_zone = DEAD_ZONE * torch.minimum(loudness, clean_loudness).detach()
    disturbance = bands.width_bark * functional.relu((loudness - clean_loudness).abs() - dead_zone)
    clean_log, log = torch.log(power + ASYMMETRY_OFFSET)
    asymmetry = _clamped(torch.exp(ASYMMETRY_POWER * (log - clean_log)), 0.0, MAX_ASYMMETRY)
    asymmetry = functional.threshold(asymmetry, MIN_ASYMMETRY, 0.0)

    symmetric = (bands.all_bark * (torch.square(disturbance).sum(-1) + SILENCE)).sqrt()
    asymmetric = (disturbance * asymmetry).sum(-1)
    weight = ((total + WEIGHT_OFFSET) / POWER_UNIT) ** -WEIGHT_EXPONENT
    both = torch.stack((symmetric, asymmetric), dim=1) * weight[:, None]
    return _over_time(_clamped(both, -1.0, MAX_DISTURBANCE)) @ bands.weights * ~silent[:, 0, 0]


def _over_time(disturbance: Tensor) -> Tensor:
    """Sum up the frames ``(…, T)`` by the norms of P.862: ``(…)``."""
    missing = max(0, SECOND_FRAMES - disturbance.shape[-1])
    seconds = functional.pad(disturbance, (0, missing)) if missing else disturbance
    seconds = seconds.unfold(-1, SECOND_FRAMES, SECOND_FRAMES // 2)
    seconds = (torch.mean(seconds**SECOND_POWER, dim=-1) + SILENCE) ** (1 / SECOND_POWER)
    return (torch.square(seconds).mean(-1) + SILENCE).sqrt()


def _above(threshold: Tensor, power: Tensor) -> Tensor:
    """The power of bands that are above their threshold, 0 for others."""
    return power * (power > threshold)


def _clamped(x: Tensor, low: float, high: float) -> Tensor:
    """The same as ``x.clamp(low, high)``, with a gradient of one operator and not five."""
    return functional.hardtanh(x, low, high)


class _Bands:
    """The ear's bands for one sample rate."""

    def __init__(self, sample_rate: int, device: torch.device):
        self.samples = round(FRAME_MS * sample_rate / 1000)
        self.window = torch.hann_window(self.samples, device=device)
        frequency_hz = torch.arange(self.samples // 2 + 1, dtype=torch.float64) * sample_rate / self.samples
        bark = 13 * torch.atan(7.6e-4 * frequency_hz) + 3.5 * torch.atan(torch.square(frequency_hz / 7500))

        # A bin counts for the band whose centre is nearest; the band around 0 Hz is left out, as in P.862.
        growth_in_widths = WIDTH_GROWS / FIRST_WIDTH_BARK
        band = torch.log1p(growth_in_widths * bark) / WIDTH_GROWS
        centres = torch.arange(1, int(band[-1].round()) + 1, dtype=torch.float64)
        inside = (band.round()[:, None] == centres).double()
        centre_bark = torch.expm1(WIDTH_GROWS * centres) / growth_in_widths
        centre_khz = (inside * frequency_hz[:, None]).sum(0) / inside.sum(0) / 1000

        # 0 dB is a power of 1. The bins of a frame add up to its power times this: those of negative frequencies lack.
        per_power = self.samples / 2 * torch.square(self.window).sum().item()
        in_band = (frequency_hz >= LEVEL_BAND_HZ[0]) & (frequency_hz <= LEVEL_BAND_HZ[1])
        corners = (frequency_hz / FILTER_CORNER_HZ) ** 4
        gain = 10 ** ((LEVEL_DB + FILTER_GAIN_DB) / 10) * corners / (1 + corners)
        # of every bin in each band, and last in that by which signals are levelled
        share = torch.cat((inside * gain[:, None], in_band[:, None]), dim=1)
        self.share = (share / per_power).float().to(device)

        width_bark = FIRST_WIDTH_BARK + WIDTH_GROWS * centre_bark
        self.width_bark, self.all_bark = width_bark.float().to(device), width_bark.sum().item()
        threshold_db = 3.64 * centre_khz**-0.8 - 6.5 * torch.exp(-0.6 * (centre_khz - 3.3) ** 2) + 1e-3 * centre_khz**4
        self.threshold = (10 ** (threshold_db.clamp_max(70) / 10)).float().to(device)
        # Below 4 Bark loudness grows faster with power (P.862: an exponent up to 2^0.15 times Stevens's).
        growth = torch.where(centre_bark < 4, (6 / (centre_bark + 2)).clamp_max(2) ** 0.15, 1.0)
        self.exponent = (STEVENS_EXPONENT * growth).float().to(device)
        self.loud = AUDIBLE * self.threshold
        self.half_per_threshold = 0.5 / self.threshold
        self.scale = SONE_SCALE * (self.threshold / 0.5) ** self.exponent
        self.log_scale = self.scale.log()
        self.weights = torch.tensor([SYMMETRIC_WEIGHT, ASYMMETRIC_WEIGHT], device=device)
        memory = GAIN_FOLLOWS * (1 - GAIN_FOLLOWS) ** torch.arange(GAIN_FRAMES - 1, -1, -1.0, device=device)
        self.memory = (memory / memory.sum())[None, None]

    @staticmethod
    @lru_cache(maxsize=4)
    def of(sample_rate: int, device: torch.device) -> "_Bands":
        # made in validation too, and kept for training
        with torch.inference_mode(False):
            return _Bands(sample_rate, device)

    def power(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Power of ``(B, N)`` in every frame and band ``(B, T, bands)``, and the mean in the level's ``(B, 1, 1)``."""
        padded = functional.pad(wave, (0, self.samples))
        spectrum = power_spectrum(padded, self.window, hop=self.samples // 2, n_fft=self.samples)
        power, level = (spectrum @ self.share).split((len(self.threshold), 1), dim=-1)
        return power, level.mean(1, keepdim=True)

    def response(self, clean_power: Tensor, estimate_power: Tensor) -> Tensor:
        """How the estimate colours clean speech ``(B, 1, bands)``: a quotient of means while there is speech."""
        clean, estimate = (_above(self.loud, power) for power in (clean_power, estimate_power))
        spoken = clean.sum(-1, keepdim=True) > SPOKEN_POWER
        clean_mean, estimate_mean = ((spoken * power).mean(1, keepdim=True) for power in (clean, estimate))
        quotient = (estimate_mean + RESPONSE_OFFSET) / (clean_mean + RESPONSE_OFFSET)
        return _clamped(quotient, 1 / MAX_RESPONSE, MAX_RESPONSE)

    def frame_gain(self, clean_power: Tensor, estimate_power: Tensor) -> Tensor:
        """Gain ``(B, T)`` in power that makes frames of the estimate as loud as those of clean speech."""
        gain = (clean_power + GAIN_OFFSET) / (estimate_power + GAIN_OFFSET)
        past = functional.pad(gain[:, None], (GAIN_FRAMES - 1, 0), value=1.0)
        return _clamped(functional.conv1d(past, self.memory)[:, 0], MIN_GAIN, MAX_GAIN)

    def loudness(self, power: Tensor) -> Tensor:
        """Loudness density in sone per Bark (Zwicker), 0 below the threshold of hearing."""
        # a power as the exponential of a logarithm takes a third of the time
        growth = self.exponent * torch.log(0.5 + power * self.half_per_threshold)
        return functional.relu(torch.exp(growth + self.log_scale) - self.scale)
