"""Losses: values that can be worked out by hand, and gradients that stay finite where nothing is heard."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from undin.nn.spectrum import Spectrum
from undin.train.losses import LOSSES, SI_SDR_FLOOR, Signals

pytestmark = pytest.mark.quick

SPECTRUM = Spectrum(128, 128, 64)
OF_WAVEFORMS = ("compressed_spectrum", "magnitude_real_imaginary", "waveform_l1", "waveform_mse", "consistency")
OF_MASKS = ("phase_sensitive_mask", "ideal_amplitude_mask")


def noise(*, seed: int, items: int = 3, level: float = 0.1) -> torch.Tensor:
    return level * torch.randn(items, 2000, generator=torch.Generator().manual_seed(seed))


def signals(estimate: torch.Tensor, *, clean: torch.Tensor, noisy: torch.Tensor) -> Signals:
    return Signals(SPECTRUM, 16_000, clean, noisy, SPECTRUM.analyse(estimate), SPECTRUM.analyse(noisy))


@pytest.mark.parametrize("name", OF_WAVEFORMS)
def test_clean_speech_itself_costs_nothing_and_anything_else_does(name):
    clean, noisy = noise(seed=0), noise(seed=1)
    assert LOSSES[name](signals(clean, clean=clean, noisy=noisy)) == pytest.approx(torch.zeros(3), abs=1e-7)
    if name != "consistency":
        assert (LOSSES[name](signals(0.9 * clean, clean=clean, noisy=noisy)) > 1e-6).all()


@given(gain=st.floats(0.1, 10), power=st.floats(0.1, 1), complex_share=st.floats(0, 1))
def test_compressed_spectrum_of_a_scaled_copy(gain, power, complex_share):
    clean = noise(seed=0)
    loss = LOSSES["compressed_spectrum"](
        signals(gain * clean, clean=clean, noisy=clean), power=power, complex_share=complex_share
    )
    compressed = SPECTRUM.analyse(clean).square().sum(-1) ** (power / 2)
    expected = (1 - gain**power) ** 2 * compressed.square().flatten(1).mean(1)
    # magnitude and complex error agree here, so their shares do not matter
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=1e-5)


@pytest.mark.parametrize(("gain", "factor"), [(0.5, 4**2), (2.0, 1)])
def test_over_suppression_costs_more_than_noise_that_stays(gain, factor):
    clean = noise(seed=0)
    scaled = signals(gain * clean, clean=clean, noisy=clean)
    symmetric, asymmetric = (
        LOSSES["compressed_spectrum"](scaled, complex_share=0.0, over_suppression=over_suppression)
        for over_suppression in (1.0, 4.0)
    )
    torch.testing.assert_close(asymmetric, factor * symmetric)


def test_a_turned_phase_costs_only_the_complex_share():
    clean = noise(seed=0)
    turned = signals(-clean, clean=clean, noisy=clean)
    assert LOSSES["compressed_spectrum"](turned, complex_share=0.0) == pytest.approx(torch.zeros(3), abs=1e-7)
    assert (LOSSES["compressed_spectrum"](turned, complex_share=1.0) > 0.1).all()


def test_treble_is_held_to_its_magnitudes_alone():
    clean = noise(seed=0)
    bins = SPECTRUM.analyse(clean)
    turned = torch.cat((bins[:, :, :40], -bins[:, :, 40:]), dim=2)
    softer = torch.cat((bins[:, :, :40], 0.5 * bins[:, :, 40:]), dim=2)

    def loss(estimate_spec, **options):
        seen = replace(signals(clean, clean=clean, noisy=clean), estimate_spec=estimate_spec)
        return LOSSES["compressed_spectrum"](seen, **options)

    from_5_khz = {"treble_hz": 5000.0}
    assert (loss(turned) > 0.1).all()
    assert loss(turned, **from_5_khz) == pytest.approx(torch.zeros(3), abs=1e-7)
    torch.testing.assert_close(loss(softer, **from_5_khz), loss(softer, complex_share=0.0))
    torch.testing.assert_close(loss(softer, treble_weight=3.0, **from_5_khz), 3 * loss(softer, complex_share=0.0))
    torch.testing.assert_close(loss(softer, treble_hz=1e6), loss(softer))


def test_magnitude_real_imaginary_of_a_turned_phase():
    clean = noise(seed=0)
    loss = LOSSES["magnitude_real_imaginary"](signals(-clean, clean=clean, noisy=clean))
    expected = 2 * SPECTRUM.analyse(clean).abs().sum(-1).flatten(1).mean(1)
    torch.testing.assert_close(loss, expected)


def test_waveform_losses_of_an_offset():
    clean = noise(seed=0)
    offset = signals(clean + 0.5, clean=clean, noisy=clean)
    assert LOSSES["waveform_l1"](offset) == pytest.approx(torch.full((3,), 0.5), rel=1e-4)
    assert LOSSES["waveform_mse"](offset) == pytest.approx(torch.full((3,), 0.25), rel=1e-4)


@given(ratio_db=st.floats(-20, 40), gain=st.floats(0.01, 100))
def test_si_sdr_of_an_orthogonal_distortion_whatever_its_scale(ratio_db, gain):
    clean, distortion = noise(seed=0), noise(seed=1)
    distortion = distortion - (distortion * clean).sum(1, keepdim=True) / clean.square().sum(1, keepdim=True) * clean
    distortion = distortion * clean.norm(dim=1, keepdim=True) / distortion.norm(dim=1, keepdim=True)
    estimate = gain * (clean + 10 ** (-ratio_db / 20) * distortion)
    loss = LOSSES["si_sdr"](signals(estimate, clean=clean, noisy=clean))
    kept, distorted = gain**2, gain**2 * 10 ** (-ratio_db / 10)
    expected = -10 * math.log10((kept + SI_SDR_FLOOR) / (distorted + SI_SDR_FLOOR))  # the floor is the ratio's limit
    assert loss == pytest.approx(torch.full((3,), expected), abs=0.05)


@given(gain=st.floats(0, 3))
def test_sdr_tells_a_wrong_level_up_to_its_limit(gain):
    clean = noise(seed=0)
    loss = LOSSES["sdr"](signals(gain * clean, clean=clean, noisy=clean), most_db=20.0)
    expected = 10 * math.log10((gain - 1) ** 2 + 0.01)
    torch.testing.assert_close(loss, torch.full((3,), expected), atol=1e-2, rtol=0)


@given(attenuation_db=st.floats(0, 60))
def test_sdr_tells_how_much_of_noise_alone_is_left(attenuation_db):
    noisy, clean = noise(seed=0), torch.zeros(3, noise(seed=0).shape[1])
    loss = LOSSES["sdr"](signals(10 ** (-attenuation_db / 20) * noisy, clean=clean, noisy=noisy), most_db=40.0)
    expected = 10 * math.log10(10 ** (-attenuation_db / 10) + 1e-4)
    torch.testing.assert_close(loss, torch.full((3,), expected), atol=1e-2, rtol=0)


@pytest.mark.parametrize("name", ["si_sdr", "sdr"])
def test_ratios_leave_items_without_speech_out(name):
    clean = noise(seed=0)
    clean[1] = 0
    loss = LOSSES[name](signals(noise(seed=1), clean=clean, noisy=clean))
    assert loss[1] == 0
    assert (loss[[0, 2]] > 0).all()


@pytest.mark.parametrize("name", OF_MASKS)
def test_mask_losses_compare_the_mask_with_the_ideal_one(name):
    noisy = noise(seed=0)
    loss = LOSSES[name](signals(0.7 * noisy, clean=0.3 * noisy, noisy=noisy))
    assert loss == pytest.approx(torch.full((3,), 0.16), rel=1e-3)


def test_the_phase_sensitive_mask_is_zero_where_speech_and_mixture_oppose():
    noisy = noise(seed=0)
    loss = LOSSES["phase_sensitive_mask"](signals(0 * noisy, clean=-noisy, noisy=noisy))
    assert loss == pytest.approx(torch.zeros(3))


def test_a_spectrum_that_no_waveform_has_is_inconsistent():
    spec = torch.randn(2, 20, 65, 2, generator=torch.Generator().manual_seed(0))
    wave = noise(seed=0, items=2)[:, : 19 * 64]
    assert (LOSSES["consistency"](Signals(SPECTRUM, 16_000, wave, wave, spec, spec)) > 0.1).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("clean_level", [0, 0.1])
@pytest.mark.parametrize("noisy_level", [0, 0.1])
@pytest.mark.parametrize("estimate_level", [0, 1e-20, 1e-10, 1e-5, 0.1])
def test_gradients_are_finite_and_bounded_in_silence(name, clean_level, noisy_level, estimate_level):
    clean, noisy = noise(seed=0, level=clean_level), noise(seed=1, level=noisy_level)
    estimate_spec = SPECTRUM.analyse(noise(seed=2, level=estimate_level)).requires_grad_()
    loss = LOSSES[name](Signals(SPECTRUM, 16_000, clean, noisy, estimate_spec, SPECTRUM.analyse(noisy)))
    loss.mean().backward()
    assert torch.isfinite(loss).all()
    assert math.isfinite(estimate_spec.grad.norm())


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_over_a_batch_is_the_mean_over_its_parts(name):
    clean, noisy, estimate = (noise(seed=seed, items=4) for seed in range(3))
    clean[0] = 0
    whole = LOSSES[name](signals(estimate, clean=clean, noisy=noisy)).mean()
    halves = [
        LOSSES[name](signals(estimate[rows], clean=clean[rows], noisy=noisy[rows])).mean()
        for rows in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close(whole, sum(halves) / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_a_validation_before_the_first_step_does_no_harm(name):
    estimate, clean = noise(seed=0), noise(seed=1)
    sample_rate = 12_000  # of no other test, so that nothing of it is there yet
    with torch.inference_mode():
        spec = SPECTRUM.analyse(estimate)
        before = LOSSES[name](Signals(SPECTRUM, sample_rate, clean, clean, spec, spec))
    spec = SPECTRUM.analyse(estimate).requires_grad_()
    after = LOSSES[name](Signals(SPECTRUM, sample_rate, clean, clean, spec, spec.detach()))
    after.mean().backward()
    torch.testing.assert_close(after.detach(), before.clone())
