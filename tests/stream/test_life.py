"""The life of a stream: threads, settings while sound runs, errors on the way, closing, and what is left behind."""

import copy
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.streams import in_blocks, noise

from undin import Stream


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


@pytest.mark.parametrize("hand_on", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_stream_says_what_to_hand_on_in_its_place(models, hand_on):
    with pytest.raises(TypeError, match=r"neither pickled nor copied.*send what it was opened with"):
        hand_on(Stream(model=models["identity"]))


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.needs("linux")
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
