"""Batches are what their draw says, and a pure function of seed and step."""

import dataclasses

import numpy as np
import pytest
import soxr
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_up_audio import SAMPLE_RATE, corpus_of

from undin.data import held_speech, synthetic_noise
from undin.data.level import active_level_dbfs
from undin.data.mixing import Mixer
from undin.data.mixing_config import MixingConfig

PLAIN = MixingConfig(
    clean_probability=0.0,
    noise_alone_probability=0.0,
    room_probability=0.0,
    band_limit_probability=0.0,
    clipping_probability=0.0,
    rooms=4,
)
EVERYTHING = MixingConfig(
    second_noise_probability=0.5,
    babble_probability=0.3,
    coloured_noise_probability=0.4,
    band_limit_probability=0.4,
    room_probability=0.5,
    clipping_probability=0.3,
    clean_probability=0.15,
    noise_alone_probability=0.15,
    speech_speed_probability=0.6,
    noise_speed_probability=0.6,
    held_speech_share=0.3,
    synthetic_noise_shares={"hum": 0.2, "click": 0.2},
    gap_probability=0.3,
    gate_probability=0.3,
    rooms=8,
)


@pytest.fixture(scope="module", autouse=True)
def few_made_sounds():
    with pytest.MonkeyPatch.context() as patch:
        for module in (held_speech, synthetic_noise):
            patch.setattr(module, "RECORDINGS", 3)
        yield


@pytest.fixture(scope="module")
def make_mixer(speech, noise):
    def make(config: MixingConfig, *, segment_samples: int = 16000, seed: int = 0) -> Mixer:
        return Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=segment_samples, seed=seed)

    return make


@pytest.fixture(scope="module")
def everything(make_mixer) -> Mixer:
    return make_mixer(EVERYTHING)


def rms_db(x: torch.Tensor) -> np.ndarray:
    return 10 * np.log10(x.double().square().mean(-1).numpy())


def test_snr_and_speech_level_are_the_drawn_ones(make_mixer):
    config = dataclasses.replace(PLAIN, speech_level_dbfs=(-60.0, 0.0))
    mixer = make_mixer(config)
    draw = mixer.draw(0, 64)
    noisy, clean = mixer.mix(draw)
    level_dbfs = active_level_dbfs(clean, sample_rate=SAMPLE_RATE).numpy()
    np.testing.assert_allclose(level_dbfs, draw.speech_level_dbfs, atol=0.01)
    np.testing.assert_allclose(level_dbfs - rms_db(noisy - clean), draw.snr_db, atol=0.05)
    assert draw.snr_db.min() < 0 and draw.snr_db.max() > 15


def test_clean_and_noise_alone_are_exact(everything):
    draw = everything.draw(0, 128)
    draw = dataclasses.replace(draw, heard=np.ones_like(draw.heard))  # what is heard may be a pause
    noisy, clean = everything.mix(draw)
    assert np.array_equal((noisy == clean).all(-1).numpy(), draw.clean)
    assert np.array_equal((clean == 0).all(-1).numpy(), draw.noise_alone)
    assert noisy.abs().amax(-1).min() > 0
    assert draw.clean.mean() == pytest.approx(0.15, abs=0.1)
    assert draw.noise_alone.mean() == pytest.approx(0.15, abs=0.1)


@settings(max_examples=15)
@given(step=st.integers(0, 2**40), batch_size=st.integers(1, 12))
def test_every_batch_is_finite(everything, step, batch_size):
    for audio in everything.batch(step, batch_size):
        assert audio.shape == (batch_size, 16000) and audio.dtype == torch.float32
        assert audio.isfinite().all()


