"""The engine of compiled models: the same sound as ONNX Runtime, from many threads at once."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import step_models
from support.hops import Hops

from undin import Stream
from undin.engines.native import NativeEngine
from undin.model.loading import load

MODEL = "undin-tiny"


@pytest.fixture(scope="module")
def engine() -> NativeEngine:
    return load(MODEL, engine="compiled").engine


@pytest.fixture(scope="module")
def speech(noisy_speech) -> np.ndarray:
    """1,000 hops of noisy speech, which is not the same twice."""
    return np.concatenate((noisy_speech, -0.3 * noisy_speech[::-1]))[: 1000 * 256]


def test_it_sounds_as_onnx_runtime(engine, speech):
    expected = Hops(load(MODEL, engine="onnxruntime").engine).process(speech)
    np.testing.assert_allclose(Hops(engine).process(speech), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("linked", [False, True])
def test_channels_sound_as_in_onnx_runtime(engine, speech, linked):
    channels = np.stack((speech[:40_960], -0.5 * speech[40_960:81_920]), axis=1)
    expected = Hops(load(MODEL, engine="onnxruntime").engine, channels=2, linked=linked).process(channels)
    np.testing.assert_allclose(Hops(engine, channels=2, linked=linked).process(channels), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("hops", [1, 10])
def test_a_stream_adds_little_to_a_call_of_the_library(tmp_path, hops):
    model = load(step_models.identity(tmp_path / "identity.onnx"))  # quick, so that noise of the machine is small too
    stream, alone = Stream(model=model), Hops(model.engine)
    samples = np.zeros(hops * 256, np.float32)
    seconds = []
    for _ in range(3000):  # in turn, and the fastest of each: those that nothing else interrupted
        for call in (alone.process, stream.process):
            start = time.perf_counter()
            call(samples)
            seconds.append(time.perf_counter() - start)
    assert min(seconds[1::2]) - min(seconds[::2]) < 10e-6


def test_hops_in_one_call_or_many_give_the_same(engine, speech):
    speech = speech[: 100 * 256]
    alone, other = Hops(engine), Hops(engine)
    by_hop = np.concatenate([other.process(hop) for hop in speech.reshape(-1, 256)])
    np.testing.assert_array_equal(by_hop, alone.process(speech))


def test_threads_do_not_disturb_each_other(engine, speech):
    parts = speech.reshape(20, -1)[:, : 40 * 256]
    alone = [Hops(engine).process(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda part: Hops(engine).process(part), parts))
    np.testing.assert_array_equal(together, alone)


def test_what_is_no_compiled_model_is_refused(engine, tmp_path):
    text = tmp_path / "libundin_text.so"
    text.write_text("no library")
    with pytest.raises(ValueError, match=r"libundin_text\.so is not a compiled model for this machine"):
        NativeEngine(text)
    renamed = shutil.copy(engine.path, tmp_path / "libother.so")
    with pytest.raises(ValueError, match=r"libother\.so is not a model that this undin compiled, or .* another name"):
        NativeEngine(Path(renamed))
