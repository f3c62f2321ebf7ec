"""Training losses: what an estimate is told about its distance from clean speech.

Each loss is a function ``(signals, *, options) → (B,)``: one value an item, so that the mean over a batch is the mean
over its parts, however the batch is spread over processes. Their gradients are finite everywhere, also where clean
speech or the estimate is silent. Recipes name them (`LOSSES`) and set their weights and options.
Metrics for people are in ``evaluate/metrics.py``; where losses are added up is ``objective.py``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from undin.nn.spectrum import Spectrum
from undin.train import intelligibility, perceptual
from undin.train.power_spectrum import squared_magnitude

POWER_FLOOR = 1e-8
"""Added to ``|X|²`` before a root or a division: 1e-4 in amplitude, below 16-bit noise in a frame of 512 samples."""

SILENCE_POWER = 1e-8
"""Mean square below which (−80 dBFS) clean speech counts as silent and has no SI-SDR."""

SI_SDR_FLOOR = 1e-6
"""Floor of target and residual against the energy of clean speech: SI-SDR saturates near ±60 dB."""


@dataclass(frozen=True)
class Signals:
    """The signals of one step. What a loss asks for is computed once; what none asks for is not computed.

    Attributes
    ----------
    spectrum : Spectrum
        The analysis of the recipe.
    sample_rate : int
        Hz.
    clean, noisy : Tensor
        Waveforms ``(B, N)``, full scale 1.
    estimate_spec, noisy_spec : Tensor
        Output and input of the network, ``(B, T, F, 2)``.
    """

    spectrum: Spectrum
    sample_rate: int
    clean: Tensor
    noisy: Tensor
    estimate_spec: Tensor
    noisy_spec: Tensor

    @cached_property
    def clean_spec(self) -> Tensor:
        """Spectrum of clean speech ``(B, T, F, 2)``."""
        return self.spectrum.analyse(self.clean)

    @cached_property
    def estimate(self) -> Tensor:
        """Waveform of the estimate ``(B, N)``."""
        return self.spectrum.synthesise(self.estimate_spec, samples=self.clean.shape[1])

    @cached_property
    def consistent_spec(self) -> Tensor:
        """Spectrum of the estimate's waveform ``(B, T, F, 2)``: what a listener's own analysis would see."""
        return self.spectrum.analyse(self.estimate)


def compressed_spectrum(
    signals: Signals,
    *,
    power: float = 0.3,
    complex_share: float = 0.3,
    over_suppression: float = 1.0,
    treble_hz: float = math.inf,
    treble_weight: float = 1.0,
) -> Tensor:
    """Squared error of compressed magnitudes and of compressed complex spectra.

    ``(1 − λ) mean(|S|^c − |Ŝ|^c)² + λ mean(| |S|^c e^{jφ_S} − |Ŝ|^c e^{jφ_Ŝ} |²)`` with c = `power`, λ =
    `complex_share`: Braun & Tashev, "A consolidated view of loss functions for supervised deep learning-based speech
    enhancement", TSP 2021, without its normalisation by level; the compression is that of Ephrat et al., "Looking to
    listen at the cocktail party", ToG 2018. Where the estimate is softer than clean speech the error of magnitudes is
    multiplied by `over_suppression` before it is squared: Wang et al., "VoiceFilter-Lite: streaming targeted voice
    separation for on-device speech recognition", Interspeech 2020 (there the "asymmetric loss").

    From `treble_hz` up magnitudes alone are compared, `treble_weight` times: a real gain, which is what a network has
    there, cannot mend the phase, and answers an error of phase by softer treble.
    """
    bins = signals.clean_spec.shape[2]
    low = math.ceil(min(treble_hz * signals.spectrum.n_fft / signals.sample_rate, bins))
    (clean_magnitude, clean_phasor), (magnitude, phasor) = (
        _compressed(spec, power, phasors=low) for spec in (signals.clean_spec, signals.estimate_spec)
    )
    errors = torch.square(functional.leaky_relu(magnitude - clean_magnitude, over_suppression))
    complex_error = _mean(squared_magnitude(phasor - clean_phasor))
    total = torch.lerp(_mean(errors[:, :, :low]), complex_error, complex_share)
    if low == bins:
        return total
    return torch.lerp(total, treble_weight * _mean(errors[:, :, low:]), 1 - low / bins)


def magnitude_real_imaginary(signals: Signals) -> Tensor:
    """Absolute errors of real part, imaginary part and magnitude, summed.

    ``mean(|Re Ŝ − Re S| + |Im Ŝ − Im S| + ||Ŝ| − |S||)``: Wang, Wichern & Le Roux, "On the compensation between
    magnitude and phase in speech separation", SPL 2021 (there "RI+Mag").
    """
    parts = (signals.estimate_spec - signals.clean_spec).abs().sum(-1)
    magnitudes = (_power(signals.estimate_spec).sqrt() - _power(signals.clean_spec).sqrt()).abs()
    return _mean(parts + magnitudes)


def waveform_l1(signals: Signals) -> Tensor:
    """Absolute error of the waveform, ``mean |ŝ − s|``: Défossez et al., "Real time speech enhancement in the waveform
    domain", Interspeech 2020, first term of its loss."""
    return _mean((signals.estimate - signals.clean).abs())


