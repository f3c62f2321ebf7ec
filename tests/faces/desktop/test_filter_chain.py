"""The plug-in of LADSPA in PipeWire's filter chain gives the samples of a stream."""

import json
import time

import numpy as np
import pytest
import soundfile
from support.desktop import RATE, desktop
from support.needs import need

from undin import Stream

MODEL = "undin-small-48k"
"""The one that the plug-in begins with."""

SECONDS = 3
SAMPLES_ALIKE = RATE // 2
"""In one piece, at least; a machine that does other things too may lose a block now and then."""

HOP, STEP = 480, 32
"""Samples of a hop of the model at this rate, and what all of PipeWire's blocks are multiples of."""

UNSURE = 12
"""Hops of silence that the chain may have heard more or less than it seems."""

CHAIN = """
context.spa-libs = { audio.convert.* = audioconvert/libspa-audioconvert support.* = support/libspa-support }
context.modules = [ { name = libpipewire-module-protocol-native } { name = libpipewire-module-client-node }
  { name = libpipewire-module-adapter } { name = libpipewire-module-filter-chain args = {
  filter.graph = { nodes = [ { type = ladspa name = undin plugin = %s label = stereo } ] }
  node.description = chain audio.channels = 2 audio.position = [ FL FR ]
  capture.props = { node.name = chain media.class = Audio/Sink }
  playback.props = { node.name = behind target.object = heard node.passive = true } } } ]
"""
HEARD = """context.objects = [ { factory = adapter args = { factory.name = support.null-audio-sink node.name = heard
  media.class = Audio/Sink audio.position = "FL,FR" object.linger = true monitor.channel-volumes = false } } ]
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory, ladspa):
    need("pipewire")
    home = tmp_path_factory.mktemp("chain")
    config = home / ".config" / "pipewire"
    (config / "pipewire.conf.d").mkdir(parents=True)
    (config / "pipewire.conf.d" / "20-heard.conf").write_text(HEARD)
    (config / "chain.conf").write_text(CHAIN % json.dumps(str(ladspa)))
    with desktop("pipewire", home) as one:
        yield one


def through_a_fresh_chain(session, samples: np.ndarray) -> np.ndarray:
    """What is heard of samples (n, 2) behind the chain."""
    path, recorded = session.home / "samples.wav", session.home / "heard.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    form = (f"--rate={RATE}", "--channels=2", "--format=f32")
    chain = session.spawn("pipewire", "-c", "chain.conf")
    try:
        session.wait_until(lambda: "chain" in session.sinks())
        for sink in ("chain", "heard"):
            session.call("pactl", "set-sink-volume", sink, "100%")
        recording = session.spawn(
            "pw-record", "--target=heard", "-P", "{ stream.capture.sink = true }", *form, recorded
        )
        time.sleep(1)
        session.call("pw-play", "--target=chain", path)
        time.sleep(0.5)
        recording.terminate()
        recording.wait(10)
    finally:
        chain.terminate()
        chain.wait(10)
    return soundfile.read(recorded, dtype="float32")[0]


def longest_alike(heard: np.ndarray, samples: np.ndarray) -> int:
    """The most samples in a row that are those of a stream that has heard silence before, and then `samples`.

    The chain begins to hear about when the recording does, so that this tells how much silence it has heard.
    """
    size = 1 << (len(heard) + len(samples)).bit_length()
    spectrum = np.fft.rfft(heard[:, 0], size)

    def of_stream(silence: int) -> np.ndarray:
        lead = np.zeros((silence, 2), np.float32)
        return Stream(RATE, channels=2, model=MODEL).process(np.concatenate((lead, samples)))[silence:]

    first = of_stream(RATE)
    at = int(np.argmax(np.fft.irfft(spectrum * np.conj(np.fft.rfft(first[:, 0], size)), size)[: len(heard)]))
    length = min(len(first), len(heard) - at)

    def distances(silence: int) -> np.ndarray:
        return np.abs(heard[at : at + length] - of_stream(silence)[:length]).max(axis=1)

    # First where in a hop the sound began, then after how many hops.
    begun = min(range(at, at + HOP, STEP), key=lambda silence: np.median(distances(silence - silence % STEP)))
    most = 0
    for silence in range(begun - begun % STEP - UNSURE * HOP, begun + UNSURE * HOP, HOP):
        if silence >= 0:
            alike = distances(silence) < 1e-5
            ends = np.flatnonzero(np.diff(np.concatenate(([0], alike.astype(int), [0]))))
            most = max(most, int(np.max(ends[1::2] - ends[::2], initial=0)))
    return most


def test_stereo_sound_through_the_chain_is_that_of_a_stream(session, noisy):
    samples = np.stack((noisy, np.roll(noisy, 1_000)), axis=1)[: SECONDS * RATE]
    found = []
    while len(found) < 4 and max(found, default=0) < SAMPLES_ALIKE:
        found.append(longest_alike(through_a_fresh_chain(session, samples), samples))
    assert max(found) >= SAMPLES_ALIKE, found
