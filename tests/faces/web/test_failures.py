"""What can go wrong in a page: each is seen, told with its cure, and survived."""

import base64
import gzip
import subprocess
import sys

import pytest
from faces.web.conftest import ROOT

SCRIPTS = "'self' 'unsafe-inline'"
BROKEN = {
    "name": "mine",
    "symbol": "undin_nano",
    "gzip": base64.b64encode(gzip.compress(b"\0asm\1\0\0\0junk")).decode(),
}

REFUSALS = {
    "wrong wasm": ({"model": BROKEN}, None, "model", "damaged"),
    "wrong wasm offline": ({"model": BROKEN, "live": False}, None, "model", "damaged"),
    "no such model": ({"model": "undin-huge"}, None, "model", "take one of"),
    "no wasm by policy": ({}, f"script-src {SCRIPTS} blob:", "policy", "wasm-unsafe-eval"),
    "no worklet by policy": ({}, f"script-src {SCRIPTS} 'wasm-unsafe-eval'", "worklet", "baseUrl"),
    "no assets there": ({"baseUrl": "/nowhere"}, None, "worklet", "undin/assets"),
    "no time": ({"baseUrl": "/held", "timeoutMs": 500}, None, "timeout", "timeoutMs"),
    "strict policy and files": (
        {"baseUrl": "/undin/assets"},
        f"default-src 'none'; script-src {SCRIPTS} 'wasm-unsafe-eval'; connect-src 'self'",
        "ready",
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_a_code_and_a_cure(browser, name):
    options, policy, code, cure = REFUSALS[name]
    if (browser.engine, name) == ("webkit", "no wasm by policy"):
        pytest.skip("WebKitGTK has an answer of its own to this policy")
    told = browser.run("refusals.js", policy=policy, **({"model": "undin-nano"} | options))
    assert told["code"] == code and cure in told.get("message", ""), told


def test_a_recording_tells_of_a_policy_against_its_worker(browser):
    browser.files["speech.f32"] = bytes(4000)
    policy = f"script-src {SCRIPTS} 'wasm-unsafe-eval'; worker-src 'self'"
    told = browser.run("recording.js", policy=policy, file="speech.f32", model="undin-nano", sampleRate=16_000)
    assert told["code"] == "worker" and "worker-src" in told["message"]


@pytest.mark.parametrize(("until_ready", "heard"), (("silence", 0), ("bypass", 1)))
def test_until_the_model_is_there_it_is_silent_or_bypassed(browser, until_ready, heard):
    told = browser.run("waiting.js", untilReady=until_ready)
    assert told["code"] == "timeout" and told["heard"] == pytest.approx(heard, abs=1e-3)


def test_changes_while_sound_runs(browser):
    told = browser.run("changes.js", timeout_s=90)
    assert told["latency"] == pytest.approx(0.0375, abs=0.001)
    assert told["enhanced"] < told["bypassed"] - 8
    assert told["limited"] == pytest.approx(told["bypassed"] - 6, abs=2)
    for after in ("resumed", "reconnected", "stalled"):
        assert told[after] == pytest.approx(told["limited"], abs=2), after
    assert told["disconnected"] < -60 and told["disposed"] < -60
    assert told["levels"]["inputDbfs"] == pytest.approx(-24.8, abs=1)
    assert 0 <= told["levels"]["load"] < 1


def test_a_live_minute_has_no_gap(browser):
    told = browser.run("minute.js", model="undin-nano", seconds=60, timeout_s=120)
    assert not told["events"] and told["lag"] < 1
    assert max(told["levels"]) - min(told["levels"]) < 6, told["levels"]


def test_a_microphone_that_changes_its_rate_goes_on(browser):
    for told in browser.run("rates.js", rates=[48_000, 16_000, 44_100], model="undin-nano", timeout_s=60):
        assert told.get("enhanced", 0) < told.get("bypassed", -200) - 8, told


def test_an_overload_is_told_bypassed_and_recovered_from(browser):
    told = browser.run("overload.js", timeout_s=90)
    assert told["resting"] == pytest.approx(-24.8, abs=1)
    assert told["again"] < told["resting"] - 8
    assert told["overload"]["seconds"] >= 2 and told["recovered"]["load"] < 0.6


@pytest.mark.parametrize("suppressed", (False, True))
def test_a_call_carries_the_enhanced_microphone(browser, suppressed):
    if browser.engine == "webkit":
        pytest.skip("Debian's WebKitGTK has no RTCPeerConnection")
    told = browser.run("call.js", suppressed=suppressed, timeout_s=60)
    assert told["packets"] > 100
    assert suppressed or told["enhanced"] < told["bypassed"] - 3
    assert told["state"] == "running" and told["closed"] == "closed" and told["ended"] == "ended"
    assert bool(told["warnings"]) == told["suppresses"]
    assert told["suppresses"] == suppressed or browser.engine == "firefox", "its made-up microphone suppresses nothing"


FAILS = """
#include "undin.h"
const undin_model undin_nano = {UNDIN_ABI, 16000, 256, 511};
size_t undin_stream_bytes(const undin_model *m, int r, int c) { return 64; }
int undin_stream_init(undin_stream *s, const undin_model *m, int r, int c) { return 0; }
int undin_stream_latency_samples(const undin_stream *s) { return 511; }
int undin_stream_set_atten_lim_db(undin_stream *s, float db) { return 0; }
void undin_stream_set_bypass(undin_stream *s, int on) {}
void undin_stream_process(undin_stream *s, const float *const *in, float *const *out, size_t stride, size_t n) {
    __builtin_trap();
}
"""
"""A stream that opens, and fails with the first block."""


def test_a_stream_that_fails_while_it_runs_is_told_and_silent(browser, tmp_path):
    (tmp_path / "fails.c").write_text(FAILS)
    names = ("bytes", "init", "latency_samples", "set_atten_lim_db", "set_bypass", "process")
    exports = [f"-Wl,--export={name}" for name in ("undin_nano", "__heap_base", *(f"undin_stream_{n}" for n in names))]
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry"]
    header = f"-I{ROOT / 'src' / 'undin' / 'c' / 'include'}"
    subprocess.run([*command, *exports, header, "fails.c", "-o", "fails.wasm"], cwd=tmp_path, check=True)
    packed = base64.b64encode(gzip.compress((tmp_path / "fails.wasm").read_bytes())).decode()
    told = browser.run("trap.js", model=BROKEN | {"gzip": packed})
    assert told["code"] == "processor" and "silent" in told["message"] and told["heard"] == 0


def test_a_suspended_context_is_no_failure(browser):
    told = browser.run("suspended.js")
    print(f"{browser.engine}: {told['early']} while suspended")
    assert told["enhanced"] < told["bypassed"] - 8