def waveform_mse(signals: Signals) -> Tensor:
    """Squared error of the waveform, ``mean (ŝ − s)²``: the baseline of Fu et al., "End-to-end waveform utterance
    enhancement for direct evaluation metrics optimization by fully convolutional neural networks", TASLP 2018."""
    return _mean(torch.square(signals.estimate - signals.clean))


def si_sdr(signals: Signals) -> Tensor:
    """Negative scale-invariant signal-to-distortion ratio in dB.

    ``−10 log10(‖αs‖² / ‖ŝ − αs‖²)`` with ``α = ŝᵀs / ‖s‖²``: Le Roux et al., "SDR – half-baked or well done?",
    ICASSP 2019, eq. 5. Items whose clean speech is silent have no such ratio and count as 0 dB.
    """
    clean, estimate = signals.clean, signals.estimate
    heard, energy = _heard_energy(clean)
    target = ((estimate * clean).sum(1) / energy)[:, None] * clean
    floor = SI_SDR_FLOOR * energy
    ratio = (torch.square(target).sum(1) + floor) / (torch.square(estimate - target).sum(1) + floor)
    return torch.where(heard, -10 * torch.log10(ratio), 0.0)


def sdr(signals: Signals, *, most_db: float = 30.0) -> Tensor:
    """Negative signal-to-distortion ratio in dB, which also holds the estimate to the level of clean speech.

    ``10 log10(‖ŝ − s‖² / ‖s‖² + τ)`` with ``τ = 10^(−most_db / 10)``, beyond which little more is to be gained: Wisdom
    et al., "Unsupervised sound separation using mixture invariant training", NeurIPS 2020 (there the "thresholded
    negative SNR"). Where clean speech is silent, the energy of the noisy input takes its place, so that the ratio says
    how much of noise alone is left: Wisdom et al., "What's all the fuss about free universal sound separation data?",
    ICASSP 2021. Items without any sound count as 0 dB.
    """
    (spoken, clean_energy), (heard, noisy_energy) = map(_heard_energy, (signals.clean, signals.noisy))
    energy = torch.where(spoken, clean_energy, noisy_energy)
    distortion = functional.mse_loss(signals.estimate, signals.clean, reduction="none").sum(1) / energy
    return 10 * torch.log10(distortion + 10 ** (-most_db / 10)) * (spoken | heard)