@pytest.mark.parametrize("rows", [1, 2, 4, 8])
def test_parts_join_to_the_whole_batch_bit_for_bit(everything, rows):
    whole = everything.batch(5, 16)
    parts = [everything.batch(5, 16, slice(first, first + rows)) for first in range(0, 16, rows)]
    for joined, expected in zip(zip(*parts, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(joined), expected)


def test_a_batch_depends_on_seed_and_step_and_on_nothing_else(make_mixer, everything):
    first = everything.batch(3, 4)[0]
    everything.batch(4, 4)
    torch.rand(7)
    assert torch.equal(everything.batch(3, 4)[0], first)
    assert torch.equal(make_mixer(EVERYTHING).batch(3, 4)[0], first)
    assert not torch.equal(everything.batch(4, 4)[0], first)
    assert not torch.equal(make_mixer(EVERYTHING, seed=1).batch(3, 4)[0], first)


def test_rooms_are_convolutions_in_time_the_early_part_alone_for_the_target(make_mixer):
    config = dataclasses.replace(PLAIN, room_probability=1.0, snr_db=(200.0, 200.0), room_rt60_s=(0.3, 0.6))
    mixer = make_mixer(config)
    draw = mixer.draw(0, 4)
    noisy, clean = mixer.mix(draw)
    speech = torch.fft.rfft(mixer.speech.read(draw.speech_start)) * mixer.equaliser.gains(draw.speech_equaliser_db)
    speech = torch.fft.irfft(speech, mixer.n_fft).double().numpy()
    rooms = mixer.rooms
    for audio, responses in ((clean, rooms.early), (noisy, rooms.early + rooms.late)):
        for item, room in enumerate(draw.room):
            in_time = np.convolve(speech[item], responses[room].double().numpy())
            expected = in_time[mixer.lead : mixer.lead + 16000]
            found = audio[item].double().numpy()
            expected = expected * (found @ expected) / (expected @ expected)
            assert np.mean((found - expected) ** 2) < 1e-8 * np.mean(found**2)


def test_measured_rooms_are_taken_by_their_share(speech, noise):
    clap = np.zeros(8000)
    clap[40] = 0.9
    config = dataclasses.replace(PLAIN, room_probability=0.8, measured_room_share=0.25)
    rooms = corpus_of([clap + 1e-4 * np.random.default_rng(0).standard_normal(8000)], ["rooms/0.flac"])
    sizes = {"sample_rate": SAMPLE_RATE, "segment_samples": 16000, "seed": 0}
    room = Mixer(speech, noise, config, measured_rooms=rooms, **sizes).draw(0, 2000).room
    assert set(room) == {-1, *range(config.rooms + 1)}
    assert np.mean(room == config.rooms) == pytest.approx(0.8 * 0.25, abs=0.03)


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_at_another_speed_tones_move_in_frequency_and_none_folds_back(noise, speed):
    tones_hz = np.array([310.0, 2070.0, 4900.0, 7300.0])

    def tones(position: np.ndarray, tones_hz: np.ndarray) -> np.ndarray:
        return 0.1 * np.sin(2 * np.pi * tones_hz[:, None] / SAMPLE_RATE * position).sum(0)

    speech = corpus_of([tones(np.arange(10 * SAMPLE_RATE), tones_hz)], ["a/0.wav"])
    flat = {"equaliser_db": 0.0, "spectral_tilt_db_per_octave": (0.0, 0.0), "snr_db": (200.0, 200.0)}
    config = dataclasses.replace(PLAIN, **flat, speech_speed_probability=1.0, speech_speed=(speed, speed))
    mixer = Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=16000, seed=0)
    draw = mixer.draw(0, 4)
    for start, read_samples, clean in zip(draw.speech_start, draw.speech_read_samples, mixer.mix(draw)[1], strict=True):
        step = read_samples / mixer.n_fft
        assert step == pytest.approx(speed, rel=0.03)
        position = start - mixer.lead * read_samples // mixer.n_fft + step * (mixer.lead + np.arange(16000))
        expected = tones(position, tones_hz[tones_hz * step < SAMPLE_RATE / 2])
        found = clean.double().numpy()
        error = found * (found @ expected) / (found @ found) - expected
        assert np.mean(error**2) < 1e-6 * np.mean(expected**2)
        assert np.abs(error).max() < 1e-2 * np.abs(expected).max()  # at the ends too


