"""What lies beside the model's band, above it and at its edge."""

import numpy as np
import pytest
from support.streams import RATES, noise

from undin import enhance


def amplitude(samples: np.ndarray, frequency_hz: float, rate: int) -> float:
    """Amplitude of the sine of this frequency in a signal."""
    window = np.hanning(len(samples))
    oscillation = np.exp(-2j * np.pi * frequency_hz * np.arange(len(samples)) / rate)
    return 2 * abs(np.sum(window * samples * oscillation)) / np.sum(window)


@pytest.mark.parametrize(("name", "expected"), [("identity", 1.0), ("quiet", 0.1), ("quiet_above_4_khz", 0.1)])
def test_sound_above_the_band_follows_the_top_of_the_band(models, name, expected):
    rate = 48_000
    sine = 0.1 * np.sin(2 * np.pi * 12_000 * np.arange(rate) / rate)
    output = enhance(sine + 0.1 * noise(rate), sample_rate=rate, model=models[name])[rate // 4 : -rate // 4]
    assert amplitude(output, 12_000, rate) == pytest.approx(0.1 * expected, rel=0.03)


@pytest.mark.parametrize("rate", RATES)
def test_no_frequency_escapes_the_model(models, rate):
    # Not even the edge of the band, which the resampler's filter gives up.
    samples = noise(rate)

    def energy_by_band(signal: np.ndarray) -> np.ndarray:
        return np.array([np.sum(np.abs(bins) ** 2) for bins in np.array_split(np.fft.rfft(signal), 100)])

    output = enhance(samples, sample_rate=rate, model=models["quiet"])
    np.testing.assert_allclose(np.sqrt(energy_by_band(output) / energy_by_band(samples)), 0.1, atol=0.01)


def test_the_limit_holds_above_the_band_too(models):
    samples = noise(48_000)
    output = enhance(samples, sample_rate=48_000, model=models["quiet"], atten_lim_db=6)
    assert np.std(output) / np.std(samples) == pytest.approx(10 ** (-6 / 20) + 0.1 * (1 - 10 ** (-6 / 20)), rel=0.01)


def test_speech_at_48_khz_keeps_its_sibilants(models, noisy_speech):
    # 16 kHz speech read as 48 kHz has its sibilants at 12 to 24 kHz.
    speech = noisy_speech[:96_000]
    np.testing.assert_allclose(enhance(speech, sample_rate=48_000, model=models["identity"]), speech, atol=1e-4)