def phase_sensitive_mask(signals: Signals) -> Tensor:
    """Squared error of the mask against the phase-sensitive mask ``|S| / |Y| cos(φ_S − φ_Y)``, truncated to [0, 1].

    Erdogan et al., "Phase-sensitive and recognition-boosted speech separation using deep recurrent neural networks",
    ICASSP 2015 (there the "phase-sensitive filter"). The estimate's mask is the real part of ``Ŝ / Y``, which is the
    mask itself where that is real.
    """
    ideal = _in_phase_gain(signals.clean_spec, signals.noisy_spec).clamp(0, 1)
    return _mean(torch.square(_in_phase_gain(signals.estimate_spec, signals.noisy_spec) - ideal))


def ideal_amplitude_mask(signals: Signals) -> Tensor:
    """Squared error of the mask's magnitude against the ideal amplitude mask ``|S| / |Y|``, truncated to [0, 10].

    Wang, Narayanan & Wang, "On training targets for supervised speech separation", TASLP 2014 (there the "FFT
    mask", truncated likewise).
    """
    noisy_power = _power(signals.noisy_spec)
    ideal = (_power(signals.clean_spec) / noisy_power).sqrt().clamp_max(10)
    return _mean(torch.square((_power(signals.estimate_spec) / noisy_power).sqrt() - ideal))


def consistency(signals: Signals) -> Tensor:
    """Squared distance of the estimated spectrum from the nearest one that a waveform has.

    ``mean |Ŝ − STFT(iSTFT(Ŝ))|²``: Le Roux, Ono & Sagayama, "Explicit consistency constraints for STFT spectrograms",
    SAPA 2008; as a part of training: Wisdom et al., "Differentiable consistency constraints for improved deep
    speech enhancement", ICASSP 2019.
    """
    return _mean(squared_magnitude(signals.estimate_spec - signals.consistent_spec))


def perceived_disturbance(signals: Signals) -> Tensor:
    """How loud the difference sounds, in the way of PESQ; see `perceptual`."""
    return perceptual.perceived_disturbance(signals.estimate, signals.clean, sample_rate=signals.sample_rate)


def stoi(signals: Signals) -> Tensor:
    """One minus short-time objective intelligibility, 0 where clean speech is too short; see `intelligibility`."""
    return 1 - intelligibility.stoi(signals.estimate, signals.clean, sample_rate=signals.sample_rate)


LOSSES: dict[str, Callable[..., Tensor]] = {
    loss.__name__: loss
    for loss in (
        compressed_spectrum,
        magnitude_real_imaginary,
        waveform_l1,
        waveform_mse,
        si_sdr,
        sdr,
        phase_sensitive_mask,
        ideal_amplitude_mask,
        consistency,
        perceived_disturbance,
        stoi,
    )
}


def _heard_energy(waveforms: Tensor) -> tuple[Tensor, Tensor]:
    """Return which items are not silent, and the energy of each, 1 for the silent; both ``(B,)``."""
    energy = torch.square(waveforms).sum(1)
    silent = energy <= SILENCE_POWER * waveforms.shape[1]
    return ~silent, energy.masked_fill_(silent, 1.0)


def _mean(values: Tensor) -> Tensor:
    return values.flatten(1).mean(1)


def _power(spec: Tensor) -> Tensor:
    return squared_magnitude(spec) + POWER_FLOOR


def _compressed(spec: Tensor, power: float, *, phasors: int) -> tuple[Tensor, Tensor]:
    """Return ``|X|^c (B, T, F)`` and, of the lowest bins, ``|X|^c e^{jφ} (B, T, phasors, 2)``."""
    # Exponentials of one logarithm take a third of the time of powers, a complex product half of that of a real one.
    log_power = torch.log(_power(spec))
    gain = torch.exp((power - 1) / 2 * log_power[:, :, :phasors])
    low = torch.view_as_complex(spec[:, :, :phasors].contiguous())
    return torch.exp(power / 2 * log_power), torch.view_as_real(low * gain)


def _in_phase_gain(spec: Tensor, noisy_spec: Tensor) -> Tensor:
    """Real part of ``X / Y``, ``(B, T, F)``."""
    return (spec * noisy_spec).sum(-1) / _power(noisy_spec)
