"""A voice over WebSocket: the samples of `Stream`, in any encoding, with settings that change while it sounds."""

import json

import numpy as np
import pytest
from support.serving import MODEL, ended
from websockets.sync.client import connect

from undin import Stream, models
from undin.client import RemoteStream, ServerError
from undin.io import pcm
from undin.recording import RAW_FORMATS

pytestmark = pytest.mark.needs("server")
OPTIONS = ("--streams", "20")


def noise(count: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(count).normal(0, 0.1, (count, channels)).astype(np.float32)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2), (44_100, 1), (8_000, 3)])
def test_samples_are_those_of_a_stream_here(server, rate, channels):
    samples = noise(rate, channels)
    with (
        RemoteStream(server.ws, sample_rate=rate, channels=channels) as remote,
        Stream(rate, channels=channels, model=MODEL) as here,
    ):
        assert (remote.model, remote.latency_samples) == (MODEL, here.latency_samples)
        for block in np.split(samples, [1, 2, 321, 1_281, 9_000, 9_000]):
            np.testing.assert_array_equal(remote.process(block), here.process(block))
        np.testing.assert_array_equal(remote.flush().reshape(-1, channels), here.flush().reshape(-1, channels))
        np.testing.assert_array_equal(remote.process(samples[:700]), here.process(samples[:700]))


def test_limit_and_bypass_change_from_the_next_sample_on(server):
    samples = noise(16_000)[:, 0]
    with RemoteStream(server.ws, atten_lim_db=3) as remote, Stream(model=MODEL, atten_lim_db=3) as here:
        changes = [("atten_lim_db", 12), ("bypass", True), ("bypass", False), ("atten_lim_db", None)]
        for block, setting in zip(np.split(samples, 4), changes, strict=True):
            np.testing.assert_array_equal(remote.process(block), here.process(block))
            setattr(remote, *setting)
            setattr(here, *setting)
            assert (remote.atten_lim_db, remote.bypass) == (here.atten_lim_db, here.bypass)


@pytest.mark.parametrize("encoding", RAW_FORMATS)
def test_every_encoding_comes_back_in_messages_of_the_same_length(server, encoding):
    subtype, order = RAW_FORMATS[encoding]
    samples = noise(8_000)[:, 0]
    data = pcm.encode(samples, subtype=subtype, order=order)
    step = 320 * pcm.SAMPLE_BYTES[subtype]
    blocks = [data[begin : begin + step] for begin in range(0, len(data), step)]
    with connect(f"{server.ws}/stream?sample_rate=8000&encoding={encoding}&atten_lim_db=6", compression=None) as socket:
        for block in blocks:
            socket.send(block)
        assert json.loads(socket.recv())["opened"]["encoding"] == encoding
        answers = [socket.recv() for _ in blocks]
    assert list(map(len, answers)) == list(map(len, blocks))
    decoded = pcm.decode(data, subtype=subtype, order=order)
    expected = Stream(8_000, model=MODEL, atten_lim_db=6).process(decoded)
    assert b"".join(answers) == pcm.encode(expected, subtype=subtype, order=order)


def test_long_and_broken_up_messages(server):
    samples = noise(40_000)[:, 0]
    data = pcm.encode(samples, subtype="FLOAT")
    with connect(f"{server.ws}/stream?encoding=f32le", compression=None) as socket:
        socket.send(data)
        socket.recv()
        answers = [socket.recv()]
        while sum(map(len, answers)) < len(data):
            answers.append(socket.recv())
        assert max(map(len, answers)) == 6_400  # 100 ms
        socket.send([data[:6], data[6:10], b"", data[10:1_000]])  # a message in fragments, some within a sample
        answers.append(socket.recv())
        socket.send(b"")
        assert socket.recv() == b""
    expected = Stream(model=MODEL).process(np.concatenate((samples, samples[:250])))
    np.testing.assert_array_equal(pcm.decode(b"".join(answers), subtype="FLOAT"), expected)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ({"sample_rate": 7_999}, "sample_rate is a whole number from 8000 to 192000 here"),
        ({"sample_rate": "fast"}, "sample_rate is a whole number"),
        ({"sample_rate": True}, "sample_rate is a whole number"),
        ({"sample_rate": 16000.5}, "sample_rate is a whole number"),
        ({"channels": 9}, "channels is a whole number from 1 to 8 here"),
        ({"model": "/etc/passwd"}, f"unknown model '/etc/passwd': this server has {MODEL}"),
        ({"model": None}, "unknown model 'NoneType'"),
        ({"encoding": "mp3"}, "unknown encoding 'mp3': there are s16le"),
        ({"atten_lim_db": -1}, "atten_lim_db is a number of dB from 0 on, or null"),
        ({"atten_lim_db": float("nan")}, "atten_lim_db is a number of dB from 0 on, or null"),
        ({"bypass": "perhaps"}, "bypass is true or false"),
        ({"speed": 2}, "unknown parameter 'speed': there are atten_lim_db, bypass, channels"),
    ],
)
def test_what_cannot_be_asked_for_is_named(server, first, told):
    with connect(f"{server.ws}/stream") as socket:
        socket.send(json.dumps(first))
        error, code = ended(socket)
    assert error["code"] == "bad-request" and error["message"].startswith(told) and code == 1007


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("hello", "a text message is JSON"),
        ("[1, 2]", "a text message is an object of JSON"),
        ("[" * 100_000, "a text message is JSON"),
        ('{"model": "undin-tiny"}', "'model' cannot change while sound runs"),
        ('{"atten_lim_db": "much"}', "atten_lim_db is a number"),
        (b"abc", "a message has whole samples of all channels, 2 bytes each, and this one 3 bytes"),
    ],
)
def test_what_cannot_be_said_while_sound_runs_is_named(server, message, told):
    with connect(f"{server.ws}/stream", compression=None) as socket:
        socket.send(bytes(640))
        socket.send(message)
        error, code = ended(socket)
    assert error["code"] == "bad-request" and error["message"].startswith(told) and code == 1007


def test_a_client_of_python_hears_why(server):
    with pytest.raises(ServerError, match="unknown model 'undin-huge'") as error:
        RemoteStream(server.ws, model="undin-huge")
    assert error.value.code == "bad-request" and "undin-huge" not in models()


def test_where_there_is_no_stream_it_says_where(server):
    with pytest.raises(Exception, match="404"):
        connect(f"{server.ws}/other")
    assert server.get("/stream").status_code == 404
