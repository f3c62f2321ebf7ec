"""A constant offset: found, taken out without delay or a thump, and nothing changed where there is none."""

import numpy as np
import pytest
import soundfile
from support import step_models

from undin import enhance, load

RATES = (8_000, 16_000, 48_000)


def noise(count: int, *, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, count).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("offset", "level"), [(0.2, 0.1), (-0.2, 0.003), (0.2, 0), (-0.02, 0.003), (0.02, 0)])
def test_an_offset_is_gone(models, rate, offset, level):
    samples = noise(2 * rate, level=level)
    output = enhance(samples + np.float32(offset), sample_rate=rate, model=models["identity"])
    # The means of hops of noise are not zero, and some of them are part of what is taken for the offset.
    np.testing.assert_allclose(output[rate // 2 :], samples[rate // 2 :], atol=0.05 * level + 1e-4)


@pytest.mark.parametrize("rate", RATES)
def test_a_network_hears_nothing_of_it(models, rate, noisy_speech):
    speech = noisy_speech[:48_000]
    with_offset, without = (
        enhance(speech + np.float32(offset), sample_rate=rate, model=models["nano"]) for offset in (0.2, 0)
    )
    assert np.std((with_offset - without)[rate // 2 :]) < 0.2 * np.std(without)


@pytest.mark.parametrize("rate", RATES)
def test_0_db_is_exact(models, rate):
    samples = noise(rate) + np.float32(0.2)
    np.testing.assert_array_equal(enhance(samples, sample_rate=rate, model=models["identity"], atten_lim_db=0), samples)


@pytest.mark.parametrize("frequency_hz", [10, 20, 50, 100])
def test_low_sound_is_no_offset(models, frequency_hz):
    time = np.arange(3 * 16_000) / 16_000
    samples = (0.5 * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)
    np.testing.assert_allclose(enhance(samples, sample_rate=16_000, model=models["identity"]), samples, atol=1e-6)


def test_what_can_be_heard_of_speech_in_noise_passes_as_it_is(models, shared_data):
    # Wind and breath move the means of hops for as long as an offset would; below 60 Hz something may be taken of them.
    for path in sorted((shared_data / "valid" / "noisy").glob("*.flac"))[:20]:
        samples, rate = soundfile.read(path, dtype="float32")
        taken = enhance(samples, sample_rate=rate, model=models["identity"]) - samples
        audible = np.abs(np.fft.rfft(taken))[int(60 * len(taken) / rate) :]
        assert np.sum(audible**2) < 1e-4 * np.sum(np.abs(np.fft.rfft(samples)) ** 2)


@pytest.mark.parametrize("hop", [64, 256, 1024])
def test_means_of_noise_are_not_alike_for_long(tmp_path, hop):
    model = load(
        step_models.identity(tmp_path / "i.onnx", n_fft=2 * hop, window=2 * hop, hop=hop), engine="onnxruntime"
    )
    samples = noise(120 * 16_000)
    np.testing.assert_allclose(enhance(samples, sample_rate=16_000, model=model), samples, atol=1e-5)


def test_it_is_found_again_when_it_changes(models):
    rate = 16_000
    sound = noise(3 * rate, level=0.01)
    samples = sound + np.repeat(np.array([0.1, -0.1, 0], np.float32), rate)
    output = enhance(samples, sample_rate=rate, model=models["identity"])
    for second in range(3):
        part = slice(second * rate + rate // 2, (second + 1) * rate - 512)
        np.testing.assert_allclose(output[part], sound[part], atol=2e-3)


def test_each_channel_has_its_own(models):
    sound = np.stack((noise(16_000, level=0.01), noise(16_000, level=0.01, seed=1)), axis=1)
    output = enhance(sound + np.array([0.3, 0], np.float32), sample_rate=16_000, model=models["identity"])
    np.testing.assert_allclose(output[8_000:], sound[8_000:], atol=2e-3)


@pytest.mark.parametrize("rate", RATES)
def test_no_thump_where_it_is_taken_or_where_the_signal_ends(models, rate):
    samples = np.full(rate, 0.2, np.float32)
    output = enhance(samples, sample_rate=rate, model=models["identity"])
    assert np.abs(np.diff(output)).max() < 0.2 / (256 * rate / 16_000) * 1.3
    assert np.abs(output[-rate // 4 :]).max() < 1e-3