def test_band_limits_hold_for_noisy_and_clean(make_mixer):
    limited = {"band_limit_probability": 1.0, "high_pass_probability": 1.0}
    config = dataclasses.replace(PLAIN, **limited, low_pass_hz=(3400.0, 3400.0), high_pass_hz=(300.0, 300.0))
    for audio in make_mixer(config).batch(0, 8):
        windowed = audio * torch.hann_window(16000)
        power = torch.fft.rfft(windowed).abs().square().sum(0)  # bins of 1 Hz
        inside = power[400:3000].mean()
        assert 10 * torch.log10(power[4400:].mean() / inside) < -60
        assert 10 * torch.log10(power[:75].mean() / inside) < -25


def test_noise_ends_where_the_recording_of_the_speech_does(noise):
    generator = np.random.default_rng(0)
    narrow = soxr.resample(0.1 * generator.standard_normal(80_000), 8000, SAMPLE_RATE)
    wide = 0.1 * generator.standard_normal(160_000)
    speech = corpus_of([narrow, wide], ["narrow/0.wav", "wide/0.wav"])
    for matched in (False, True):
        config = dataclasses.replace(PLAIN, match_speech_band=matched)
        mixer = Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=16000, seed=0)
        draw = mixer.draw(0, 16)
        noisy, clean = mixer.mix(draw)
        power = torch.fft.rfft((noisy - clean) * torch.hann_window(16000)).abs().square()  # bins of 1 Hz
        treble_db = 10 * torch.log10(power[:, 5000:7000].mean(-1) / power[:, 500:3000].mean(-1)).numpy()
        is_narrow = mixer.speech.file_at(draw.speech_start) == 0
        assert 0 < is_narrow.sum() < 16
        assert (treble_db[is_narrow] < -50).all() == matched
        assert (treble_db[~is_narrow] > -30).all()


def test_a_high_pass_of_the_speech_leaves_the_noise_its_rumble(make_mixer):
    as_recorded = make_mixer(PLAIN)
    draw = as_recorded.draw(0, 8)
    filtered = make_mixer(dataclasses.replace(PLAIN, speech_high_pass_hz=200.0))
    power, noises = [], []
    for noisy, clean in (as_recorded.mix(draw), filtered.mix(draw)):
        power.append(torch.fft.rfft(clean * torch.hann_window(16000)).abs().square())  # bins of 1 Hz
        noises.append(noisy - clean)
    lost_db = 10 * torch.log10(power[0] / power[1])
    lost_db -= lost_db[:, 1000:4000].median(-1, keepdim=True).values  # the level is set after the filter
    assert abs(lost_db[:, 200].median() - 3.0) < 1.0
    assert lost_db[:, 50:100].median() > 20
    np.testing.assert_allclose(noises[0], noises[1], atol=1e-5)


def test_clipping_flattens_the_mixture_alone(make_mixer):
    config = dataclasses.replace(PLAIN, clipping_probability=1.0, clipping_db=(6.0, 12.0))
    mixer = make_mixer(config)
    draw = mixer.draw(0, 8)
    noisy, clean = mixer.mix(draw)
    unclipped, same_clean = mixer.mix(dataclasses.replace(draw, clipping_db=np.full(8, np.nan, np.float32)))
    at_peak = (noisy.abs() == noisy.abs().amax(-1, keepdim=True)).float().mean(-1)
    assert (at_peak > 1e-3).all()
    quiet = unclipped.abs().amax(-1) < 0.99
    assert quiet.any()
    assert torch.equal(clean[quiet], same_clean[quiet])
    crest_db = 20 * torch.log10(unclipped.abs().amax(-1) / noisy.abs().amax(-1))[quiet]
    np.testing.assert_allclose(crest_db, draw.clipping_db[quiet.numpy()], atol=0.01)


