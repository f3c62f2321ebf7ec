"""The client in JavaScript, in Node."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.serving import MODEL

import undin

pytestmark = pytest.mark.needs("server", "node")
OPTIONS = ("--streams", "5")
HERE = Path(__file__).parent
CLIENT = HERE.parents[2] / "bindings" / "web" / "src" / "remote.js"


@pytest.mark.parametrize("channels", [1, 2])
def test_the_samples_are_those_of_a_stream_here(server, tmp_path, channels):
    samples = np.random.default_rng(0).normal(0, 0.1, (40_000, channels)).astype(np.float32)
    samples.tofile(tmp_path / "in.f32")
    # Node 20 has WebSocket behind this flag, 22 without it.
    command = [shutil.which("node"), "--experimental-websocket", str(HERE / "remote.mjs"), CLIENT.as_uri(), server.ws]
    command += [str(tmp_path / "in.f32"), str(tmp_path / "out.f32"), str(channels)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    with undin.Stream(48_000, channels=channels, model=MODEL, atten_lim_db=20) as stream:
        parts = [stream.process(samples[:1_441])]
        stream.atten_lim_db = None
        parts += [stream.process(samples[1_441:]), stream.flush().reshape(-1, channels)]
        assert (told["model"], told["sampleRate"]) == (MODEL, 48_000)
        assert told["latencySamples"] == stream.latency_samples
    found = np.fromfile(tmp_path / "out.f32", np.float32).reshape(-1, channels)
    np.testing.assert_array_equal(found, np.concatenate(parts))
    huge, slow, nobody = told["refusals"]
    assert huge[:2] == slow[:2] == ["server", "bad-request"] and "undin-huge" in huge[2]
    assert "there is no server" in nobody
    assert told["closed"] in ("this stream was closed", f"a block has {channels} channels of one length")
