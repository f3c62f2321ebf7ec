"""Metrics against published numbers, against the properties they must have, and on signals that have no score."""

import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from undin.evaluate import metrics
from undin.evaluate.metrics import UndefinedMetricWarning
from undin.evaluate.pairs import find_pairs
from undin.evaluate.table import METRICS, chosen_by, score_pair
from undin.io import audio

RATE_HZ = metrics.SAMPLE_RATE_HZ


def read(path):
    return audio.read(path)[0][:, 0]


def noise(samples, *, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


@pytest.fixture(scope="module")
def speech(made_up_pairs):
    return read(made_up_pairs / "clean" / "000.flac")


def score_of_files(pair, *, chosen):
    return score_pair(read(pair.clean), read(pair.noisy), chosen=chosen)[0]


def test_valid_scores_what_its_description_says(shared_data):
    found = find_pairs(shared_data / "valid" / "clean", shared_data / "valid" / "noisy")
    assert len(found) == 100
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        scores = list(pool.map(partial(score_of_files, chosen=("pesq_wb", "stoi", "si_sdr")), found, chunksize=10))
    mean = {name: np.mean([score[name] for score in scores]) for name in scores[0]}
    assert mean["pesq_wb"] == pytest.approx(1.473, abs=0.0005)
    assert mean["stoi"] == pytest.approx(0.791, abs=0.0005)
    assert mean["si_sdr"] == pytest.approx(4.3, abs=0.05)


# What speechmos.dnsmos.run (speechmos 0.0.1.1, which needs librosa) returns for these files: 1.7, 4.3, 10.7 and 15.6 s
# long. Repeated to 17.2 s, the second has a window that the authors' arithmetic leaves out.
@pytest.mark.parametrize(
    ("file", "sig", "bak", "ovrl"),
    [
        ("test/voicebank_demand_quarter/noisy/p232_001.flac", 3.6199, 3.9207, 3.2380),
        ("valid/noisy/014.flac", 3.5569, 2.4767, 2.4396),
        ("valid/noisy/032.flac", 1.5806, 1.1194, 1.1730),
        ("valid/noisy/080.flac", 1.1976, 1.1368, 1.1166),
    ],
)
def test_dnsmos_equals_the_authors_script(shared_data, file, sig, bak, ovrl):
    score = metrics.dnsmos(read(shared_data / file))
    assert score == pytest.approx({"sig": sig, "bak": bak, "ovrl": ovrl}, abs=2e-4)


# What pysepm at commit 7ef88af gives for LLR, WSS and segmental SNR of these files, with pesq 0.0.4 put together as the
# paper says; and mir_eval 0.8.2 (`separation.bss_eval_sources`) and fast_bss_eval 0.1.4 alike for SDR.
@pytest.mark.parametrize(
    ("file", "csig", "cbak", "covl", "ssnr", "sdr"),
    [
        ("p232_001", 4.28253, 3.26221, 3.58362, 7.16327, 15.47869),
        ("p257_211", 1.32675, 1.34344, 1.09593, -5.20654, 1.23716),
        ("p232_255", 4.52578, 3.40677, 3.80342, 7.16231, 15.82196),
    ],
)
def test_composite_ssnr_and_sdr_equal_those_of_other_packages(shared_data, file, csig, cbak, covl, ssnr, sdr):
    quarter = shared_data / "test" / "voicebank_demand_quarter"
    pair = [read(quarter / role / f"{file}.flac") for role in ("clean", "noisy")]
    values, undefined = score_pair(*pair, chosen=["composite", "ssnr", "sdr"])
    expected = {"csig": csig, "cbak": cbak, "covl": covl, "ssnr": ssnr, "sdr": sdr}
    assert values == pytest.approx(expected, abs=2e-5) and not undefined


def test_narrow_band_pesq_ends_where_its_standard_does_and_hears_a_telephone(speech):
    best = 0.999 + 4 / (1 + np.exp(-1.4945 * 4.5 + 4.6607))  # P.862.1, eq. 1, of the raw score 4.5
    assert metrics.pesq_nb(speech, speech) == pytest.approx(best, abs=1e-3)
    treble = speech + np.float32(0.2) * above_4_khz(noise(len(speech)))
    assert metrics.pesq_nb(speech, treble) > metrics.pesq_wb(speech, treble) + 0.5


def above_4_khz(signal):
    spectrum = np.fft.rfft(signal)
    spectrum[: len(spectrum) // 2 + len(spectrum) // 20] = 0
    return np.fft.irfft(spectrum, len(signal)).astype(np.float32)


def test_sdr_forgives_any_filter_and_no_noise(speech):
    response = np.random.default_rng(3).standard_normal(400) * np.exp(-np.arange(400) / 50)
    filtered = np.convolve(speech, response)[: len(speech)].astype(np.float32)
    assert metrics.sdr(speech, filtered) > 40 > 10 > metrics.si_sdr(speech, filtered)
    mixed = filtered + np.std(filtered) * 10 * noise(len(speech)) * np.float32(0.1)
    assert metrics.sdr(speech, mixed) == pytest.approx(
        10 * np.log10(np.var(filtered) / np.var(mixed - filtered)), abs=0.3
    )
    assert metrics.sdr(speech, speech) > 80


def test_segmental_snr_of_a_constant_ratio_is_that_ratio():
    clean = noise(RATE_HZ)
    for ratio_db in (-5, 0, 20):
        assert metrics.ssnr(clean, clean * np.float32(1 + 10 ** (-ratio_db / 20))) == pytest.approx(ratio_db, abs=1e-4)
    assert metrics.ssnr(clean, clean) == 35 and metrics.ssnr(clean, 9 * clean) == -10


def test_ratings_of_a_signal_itself_are_the_best_that_there_are(speech):
    speech = speech + 1e-4 * noise(len(speech))  # frames of zeros have a ratio of 0 dB to themselves
    values, _ = score_pair(speech, speech, chosen=["composite"])
    assert values == pytest.approx({"csig": 5, "cbak": 5, "covl": 5})


def test_dnsmos_clips_what_exceeds_full_scale(speech):
    loud = speech * np.float32(100)
    assert metrics.dnsmos(loud) == metrics.dnsmos(np.clip(loud, -1, 1))


def test_a_signal_equals_itself(speech):
    assert metrics.pesq_wb(speech, speech) == pytest.approx(4.644, abs=0.001)
    assert metrics.stoi(speech, speech) == pytest.approx(1)
    assert metrics.stoi(speech, speech, extended=True) == pytest.approx(1)
    assert metrics.si_sdr(speech, speech) > 100
    assert metrics.level_loss_db(speech, speech) == 0


@pytest.mark.parametrize("gain", [0.01, 0.5, -1, 3])
def test_si_sdr_does_not_see_scale(gain):
    clean, mixed = noise(4000), noise(4000) + noise(4000, seed=1)
    assert metrics.si_sdr(clean, gain * mixed) == pytest.approx(metrics.si_sdr(clean, mixed), abs=1e-4)
    assert metrics.si_sdr(gain * clean, mixed) == pytest.approx(metrics.si_sdr(clean, mixed), abs=1e-4)


@given(snr_db=st.floats(-30, 60))
@settings(max_examples=30, deadline=None)
def test_si_sdr_of_an_orthogonal_distortion_is_its_snr(snr_db):
    clean, distortion = noise(2000).astype(np.float64), noise(2000, seed=1).astype(np.float64)
    distortion -= (distortion @ clean) / (clean @ clean) * clean
    distortion *= np.sqrt((clean @ clean) / (distortion @ distortion)) * 10 ** (-snr_db / 20)
    assert metrics.si_sdr(clean, clean + distortion) == pytest.approx(snr_db, abs=1e-6)


@given(gain_db=st.floats(-60, 20))
@settings(max_examples=20, deadline=None)
def test_level_loss_is_the_gain(gain_db):
    clean = noise(16_000)
    assert metrics.level_loss_db(clean, clean * 10 ** (gain_db / 20)) == pytest.approx(-gain_db, abs=1e-6)


def test_level_loss_of_a_halved_signal_is_6_db_and_pauses_do_not_count(speech):
    assert metrics.level_loss_db(speech, speech / 2) == pytest.approx(6.0206, abs=1e-4)
    gap = np.zeros(RATE_HZ, np.float32)
    pause = noise(RATE_HZ) * np.float32(1e-3)
    clean = np.concatenate((speech, gap, pause))
    assert metrics.level_loss_db(clean, np.concatenate((speech, gap, gap))) == pytest.approx(0, abs=1e-4)
    assert metrics.level_loss_db(clean, 0 * clean) == np.inf


def test_attenuation_of_noise_leaves_the_first_second_out():
    before = noise(3 * RATE_HZ)
    after = np.concatenate((before[:RATE_HZ], before[RATE_HZ:] / 10))
    assert metrics.noise_attenuation_db(before, after) == pytest.approx(20, abs=1e-4)
    assert metrics.noise_attenuation_db(before, 0 * before) == np.inf


@pytest.mark.parametrize("samples", [0, RATE_HZ, 2 * RATE_HZ])
def test_noise_that_is_over_within_the_first_second_says_nothing(samples):
    before = noise(samples)
    before[RATE_HZ:] *= 1e-5
    with pytest.warns(UndefinedMetricWarning, match="no noise after the first second"):
        assert np.isnan(metrics.noise_attenuation_db(before, before))


def test_active_level_is_the_one_that_mixing_uses(made_up_pairs):
    import torch

    from undin.data.level import active_level_dbfs

    for pair in find_pairs(made_up_pairs / "clean", made_up_pairs / "noisy"):
        clean = read(pair.clean)
        expected = float(active_level_dbfs(torch.from_numpy(clean), sample_rate=RATE_HZ))
        assert metrics.active_level_dbfs(clean) == pytest.approx(expected, abs=1e-3)


FULL_RATE_HZ = 48_000


def band(low_hz, high_hz, *, seed=0):
    """A second of noise at 48 kHz between two frequencies."""
    spectrum = np.fft.rfft(noise(FULL_RATE_HZ, seed=seed))
    frequency_hz = np.fft.rfftfreq(FULL_RATE_HZ, 1 / FULL_RATE_HZ)
    return np.fft.irfft(spectrum * ((frequency_hz >= low_hz) & (frequency_hz < high_hz))).astype(np.float32)


@given(st.floats(-20, 20))
@settings(max_examples=10, deadline=None)
def test_a_gain_of_the_treble_is_its_distance_and_its_level(gain_db):
    low, high = band(0, 7_000), band(7_500, 20_500)
    lsd_db, level_db = metrics.treble(low + high, low + 10 ** (gain_db / 20) * high, sample_rate=FULL_RATE_HZ)
    assert lsd_db == pytest.approx(abs(gain_db), abs=0.15)
    assert level_db == pytest.approx(gain_db, abs=0.05)


def test_what_lies_below_the_treble_and_what_lies_in_pauses_leaves_it_alone():
    speech = np.concatenate((band(0, 24_000), np.zeros(FULL_RATE_HZ)))
    other = np.concatenate((band(0, 7_000, seed=1), np.zeros(12_000), band(0, 24_000, seed=2)[:36_000]))
    lsd_db, level_db = metrics.treble(speech, speech + other, sample_rate=FULL_RATE_HZ)
    assert lsd_db == pytest.approx(0, abs=0.2)
    assert level_db == pytest.approx(0, abs=0.05)


def test_treble_that_is_gone_is_far_away():
    lsd_db, level_db = metrics.treble(band(0, 24_000), band(0, 7_000), sample_rate=FULL_RATE_HZ)
    assert lsd_db > 40
    assert level_db < -40


def test_audio_without_treble_has_no_treble_to_score(speech):
    values, undefined = score_pair(speech, speech, chosen=["treble"])
    assert all(np.isnan(value) for value in values.values())
    assert "16000 Hz does not reach 20000 Hz" in undefined["treble_lsd_db"]


def test_a_pair_at_48_khz_scores_as_what_it_is_at_16_khz_but_for_sdr_and_treble(speech):
    pair = [soxr.resample(signal, RATE_HZ, FULL_RATE_HZ) for signal in (speech, speech + 0.1 * noise(len(speech)))]
    pair[1] += 1e-3 * noise(len(pair[1]))
    wide = score_pair(*pair, sample_rate=FULL_RATE_HZ)[0]
    narrow = score_pair(*(soxr.resample(signal, FULL_RATE_HZ, RATE_HZ) for signal in pair))[0]
    assert wide.pop("si_sdr") == metrics.si_sdr(*pair) != narrow.pop("si_sdr")
    assert wide.pop("sdr") == metrics.sdr(*pair) != narrow.pop("sdr")
    assert np.isfinite([wide.pop("treble_lsd_db"), wide.pop("treble_level_db")]).all()
    assert wide == pytest.approx(narrow)


def test_activity_is_the_same_at_every_rate(speech):
    wide = soxr.resample(speech, RATE_HZ, FULL_RATE_HZ)
    narrow_frames, wide_frames = metrics.active_frames(speech), metrics.active_frames(wide, sample_rate=FULL_RATE_HZ)
    assert np.mean(narrow_frames == wide_frames[: len(narrow_frames)]) > 0.98
    assert metrics.level_loss_db(wide, wide / 2, sample_rate=FULL_RATE_HZ) == pytest.approx(6.02, abs=0.01)


ODD = {
    "silent": (np.zeros(RATE_HZ, np.float32), "silent"),
    "not finite": (np.full(RATE_HZ, np.nan, np.float32), "NaN"),
    "empty": (np.zeros(0, np.float32), "silent"),
    "beyond all levels": (noise(RATE_HZ, seed=2) * np.float32(1e-22), "silent"),
}


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb", "composite", "stoi", "estoi", "si_sdr", "sdr", "ssnr"])
@pytest.mark.parametrize("odd", list(ODD))
@pytest.mark.parametrize("is_reference", [True, False])
def test_what_has_no_score_is_nan_with_the_reason(name, odd, is_reference):
    signal, reason = ODD[odd]
    other = noise(len(signal))
    values, undefined = score_pair(*((signal, other) if is_reference else (other, signal)), chosen=[name])
    for column in METRICS[name][0]:
        assert np.isnan(values[column])
        assert reason in undefined[column]


@pytest.mark.parametrize("odd", list(ODD))
def test_dnsmos_of_nothing_is_nan_with_the_reason(odd):
    signal, reason = ODD[odd]
    values, undefined = score_pair(signal, signal, chosen=["dnsmos"])
    assert set(values) == set(undefined) == {"dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"}
    assert all(np.isnan(value) for value in values.values())
    assert all(reason in text for text in undefined.values())


@pytest.mark.parametrize(
    ("name", "samples"),
    [("pesq_wb", 3999), ("pesq_nb", 3999), ("stoi", 6000), ("estoi", 6000), ("stoi", 6500), ("ssnr", 599)],
)
def test_utterances_too_short_are_nan_with_the_reason(name, samples):
    values, undefined = score_pair(noise(samples), noise(samples, seed=1), chosen=[name])
    assert np.isnan(values[name])
    assert "need" in undefined[name]


@pytest.mark.parametrize("name", ["pesq_wb", "stoi", "estoi", "si_sdr"])
@pytest.mark.parametrize("level", [1e-9, 1e4])
def test_level_says_nothing_as_long_as_it_is_one(speech, name, level):
    noisy = speech + 0.1 * noise(len(speech))
    values, undefined = score_pair(speech, noisy * np.float32(level), chosen=[name])
    assert values[name] == pytest.approx(score_pair(speech, noisy, chosen=[name])[0][name], abs=2e-3)
    assert not undefined


def test_metrics_are_chosen_by_their_columns_too():
    assert chosen_by(["csig", "stoi", "covl", "dnsmos_ovrl"]) == ("composite", "stoi", "dnsmos")
    with pytest.raises(ValueError, match="unknown metric 'cvol': choose from pesq_wb"):
        chosen_by(["cvol"])


def test_what_a_metric_raises_costs_one_score_alone(speech, monkeypatch):
    monkeypatch.setattr(metrics, "pesq_wb", lambda clean, enhanced: int(np.nan))
    values, undefined = score_pair(speech, speech, chosen=["pesq_wb", "stoi"])
    assert np.isnan(values["pesq_wb"]) and values["stoi"] == pytest.approx(1)
    assert undefined == {"pesq_wb": "pesq_wb fails: cannot convert float NaN to integer"}


@pytest.mark.parametrize("samples", [0, 100, 1000])
def test_level_loss_without_speech_is_nan(samples):
    clean = np.zeros(samples, np.float32)
    with pytest.warns(UndefinedMetricWarning, match="no active speech"):
        assert np.isnan(metrics.level_loss_db(clean, clean))


def test_a_defined_score_gives_no_warning(speech):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score_pair(speech, speech + noise(len(speech)))


@pytest.mark.parametrize("function", [metrics.pesq_wb, metrics.stoi, metrics.si_sdr, metrics.level_loss_db])
@pytest.mark.parametrize("shapes", [((100,), (99,)), ((100, 1), (100, 1))])
def test_signals_that_cannot_be_compared_are_refused(function, shapes):
    clean, enhanced = (np.ones(shape, np.float32) for shape in shapes)
    with pytest.raises(ValueError, match="one length"):
        function(clean, enhanced)
