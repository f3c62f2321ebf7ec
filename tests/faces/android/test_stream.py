"""Streams and files in Java, under -Xcheck:jni, held to Python's `Stream` bit for bit."""

import json
from itertools import product

import numpy as np
import pytest
import soundfile

import undin

MODELS = "undin-nano", "undin-tiny", "undin-small", "undin-small-48k"


def through(program, folder, samples, *, how="arrays", rate, model, limit="Infinity", **options) -> np.ndarray:
    """Bring samples through a stream in Java; its output, the end flushed, shape (samples + latency, channels)."""
    samples.tofile(folder / "in.f32")
    channels = samples.shape[1]
    latency = program("stream", folder / "in.f32", folder / "out.f32", how, rate, channels, model, limit, **options)
    output = np.fromfile(folder / "out.f32", np.float32).reshape(-1, channels)
    assert len(output) == len(samples) + int(latency)
    return output


def expected(samples, *, rate, model, limit=None) -> np.ndarray:
    """The same of Python's stream."""
    stream = undin.Stream(rate, channels=samples.shape[1], model=model, atten_lim_db=limit)
    output = np.concatenate((stream.process(samples), stream.flush().reshape(-1, stream.channels)))
    assert np.abs(output[stream.latency_samples :] - samples).max() > 0.01 or limit == 0, "nothing was done"
    return output


def test_its_models(program):
    assert program("models").strip() == f"[{', '.join(MODELS)}]"


@pytest.mark.parametrize(
    ("model", "rate", "channels", "how"),
    [
        *product(["undin-small"], (16_000, 44_100, 48_000), (1, 2), ("arrays", "buffers")),
        *((model, 48_000, 1, "arrays") for model in MODELS if model != "undin-small"),
        ("undin-nano", 8_000, 2, "buffers"),
        ("undin-nano", 384_000, 1, "arrays"),
    ],
)
def test_a_stream_gives_what_pythons_gives(program, speech, tmp_path, model, rate, channels, how):
    samples = speech(rate, channels)
    output = through(program, tmp_path, samples, how=how, rate=rate, model=model)
    assert output.tobytes() == expected(samples, rate=rate, model=model).tobytes()


@pytest.mark.parametrize("channels", (3, 64))
def test_many_channels(program, speech, tmp_path, channels):
    samples = np.ascontiguousarray(np.tile(speech(16_000, 1)[:9_000], channels))
    output = through(program, tmp_path, samples, rate=16_000, model="undin-nano", limit="12")
    assert output.tobytes() == expected(samples, rate=16_000, model="undin-nano", limit=12).tobytes()


def test_a_limit_of_zero_returns_the_delayed_input(program, speech, tmp_path):
    samples = speech(44_100, 2)
    output = through(program, tmp_path, samples, rate=44_100, model="undin-small", limit="0")
    late = len(output) - len(samples)
    assert output.tobytes() == np.pad(samples, ((late, 0), (0, 0))).tobytes()


@pytest.mark.parametrize(("rate", "channels"), ((16_000, 1), (44_100, 2)))
def test_a_file_lines_up_with_its_source(program, speech, tmp_path, rate, channels):
    samples = speech(rate, channels)
    samples.tofile(tmp_path / "in.f32")
    told = program("file", tmp_path / "in.f32", tmp_path / "out.wav", "undin-tiny", rate, channels)
    assert told.split() == ["true", str(len(samples)), "true", "false", "false"]
    assert {path.name for path in tmp_path.iterdir()} == {"in.f32", "out.wav"}
    output, found = soundfile.read(tmp_path / "out.wav", dtype="int16", always_2d=True)
    floats = undin.enhance(samples, sample_rate=rate, model="undin-tiny")
    assert found == rate and soundfile.info(tmp_path / "out.wav").subtype == "PCM_16"
    np.testing.assert_array_equal(output, np.clip(np.rint(floats * 32768.0), -32768, 32767).astype(np.int16))


def test_what_is_refused_is_named(program):
    lines = program("refusals").splitlines()
    words = ["sampleRateHz"] * 2 + ["channels must be 1 to 64"] * 2 + ["take one of undin-nano"] * 2
    words += ["attenLimDb"] * 2 + ["of one length"] * 2 + ["not inside arrays"] * 5 + ["overlap"]
    words += ["direct"] * 3 + ["multiple of 2"] * 2 + ["overlap"]
    assert len(lines) == len(words)
    for line, word in zip(lines, words, strict=True):
        assert word in line


def test_settings_and_levels(program):
    fresh, levels, wrong, same = program("settings").splitlines()
    assert fresh == "-120.0 true false"
    heard, out, reduction, presence = map(float, levels.split())
    assert -11.5 < heard < -10 and out < heard - 6 and reduction > 6 and 0 <= presence < 0.3
    assert (wrong, same) == ("0", "true")


def test_two_streams_in_threads(program, speech, tmp_path):
    samples = speech(16_000, 1)
    samples.tofile(tmp_path / "in.f32")
    program("threads", tmp_path / "in.f32", tmp_path / "out.f32")
    output = np.fromfile(tmp_path / "out.f32", np.float32).reshape(2, -1, 1)
    wanted = expected(samples, rate=16_000, model="undin-tiny")[: len(samples)]
    assert output[0].tobytes() == wanted.tobytes() and output[1].tobytes() == wanted.tobytes()


def test_a_million_buffers_without_growth(program):
    assert json.loads(program("soak", 500_000)) < 2**20  # each round is a buffer and an array
