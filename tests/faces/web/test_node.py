"""`Stream` and `enhance` in node, held to Python's `Stream` on real speech."""

import json
import subprocess
from itertools import product

import numpy as np
import pytest

TOLERANCE = 1e-4
"""Of full scale, between processors that fuse multiplications with additions and those that do not."""
MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-base")
MODELS += ("undin-nano-48k", "undin-small-48k", "undin-nano-int8", "undin-small-int8")


def agree(output: np.ndarray, expected: np.ndarray, model: str) -> None:
    """Bit for bit in integers, closely in floats."""
    assert output.shape == expected.shape
    if model.endswith("-int8"):
        assert output.tobytes() == np.ascontiguousarray(expected).tobytes()
    else:
        assert np.abs(output - expected).max(initial=0) < TOLERANCE


@pytest.mark.parametrize(("model", "sample_rate", "channels"), [*product(MODELS, (16_000, 44_100, 48_000), (1, 2))])
def test_a_stream_gives_what_pythons_gives(in_node, reference, speech, model, sample_rate, channels):
    samples = speech(sample_rate, channels)
    expected, latency = reference(samples, sample_rate, model)
    output, told = in_node("stream.mjs", samples, model=model, sampleRate=sample_rate)
    assert told["latencySamples"] == latency
    assert np.abs(expected - np.pad(samples, ((0, 0), (latency, 0)))).max() > 0.01, "nothing was done"
    agree(output, expected, model)


@pytest.mark.parametrize(("sample_rate", "channels"), ((16_000, 1), (44_100, 2), (384_000, 3)))
def test_a_limit_of_attenuation_of_zero_returns_the_delayed_input(in_node, speech, sample_rate, channels):
    samples = speech(sample_rate, min(channels, 2))[[0, 1, 0][:channels] if channels > 1 else [0]]
    output, told = in_node("stream.mjs", samples, model="undin-nano", sampleRate=sample_rate, attenLimDb=0)
    assert output.tobytes() == np.pad(samples, ((0, 0), (told["latencySamples"], 0))).tobytes()


@pytest.mark.parametrize(("sample_rate", "channels", "model"), ((16_000, 1, "undin-nano"), (44_100, 2, "undin-small")))
def test_enhance_gives_the_same_in_line_with_the_input(in_node, reference, speech, sample_rate, channels, model):
    samples = speech(sample_rate, channels)
    expected, latency = reference(samples, sample_rate, model, atten_lim_db=12)
    output, told = in_node("enhance.mjs", samples, model=model, sampleRate=sample_rate, attenLimDb=12)
    agree(output, expected[:, latency:], model)
    assert told["progress"] == sorted(told["progress"]) and told["progress"][-1] == 1


@pytest.mark.parametrize("samples", (0, 1, 300, 8_000))
def test_enhance_takes_recordings_of_any_length(in_node, reference, speech, samples):
    short = speech(16_000, 1)[:, :samples]
    output, _ = in_node("enhance.mjs", short, model="undin-nano", sampleRate=16_000)
    expected, latency = reference(short, 16_000, "undin-nano")
    agree(output, expected[:, latency:], "undin-nano")


SHORT = {
    "a stream refuses a rate": ("new Stream(1e6, { model })", "RangeError", "sampleRate must be 4000 to 384000"),
    "a stream refuses channels": (
        "new Stream(16000, { model, channels: 65 })",
        "RangeError",
        "channels must be 1 to 64",
    ),
    "a stream refuses a name": ("new Stream(16000, { model: 'undin-nano' })", "TypeError", "Stream.open"),
    "a stream refuses a limit": ("new Stream(16000, { model, attenLimDb: -1 })", "RangeError", "-1"),
    "a block has its channels": ("stream.process([x, x])", "TypeError", "array of 1 Float32Array"),
    "a block is of floats": ("stream.process(new Int16Array(4))", "TypeError", "Float32Array"),
    "out is as long": ("stream.process(x, new Float32Array(1))", "RangeError", "as long as the block"),
    "a model is known": ("await loadModel('undin-huge')", "model", "take one of undin-nano"),
    "a model is whole": (
        "await (new Model('mine', 'undin_nano', model.bytes.slice(0, 900))).compile()",
        "model",
        "damaged",
    ),
    "recordings are checked": ("await enhance([x, x.slice(1)], 16000)", "RangeError", "same length"),
    "the worker's refusal arrives": ("await enhance(x, 100, { model })", "RangeError", "sample rate"),
    "a signal ends it": (
        "await enhance(new Float32Array(16000 * 600), 16000, { model, signal: AbortSignal.timeout(300) })",
        "TimeoutError",
        "timeout",
    ),
}


@pytest.mark.parametrize("name", SHORT)
def test_what_is_refused_is_named(node, dist, name):
    code, kind, words = SHORT[name]
    program = f"""
        const {{ Stream, loadModel, Model, enhance }} = await import({json.dumps((dist / "index.js").as_uri())});
        const model = await loadModel("undin-nano");
        const stream = new Stream(16000, {{ model }});
        const x = new Float32Array(16);
        try {{ {code}; }}
        catch ({{ name, code, message }}) {{ console.log(typeof code === "string" ? code : name, message); }}
    """
    command = [node, "--input-type=module", "-e", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(kind) and words in done.stdout, done.stdout + done.stderr


def test_a_recording_takes_the_memory_of_a_second_beside_input_and_output(node, dist):
    program = f"""
        const {{ enhance }} = await import({json.dumps((dist / "index.js").as_uri())});
        const long = new Float32Array(16000 * 1200).map((_, i) => Math.sin(i * i));
        await enhance(long.subarray(0, 16000), 16000, {{ model: "undin-nano" }});
        const before = process.memoryUsage().rss;
        let most = 0;
        const onProgress = () => {{ most = Math.max(most, process.memoryUsage().rss); }};
        await enhance(long, 16000, {{ model: "undin-nano", onProgress }});
        console.log((most - before - long.byteLength) / 2 ** 20);
    """
    command = [node, "--input-type=module", "-e", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert float(done.stdout) < 60  # MB, a worker of node itself among them
