"""The node in real browsers: the same samples as `Stream` in node, bit for bit."""

import base64
from itertools import product

import numpy as np
import pytest

CASES = [
    *product(("undin-nano",), (16_000, 44_100, 48_000), (1, 2)),
    ("undin-small", 48_000, 2),
    ("undin-small-int8", 48_000, 1),
    ("undin-tiny", 8_000, 1),
]


def rendered(browser, samples: np.ndarray, **options) -> tuple[np.ndarray, dict]:
    """What an OfflineAudioContext makes of speech, and what else the page tells."""
    browser.files["speech.f32"] = samples.tobytes()
    told = browser.run("offline.js", file="speech.f32", channels=len(samples), **options)
    return np.frombuffer(base64.b64decode(told["samples"]), np.float32).reshape(samples.shape), told


@pytest.mark.parametrize(("model", "sample_rate", "channels"), CASES)
def test_an_offline_context_gives_the_bits_of_node(browser, in_node, speech, model, sample_rate, channels):
    samples = speech(sample_rate, channels)
    output, told = rendered(browser, samples, model=model, sampleRate=sample_rate)
    expected, of_node = in_node("stream.mjs", samples, model=model, sampleRate=sample_rate)
    assert told["latency"] == of_node["latencySamples"] / sample_rate
    assert output.tobytes() == expected[:, : output.shape[1]].tobytes()


@pytest.mark.parametrize("quantum", (32, 100, 1_024, 5_000))
def test_any_render_quantum_gives_the_same(browser, in_node, speech, quantum):
    samples = speech(48_000, 2)
    output, told = rendered(browser, samples, model="undin-nano", sampleRate=48_000, renderSizeHint=quantum)
    if told.get("quantum", 128) == 128:
        pytest.skip(f"{browser.engine} has quanta of 128 samples alone")
    expected, _ = in_node("stream.mjs", samples, model="undin-nano", sampleRate=48_000)
    assert output.tobytes() == expected[:, : output.shape[1]].tobytes()


@pytest.mark.parametrize("base", (None, "/undin/assets"))
def test_a_recording_gives_the_bits_of_node(browser, in_node, speech, base):
    samples = speech(44_100, 1)
    browser.files["speech.f32"] = samples.tobytes()
    options = {"baseUrl": base} if base else {}
    told = browser.run("recording.js", file="speech.f32", model="undin-nano", sampleRate=44_100, **options)
    expected, _ = in_node("enhance.mjs", samples, model="undin-nano", sampleRate=44_100)
    assert base64.b64decode(told["samples"]) == expected.tobytes()


def test_a_node_leaves_most_of_its_thread_alone(browser, record_property):
    share = browser.run("load.js", model="undin-small", seconds=5)
    record_property("share", share)
    print(f"{browser.engine}: undin-small in stereo at 48 kHz takes {100 * share:.1f} % of a core")
    assert share < 0.25  # 2 % on a quiet machine


def test_an_hour_renders_without_growth(browser):
    told = browser.run("long.js", minutes=60, timeout_s=180)
    assert told["late"] == pytest.approx(told["early"], rel=0.5)
    assert told["grown"] < 20
