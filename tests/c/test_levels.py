"""Levels for meters, on signals whose levels are known."""

import numpy as np
import pytest
import soundfile

from undin import Stream

SINE_DBFS = 20 * np.log10(0.5 / np.sqrt(2))


def sine(rate: int, frequency_hz: float = 1_000, *, channels: int = 1) -> np.ndarray:
    """Half a second at half of full scale, (n, channels)."""
    one = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(rate // 2) / rate)
    return np.repeat(one[:, None], channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(("name", "reduction_db"), [("identity", 0), ("quiet", 20)])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_sine(models, rate, name, reduction_db, channels):
    stream, samples = Stream(rate, channels=channels, model=models[name]), sine(rate, channels=channels)
    stream.process(samples)
    levels = stream.levels
    assert levels.input_dbfs == pytest.approx(SINE_DBFS, abs=0.01)
    stream.process(samples)
    levels = stream.levels  # the latency is over
    assert levels.output_dbfs == pytest.approx(SINE_DBFS - reduction_db, abs=0.1)
    assert levels.reduction_db == pytest.approx(reduction_db, abs=0.1)
    assert levels.presence == pytest.approx(10 ** (-reduction_db / 10), rel=0.01)


def test_levels_are_those_of_all_channels(models):
    samples = sine(16_000, channels=2)
    samples[:, 1] = 0
    stream = Stream(channels=2, model=models["identity"])
    stream.process(samples)
    assert stream.levels.input_dbfs == pytest.approx(SINE_DBFS - 3.01, abs=0.01)


@pytest.mark.parametrize(("frequency_hz", "counts"), [(90, False), (300, True), (3_800, True), (4_300, False)])
def test_presence_is_what_is_kept_between_200_hz_and_4_khz(models, frequency_hz, counts):
    # Of a loud sine, which the model turns down, and a soft one at 1 kHz, which it lets through.
    stream = Stream(model=models["open_at_1_khz"])
    stream.process(sine(16_000, frequency_hz) + np.float32(0.1) * sine(16_000, 1_000))
    stream.process(sine(16_000, frequency_hz) + np.float32(0.1) * sine(16_000, 1_000))
    assert stream.levels.presence == pytest.approx(0.01 + 0.01 if counts else 1, rel=0.1)


def test_silence_and_empty_blocks(models):
    stream = Stream(48_000, channels=2, model=models["quiet"])
    for count in (10_000, 0):
        stream.process(np.zeros((count, 2), np.float32))
        levels = stream.levels
        assert levels.input_dbfs == levels.output_dbfs == -120
        assert levels.reduction_db == 0 and levels.presence == 0


def test_nothing_is_enhanced_more_than_120_db(models):
    stream = Stream(model=models["silent"])
    stream.process(sine(16_000))
    stream.process(sine(16_000))
    levels = stream.levels
    assert levels.output_dbfs == -120 and levels.reduction_db == 120 and levels.presence == 0


def test_a_limit_and_bypass_show_in_the_reduction(models):
    stream, samples = Stream(48_000, model=models["quiet"], atten_lim_db=6), sine(48_000)
    stream.process(samples)
    stream.process(samples)
    assert stream.levels.reduction_db == pytest.approx(-20 * np.log10(0.501 + 0.1 * 0.499), abs=0.1)
    stream.bypass = True
    stream.process(samples)
    stream.process(samples)
    assert stream.levels.reduction_db == pytest.approx(0, abs=0.01)


def test_what_is_no_sound_has_no_level(models):
    stream = Stream(model=models["identity"])
    stream.process(np.full(4_000, np.nan, np.float32))
    assert stream.levels.input_dbfs == stream.levels.output_dbfs == -120


def test_speech_is_present_and_noise_is_not(models, shared_data):
    speech, rate = soundfile.read(shared_data / "valid" / "clean" / "000.flac", dtype="float32", frames=48_000)
    noise = np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32)
    presences = []
    for samples in (speech, noise):
        stream = Stream(rate, model=models["nano"])
        stream.process(samples[:32_000])
        stream.process(samples[32_000:])
        presences.append(stream.levels.presence)
    assert presences[0] > 0.5 and presences[1] < 0.05