def test_gaps_are_zeros_in_both_and_change_nothing_else(make_mixer):
    mixer = make_mixer(
        dataclasses.replace(PLAIN, gap_probability=0.5, gate_probability=0.5, noise_alone_probability=0.2)
    )
    draw = mixer.draw(0, 32)
    noisy, clean = mixer.mix(draw)
    whole = dataclasses.replace(draw, heard=np.ones_like(draw.heard), gate_db=np.full(32, np.nan, np.float32))
    unbroken = mixer.mix(whole)
    cut = noisy == 0
    assert torch.equal(torch.where(cut, 0, unbroken[0]), noisy) and torch.equal(torch.where(cut, 0, unbroken[1]), clean)
    has_gaps = cut.float().mean(-1).numpy() > 0.01
    gated = ~np.isnan(draw.gate_db) & ~draw.noise_alone
    assert not has_gaps[draw.heard.all(1) & ~gated].any()
    assert has_gaps[~draw.heard.all(1)].all() and has_gaps[gated].mean() > 0.5


def test_made_sounds_are_heard_by_their_shares(make_mixer):
    config = dataclasses.replace(PLAIN, held_speech_share=0.25, synthetic_noise_shares={"hum": 0.1, "tone": 0.4})
    mixer = make_mixer(config)
    draw = mixer.draw(0, 1000)
    speech = [mixer.speech.names_of(start, samples=1)[0].split(" ")[0] for start in draw.speech_start]
    noise = [mixer.noise.names_of(start, samples=1)[0].split(" ")[0] for start in draw.noise_start]
    assert [speech.count("held") / 1000, noise.count("hum") / 1000, noise.count("tone") / 1000] == pytest.approx(
        [0.25, 0.1, 0.4], abs=0.04
    )


@pytest.mark.parametrize("kind", ["second_noise", "babble", "coloured_noise"])
def test_added_noise_changes_the_noise_and_not_the_speech(make_mixer, kind):
    without = {f"{name}_probability": 0.0 for name in ("second_noise", "babble", "coloured_noise")}
    config = dataclasses.replace(PLAIN, speech_level_dbfs=(-60.0, -50.0), **without)
    plain = make_mixer(config)
    more = make_mixer(dataclasses.replace(config, **{f"{kind}_probability": 1.0}))
    (noisy, clean), (noisier, same_clean) = plain.batch(0, 8), more.batch(0, 8)
    assert torch.equal(clean, same_clean)
    assert (noisy != noisier).any(-1).all()
    np.testing.assert_allclose(rms_db(noisier - clean), rms_db(noisy - clean), atol=0.01)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("babble_probability", 1.5, "between 0 and 1"),
        ("snr_db", (20.0, -5.0), "low ≤ high"),
        ("clean_probability", 0.99, "add up"),
        ("babble_talkers", (0, 3), "at least one"),
        ("rooms", 0, "above 0"),
        ("low_pass_hz", (0.0, 100.0), "above 0"),
        ("noise_speed", (0.0, 1.0), "above 0"),
        ("speech_high_pass_hz", -1.0, "0 or above"),
        ("corpus_shares", {"a": 1.1}, "at most 1"),
        ("corpus_shares", {"a": 0.0}, "above 0"),
        ("synthetic_noise_shares", {"hum": 0.7, "tone": 0.6}, "add up"),
        ("synthetic_noise_shares", {"humm": 0.7}, "known are hum, tone, beep, click"),
    ],
)
def test_senseless_numbers_are_refused_by_name(field, value, message):
    with pytest.raises(ValueError, match=message) as error:
        MixingConfig(**{field: value})
    assert f"mixing.{field}" in str(error.value)


def test_corpora_of_another_rate_are_refused(speech, noise):
    with pytest.raises(ValueError, match="16000 Hz"):
        Mixer(speech, noise, PLAIN, sample_rate=8000, segment_samples=8000, seed=0)


def test_segments_too_short_for_a_level_are_refused(make_mixer):
    with pytest.raises(ValueError, match="shorter than 20 ms"):
        make_mixer(PLAIN, segment_samples=100)
