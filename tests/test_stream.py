"""`Stream` and `enhance`: latency, blocks, rates and channels, what lies beside the model's band, bad input."""

import copy
import os
import pickle
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import step_models
from hypothesis import given, settings
from hypothesis import strategies as st
from support.c_stream import CStream
from support.reference.stream import ReferenceStream

from undin import Stream, enhance, load

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
ODD_RATES = (4_000, 44_056, 96_000)
WITHOUT_COMMON_FACTOR = (4_001, 47_999, 383_999)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Loaded step models by name. Two run compiled, the others, to be there at once, on ONNX Runtime."""
    folder = tmp_path_factory.mktemp("models")
    on_onnx_runtime = partial(load, engine="onnxruntime")
    return {
        "identity": load(step_models.identity(folder / "identity.onnx")),
        "look_ahead": on_onnx_runtime(step_models.look_ahead(folder / "look_ahead.onnx")),
        "fading": load(step_models.fading(folder / "fading.onnx")),
        "quiet": on_onnx_runtime(step_models.gain(folder / "quiet.onnx", 0.1)),
        "quiet_above_4_khz": on_onnx_runtime(step_models.gain_above(folder / "above.onnx", 0.1, lowest_bin=128)),
        "telephone": on_onnx_runtime(
            step_models.gain(folder / "telephone.onnx", 0.5, sample_rate=8_000, n_fft=256, window=160, hop=80)
        ),
        "full_band": on_onnx_runtime(
            step_models.gain(folder / "full_band.onnx", 0.5, sample_rate=48_000, n_fft=960, window=960, hop=480)
        ),
    }


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def in_blocks(stream: Stream, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The output for `samples` in blocks of these sizes, over and over, each checked to keep its shape."""
    output, start = [], 0
    while start < len(samples):
        for size in sizes:
            block = samples[start : start + size]
            output.append(stream.process(block))
            assert output[-1].shape == block.shape and output[-1].dtype == np.float32
            start += size
    return np.concatenate(output)


@pytest.mark.parametrize("rate", RATES + ODD_RATES)
@pytest.mark.parametrize("name", ["identity", "look_ahead", "full_band"])
def test_an_impulse_comes_out_after_the_declared_latency(models, name, rate):
    stream = Stream(rate, model=models[name])
    at, latency = 1_000, stream.latency_samples
    impulse = np.zeros(at + latency + 1_000, np.float32)
    impulse[at] = 1
    output = in_blocks(stream, impulse, [480])
    assert np.argmax(np.abs(output)) == at + latency
    assert output[at + latency] == pytest.approx(0.5 if name == "full_band" else 1, abs=0.05)
    if rate == models[name].metadata.sample_rate:
        assert latency == models[name].metadata.latency_samples


