"""`Stream` and `enhance`: latency, blocks, rates and channels, what lies beside the model's band, bad input."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import soundfile
import step_models
from hypothesis import given, settings
from hypothesis import strategies as st

from undin import Stream, enhance, load

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
ODD_RATES = (4_000, 44_056, 96_000)


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
            step_models.identity(folder / "telephone.onnx", sample_rate=8_000, n_fft=256, window=160, hop=80)
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
@pytest.mark.parametrize("name", ["identity", "look_ahead", "telephone"])
def test_an_impulse_comes_out_after_the_declared_latency(models, name, rate):
    stream = Stream(rate, model=models[name])
    at, latency = 1_000, stream.latency_samples
    impulse = np.zeros(at + latency + 1_000, np.float32)
    impulse[at] = 1
    output = in_blocks(stream, impulse, [480])
    assert np.argmax(np.abs(output)) == at + latency
    assert output[at + latency] == pytest.approx(1, abs=1e-5)
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
    np.testing.assert_allclose(output, at_once, atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_single_samples_and_empty_blocks(models, rate):
    samples = noise(3_000)
    output = in_blocks(Stream(rate, model=models["fading"]), samples, [1, 0])
    np.testing.assert_allclose(output, Stream(rate, model=models["fading"]).process(samples), atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_latency_is_the_least_that_every_block_size_allows(models, rate):
    stream = Stream(rate, model=models["telephone"])
    waiting = []
    for sample in noise(2 * rate // 5, 1):
        stream.process(sample)
        waiting.append(len(stream._ready))
    assert min(waiting) == 0


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
    np.testing.assert_allclose(live, enhance(samples, sample_rate=44_100, model=models["fading"]), atol=1e-6)


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


def test_memory_is_that_of_a_second(models):
    stream = Stream(48_000, model=models["identity"])
    for _ in range(5):
        stream.process(noise(200_000))
    path = stream._path
    assert all(len(queue) <= 48_000 for queue in (stream._ready, path._input, path._dry, path._model._gathered))


@pytest.mark.parametrize(
    ("block", "channels", "reason"),
    [
        (np.zeros(10, np.int16), 1, "float32 in \\[-1, 1\\], got int16"),
        (np.zeros(10, np.complex64), 1, "got complex64"),
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
        ({"channels": 0}, "channels"),
        ({"channels": 48_000}, r"channels must be 1 to 64, got 48000: arrays have the shape \(samples, channels\)"),
        ({"atten_lim_db": -3}, "atten_lim_db"),
    ],
)
def test_parameters_out_of_range_are_refused(models, arguments, reason):
    with pytest.raises(ValueError, match=reason):
        Stream(**({"model": models["identity"]} | arguments))


def test_enhance_refuses_integers_and_channels_first(models):
    with pytest.raises(ValueError, match="float32"):
        enhance(np.zeros(100, np.int16), sample_rate=16_000, model=models["identity"])
    with pytest.raises(ValueError, match="shape"):
        enhance(np.zeros((2, 48_000), np.float32), sample_rate=48_000, model=models["identity"])
