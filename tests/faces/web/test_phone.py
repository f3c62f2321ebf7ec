"""The package in the web view of a phone, as an app of React Native or Capacitor shows it; Chromium plays it."""

import base64

import numpy as np
import pytest
from faces.web.browsers import PHONE_AGENT, Browser
from support.needs import need


@pytest.fixture(scope="module")
def phone(dist, tmp_path_factory):
    need("chromium")
    one = Browser("phone", dist, microphone=tmp_path_factory.mktemp("microphone") / "none.wav")
    yield one
    one.close()


def test_it_is_small_has_touch_and_says_that_it_is_a_phone(phone):
    told = phone.run("phone.js")
    assert told["userAgent"] == PHONE_AGENT and told["touch"]
    assert told["width"] <= 500 and told["scale"] == 3  # no window of Chromium is narrower than 500


@pytest.mark.parametrize(("page", "program"), [("offline.js", "stream.mjs"), ("recording.js", "enhance.mjs")])
def test_speech_comes_out_as_in_node(phone, in_node, speech, page, program):
    samples = speech(48_000, 1)
    phone.files["speech.f32"] = samples.tobytes()
    options = {"model": "undin-nano", "sampleRate": 48_000}
    told = phone.run(page, file="speech.f32", **({"channels": 1} if page == "offline.js" else {}), **options)
    expected, _ = in_node(program, samples, **options)
    output = np.frombuffer(base64.b64decode(told["samples"]), np.float32)
    assert output.tobytes() == expected[0, : len(output)].tobytes() and len(output) == samples.shape[1]