@pytest.mark.parametrize("rate", RATES)
def test_the_wet_path_is_aligned_with_the_dry_one(models, rate):
    # A tenth of the input must remain, in phase: any misalignment would leave more.
    model = models["quiet"]
    time = np.arange(rate) / rate
    samples = sum(0.1 * np.sin(2 * np.pi * f * time) for f in (100, 1_000, 3_000)).astype(np.float32)
    output = enhance(samples, sample_rate=rate, model=model)
    middle = slice(rate // 4, -rate // 4)
    np.testing.assert_allclose(output[middle], 0.1 * samples[middle], atol=2e-4)


@pytest.mark.parametrize("rate", RATES + ODD_RATES)
@pytest.mark.parametrize("name", ["fading", "look_ahead", "telephone"])
def test_no_attenuation_returns_the_delayed_input_exactly(models, name, rate):
    samples = noise(rate // 2, 2)
    stream = Stream(rate, channels=2, model=models[name], atten_lim_db=0)
    output = in_blocks(stream, samples, [441])
    np.testing.assert_array_equal(output[stream.latency_samples :], samples[: -stream.latency_samples])
    np.testing.assert_array_equal(stream.flush(), samples[-stream.latency_samples :])


@given(
    rate=st.sampled_from(RATES),
    channels=st.integers(1, 2),
    name=st.sampled_from(["fading", "look_ahead", "telephone"]),
    sizes=st.lists(st.integers(1, 4_800), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=80)
def test_block_sizes_change_nothing(models, rate, channels, name, sizes):
    samples = noise(6_000, channels) if channels > 1 else noise(6_000)
    stream = Stream(rate, channels=channels, model=models[name])
    output = in_blocks(stream, samples, sizes)
    at_once = Stream(rate, channels=channels, model=models[name]).process(samples)
    np.testing.assert_array_equal(output, at_once)


@pytest.mark.parametrize("rate", RATES)
def test_single_samples_and_empty_blocks(models, rate):
    samples = noise(3_000)
    output = in_blocks(Stream(rate, model=models["fading"]), samples, [1, 0])
    np.testing.assert_array_equal(output, Stream(rate, model=models["fading"]).process(samples))


@given(rate=st.integers(4_000, 384_000), name=st.sampled_from(["quiet", "look_ahead", "telephone", "full_band"]))
@settings(deadline=None, max_examples=40)
def test_latency_is_the_least_that_every_block_size_allows(models, rate, name):
    # The reference counts, of every sample of a period, how much the output lags behind.
    assert Stream(rate, model=models[name]).latency_samples == ReferenceStream(rate, model=models[name]).latency_samples


def difference(stream: Stream, reference: ReferenceStream, samples: np.ndarray, sizes: list[int]) -> float:
    """The largest between the output of a stream and what it should be, to the end of the signal."""
    assert stream.latency_samples == reference.latency_samples
    output = [in_blocks(stream, samples, sizes), stream.flush().reshape(-1, stream.channels)]
    expected = [reference.process(samples), reference.flush().reshape(-1, stream.channels)]
    return np.abs(np.concatenate(output) - np.concatenate(expected)).max()


@pytest.mark.parametrize("rate", [*RATES, *ODD_RATES, *WITHOUT_COMMON_FACTOR[:2]])
@pytest.mark.parametrize("name", ["fading", "look_ahead", "quiet_above_4_khz", "telephone", "full_band"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_it_computes_what_the_reference_does(models, name, rate, channels):
    arguments = {"channels": channels, "model": models[name], "atten_lim_db": None if channels == 1 else 12}
    samples = noise(rate // 12, channels)
    assert difference(Stream(rate, **arguments), ReferenceStream(rate, **arguments), samples, [441]) < 2e-5


@given(rate=st.integers(4_000, 60_000), name=st.sampled_from(["fading", "look_ahead", "telephone", "full_band"]))
@settings(deadline=None, max_examples=20)
def test_it_computes_what_the_reference_does_at_any_rate(models, rate, name):
    stream, reference = (one(rate, channels=2, model=models[name]) for one in (Stream, ReferenceStream))
    assert difference(stream, reference, noise(rate // 12, 2), [441]) < 2e-5


def test_it_computes_what_the_reference_does_at_the_highest_rates(models):
    rate = WITHOUT_COMMON_FACTOR[-1]
    stream, reference = Stream(rate, model=models["fading"]), ReferenceStream(rate, model=models["fading"])
    assert difference(stream, reference, noise(rate // 20, 1), [4_410]) < 2e-5


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 47_999])
def test_a_network_hears_what_it_does_in_the_reference(rate, shared_data):
    speech = [soundfile.read(shared_data / "valid" / "noisy" / f"{i:03d}.flac", dtype="float32")[0] for i in range(2)]
    samples = np.stack([one[16_000 : 16_000 + rate // 2] for one in speech], axis=1)
    arguments = {"channels": 2, "model": load("undin-tiny")}
    # Below its own rate most bins hold nothing but what rounding left, and that the network hears.
    tolerance = 2e-5 if rate >= 16_000 else 1e-4
    assert difference(Stream(rate, **arguments), ReferenceStream(rate, **arguments), samples, [441]) < tolerance


CHANGES = st.one_of(
    st.tuples(st.just("atten_lim_db"), st.sampled_from([None, 0, 3, 20])),
    st.tuples(st.sampled_from(["bypass", "link_channels"]), st.booleans()),
)


@given(
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    name=st.sampled_from(["fading", "look_ahead"]),
    blocks=st.lists(st.tuples(CHANGES, st.integers(0, 900)), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=40)
def test_what_changes_while_sound_runs_is_what_does_in_the_reference(models, rate, name, blocks):
    streams = [one(rate, channels=2, model=models[name]) for one in (Stream, ReferenceStream)]
    samples = noise(sum(size for _, size in blocks) + rate // 10, 2)
    outputs, start = ([], []), 0
    for (attribute, value), size in [*blocks, (("bypass", False), rate // 10)]:
        for stream, output in zip(streams, outputs, strict=True):
            setattr(stream, attribute, value)
            output.append(stream.process(samples[start : start + size]))
        start += size
    np.testing.assert_allclose(*map(np.concatenate, outputs), rtol=0, atol=2e-5)


@pytest.mark.parametrize("rate", WITHOUT_COMMON_FACTOR)
def test_a_rate_without_a_common_factor_opens_at_once_and_is_small(models, rate):
    seconds = []
    for _ in range(5):
        start = time.thread_time()
        stream = Stream(rate, model=models["quiet"])
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.05
    assert stream._memory.nbytes < 2e6


def test_a_stream_is_small_beside_its_model():
    model = load("undin-tiny", engine="compiled").engine.c_model
    beside = CStream(model, 48_000, 2).size - 2 * model.state_bytes - model.arena_bytes
    assert 0 < beside < 64_000


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", [(0,), (1,), (700,), (700, 1), (5_000, 2), (0, 2)])
def test_enhance_keeps_the_shape_and_lines_up(models, rate, shape):
    samples = noise(*shape)
    output = enhance(samples.astype(np.float64), sample_rate=rate, model=models["identity"])
    assert output.shape == shape and output.dtype == np.float32
    np.testing.assert_allclose(output, samples, atol=1e-6)


def test_enhance_is_a_loop_over_stream(models):
    samples = noise(100_000)
    stream = Stream(44_100, model=models["fading"])
    live = np.concatenate((in_blocks(stream, samples, [441]), stream.flush()))[stream.latency_samples :]
    np.testing.assert_array_equal(live, enhance(samples, sample_rate=44_100, model=models["fading"]))


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_flush_and_reset_start_afresh(models, rate):
    stream = Stream(rate, model=models["fading"])
    samples = noise(5_000)
    first = stream.process(samples)
    stream.flush()
    np.testing.assert_array_equal(stream.process(samples), first)
    stream.reset()
    np.testing.assert_array_equal(stream.process(samples), first)


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


def test_speech_at_48_khz_keeps_its_sibilants(models, shared_data):
    # 16 kHz speech read as 48 kHz has its sibilants at 12 to 24 kHz.
    speech, _ = soundfile.read(shared_data / "valid" / "clean" / "000.flac", dtype="float32", frames=96_000)
    np.testing.assert_allclose(enhance(speech, sample_rate=48_000, model=models["identity"]), speech, atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_sample_that_is_no_sound_counts_as_silence(models, rate, bad):
    samples = noise(8_000).astype(np.float64)
    silenced = samples.copy()
    silenced[[100, 4_000]] = 0
    samples[[100, 4_000]] = bad
    output = enhance(samples, sample_rate=rate, model=models["fading"])
    np.testing.assert_array_equal(output, enhance(silenced, sample_rate=rate, model=models["fading"]))


def test_two_threads_share_a_model(models):
    inputs = [noise(160_000, seed=seed) for seed in range(4)]

    def run(samples: np.ndarray) -> np.ndarray:
        return in_blocks(Stream(model=models["fading"]), samples, [160])

    alone = [run(samples) for samples in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, inputs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def held(models, monkeypatch):
    """A stream that another thread is held up in, and what lets that thread go on and gives what it got."""
    stream, engine = Stream(channels=2, model=models["quiet"]), models["quiet"].engine
    step, inside, go_on = engine._step, threading.Event(), threading.Event()

    def slow_step(*arguments):
        inside.set()
        assert go_on.wait(60)
        return step(*arguments)

    monkeypatch.setattr(engine, "_step", slow_step)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stream.process, noise(256, 2))
        assert inside.wait(60)

        def finish() -> np.ndarray:
            go_on.set()
            return running.result()

        try:
            yield stream, finish
        finally:
            go_on.set()


@pytest.mark.parametrize("call", ["process", "flush", "reset"])
def test_two_threads_at_once_in_one_stream_are_an_error(models, held, call):
    stream, finish = held
    arguments = [noise(300, 2)] if call == "process" else []
    with pytest.raises(RuntimeError, match=r"at work in another thread.*open a Stream for each signal"):
        getattr(stream, call)(*arguments)
    first = finish()  # and the other did not notice
    expected = Stream(channels=2, model=models["quiet"])
    np.testing.assert_array_equal(first, expected.process(noise(256, 2)))
    np.testing.assert_array_equal(stream.process(noise(300, 2)), expected.process(noise(300, 2)))


@pytest.mark.parametrize("use", ["atten_lim_db", "bypass", "link_channels", "levels", "close"])
def test_settings_levels_and_closing_wait_for_the_block_that_runs(held, use):
    stream, finish = held

    def change():
        if use == "levels":
            return stream.levels
        if use == "close":
            return stream.close()
        setattr(stream, use, 1)

    with ThreadPoolExecutor(1) as pool:
        changed = pool.submit(change)
        time.sleep(0.05)
        assert not changed.done()
        finish()
        changed.result(60)
    if use == "levels":
        assert changed.result().input_dbfs == pytest.approx(stream.levels.input_dbfs)
    elif use != "close":
        assert getattr(stream, use) == 1


def test_settings_change_while_another_thread_brings_blocks(models):
    stream, samples, stop = Stream(48_000, model=models["fading"]), noise(480), threading.Event()

    def turn_knobs() -> None:
        while not stop.is_set():
            stream.atten_lim_db, stream.bypass = 12, True
            assert stream.levels.input_dbfs < 0

    with ThreadPoolExecutor(1) as pool:
        knobs = pool.submit(turn_knobs)
        for _ in range(2_000):
            stream.process(samples)
        stop.set()
        knobs.result(60)


def test_a_closed_stream_says_so(models):
    samples = noise(1_000)
    with Stream(48_000, model=models["fading"]) as stream:
        stream.process(samples)
    stream.close()
    uses = [
        lambda: stream.process(samples),
        lambda: stream.flush(),
        lambda: stream.reset(),
        lambda: stream.levels,
        lambda: setattr(stream, "bypass", True),
        lambda: setattr(stream, "atten_lim_db", 3),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="this stream is closed: open another"):
            use()
    assert (stream.sample_rate, stream.bypass, stream.atten_lim_db) == (48_000, False, None)
    assert repr(stream).startswith("<closed Stream of fading")


def test_an_error_goes_through_a_with(models):
    with pytest.raises(KeyError), Stream(model=models["fading"]) as stream:
        raise KeyError
    assert stream._memory is None


def test_a_stream_shows_what_it_is(models):
    stream = Stream(48_000, channels=2, model=models["identity"])
    assert repr(stream) == (
        f"<Stream of identity at 48000 Hz, channels: 2, latency: {stream.latency_samples} samples (37.5 ms)>"
    )


@pytest.mark.parametrize("name", ["attn_lim_db", "sample_rate", "channels", "model", "latency_samples", "levels"])
def test_what_is_no_setting_cannot_be_set(models, name):
    stream = Stream(model=models["identity"])
    with pytest.raises(AttributeError, match=name):
        setattr(stream, name, 8_000)


@pytest.mark.parametrize("hand_on", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_stream_says_what_to_hand_on_in_its_place(models, hand_on):
    with pytest.raises(TypeError, match=r"neither pickled nor copied.*send what it was opened with"):
        hand_on(Stream(model=models["identity"]))


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory of a process so")
def test_a_thousand_streams_leave_nothing_behind(models):
    block = noise(441, 2)

    def open_and_close() -> None:
        Stream(48_000, channels=2, model=models["identity"]).process(block)

    for _ in range(100):
        open_and_close()
    before = resident_bytes()
    for _ in range(1_000):
        open_and_close()
    assert resident_bytes() - before < 1e6  # that of three streams


def test_process_writes_where_it_is_told(models):
    samples = noise(5_000, 2)
    expected = Stream(48_000, channels=2, model=models["fading"]).process(samples)
    for in_place in (False, True):
        stream, block = Stream(48_000, channels=2, model=models["fading"]), samples.copy()
        out = block if in_place else np.full_like(block, np.nan)
        assert stream.process(block, out=out) is out
        np.testing.assert_array_equal(out, expected)
        assert in_place or np.array_equal(block, samples)
    stream.reset()
    np.testing.assert_array_equal(stream.process(samples[::-1][::-1].astype(np.float64), out=out), expected)


READ_ONLY = np.zeros((9, 2), np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((9, 2)),
        np.zeros((9, 2), np.int16),
        np.zeros((8, 2), np.float32),
        np.zeros((9, 1), np.float32),
        np.zeros(18, np.float32),
        np.zeros((9, 4), np.float32)[:, ::2],
        np.zeros((2, 9), np.float32).T,
        READ_ONLY,
    ],
)
def test_places_that_do_not_fit_are_refused_before_anything_happens(models, out):
    stream, samples = Stream(channels=2, model=models["fading"]), noise(3_000, 2)
    expected = Stream(channels=2, model=models["fading"]).process(samples)
    with pytest.raises(ValueError, match="out must be a contiguous"):
        stream.process(samples[:9], out=out)
    np.testing.assert_array_equal(stream.process(samples), expected)


def test_what_onnx_runtime_raises_is_raised(models, monkeypatch):
    stream, samples = Stream(model=models["quiet"]), noise(1_000)
    expected = stream.process(samples)

    def fail(*_):
        raise RuntimeError("no memory for the step")

    with monkeypatch.context() as patch:
        patch.setattr(stream.model.engine, "_step", fail)
        with pytest.raises(RuntimeError, match="no memory for the step"):
            stream.process(samples)
        with pytest.raises(RuntimeError, match="no memory for the step"):
            stream.flush()
    stream.reset()
    np.testing.assert_array_equal(stream.process(samples), expected)


@pytest.mark.parametrize(
    ("block", "channels", "reason"),
    [
        (np.zeros(10, np.int16), 1, "float32 in \\[-1, 1\\], got int16"),
        (np.zeros(10, np.complex64), 1, "got complex64"),
        (np.zeros(10, np.float16), 1, r"got float16: convert with .astype\(numpy.float32\)"),
        (np.zeros((10, 2), np.float16), 2, "got float16"),
        (np.array(["0.5"]), 1, "float32 in"),
        (np.zeros(10, np.float32), 2, r"shape \(samples, 2\), got \(10,\)"),
        (np.zeros((10, 2), np.float32), 1, r"shape \(samples, 1\), got \(10, 2\)"),
        (np.zeros((10, 1, 1), np.float32), 1, "shape"),
        (np.float32(0), 1, "shape"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(models, block, channels, reason):
    with pytest.raises(ValueError, match=reason):
        Stream(channels=channels, model=models["identity"]).process(block)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": 16_000.5}, "sample_rate"),
        ({"sample_rate": 1_000_000}, "sample_rate"),
        *(({"sample_rate": odd}, "sample_rate must be .* got") for odd in ("16000", b"16000", None, "high", [16_000])),
        *(
            ({"sample_rate": odd}, "sample_rate must be .* got")
            for odd in (float("nan"), float("inf"), 10**400, 16_000j)
        ),
        *(({"channels": odd}, "channels must be .* got") for odd in ("2", None, float("nan"), 1.5)),
        *(({"atten_lim_db": odd}, "atten_lim_db must be .* got") for odd in ("12", [], float("nan"))),
        *(({"model": odd}, "named by its name or its path, or loaded; got") for odd in (None, 3, b"undin-tiny")),
        ({"channels": 0}, "channels"),
        ({"channels": 48_000}, r"channels must be 1 to 64, got 48000: arrays have the shape \(samples, channels\)"),
        ({"atten_lim_db": -3}, "atten_lim_db"),
    ],
)
def test_parameters_out_of_range_are_refused(models, arguments, reason):
    with pytest.raises(ValueError, match=reason):
        Stream(**({"model": models["identity"]} | arguments))


@pytest.mark.parametrize("rate", [np.int32(48_000), np.float64(48_000), np.array(48_000), 48_000.0])
def test_numbers_of_any_kind_are_taken(models, rate):
    stream = Stream(rate, channels=np.int64(2), model=models["identity"], atten_lim_db=np.float32(6))
    assert (stream.sample_rate, stream.channels, stream.atten_lim_db) == (48_000, 2, 6)
    assert type(stream.sample_rate) is int


def test_enhance_refuses_integers_and_channels_first(models):
    with pytest.raises(ValueError, match="float32"):
        enhance(np.zeros(100, np.int16), sample_rate=16_000, model=models["identity"])
    with pytest.raises(ValueError, match="shape"):
        enhance(np.zeros((2, 48_000), np.float32), sample_rate=48_000, model=models["identity"])
