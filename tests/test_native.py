"""The engine of compiled models: the same sound as ONNX Runtime, from many threads at once."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import step_models

from undin import Stream
from undin.compiler.cache import cached_library
from undin.model import load
from undin.native import Library, NativeEngine

MODEL = "undin-tiny"


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(cached_library(load(MODEL).path))


@pytest.fixture(scope="module")
def speech(shared_data) -> np.ndarray:
    """Over 1,000 hops of real noisy speech."""
    files = [shared_data / "valid" / "noisy" / f"{index:03d}.flac" for index in range(0, 40, 10)]
    samples = np.concatenate([soundfile.read(path, dtype="float32")[0] for path in files])
    assert len(samples) > 1000 * 256
    return samples[: 1000 * 256]


@pytest.mark.parametrize("atten_lim_db", [None, 12.0, 0.0])
def test_it_sounds_as_onnx_runtime(library, speech, atten_lim_db):
    expected = load(MODEL, engine="onnxruntime").engine(atten_lim_db=atten_lim_db).process(speech)
    np.testing.assert_allclose(NativeEngine(library, atten_lim_db).process(speech), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e6, -3e38])
def test_both_engines_take_what_is_no_sound_as_silence(library, speech, wild):
    silenced = speech[: 20 * 256].copy()
    silenced[[700, 701, 2000]] = 0
    spoilt = silenced.copy()
    spoilt[[700, 701, 2000]] = wild
    for engine in (NativeEngine(library, 12.0), load(MODEL, engine="onnxruntime").engine(atten_lim_db=12.0)):
        output = engine.process(spoilt)
        engine.reset()
        np.testing.assert_array_equal(output, engine.process(silenced))


@pytest.mark.parametrize("hops", [1, 10])
def test_a_stream_adds_little_to_a_call_of_the_library(tmp_path, hops):
    model = load(step_models.identity(tmp_path / "identity.onnx"))  # quick, so that noise of the machine is small too
    stream, engine = Stream(model=model), model.engine()
    samples = np.zeros(hops * 256, np.float32)
    place = samples.ctypes.data
    calls = (
        lambda: engine.library.process_hops(engine._state, engine._arena, place, place, hops),
        lambda: stream.process(samples),
    )
    seconds = []
    for _ in range(3000):  # in turn, and the fastest of each: those that nothing else interrupted
        for call in calls:
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    assert min(seconds[1::2]) - min(seconds[::2]) < 30e-6


def test_hops_in_one_call_or_many_give_the_same_and_reset_begins_again(library, speech):
    speech = speech[: 100 * 256]
    engine, other = NativeEngine(library, 20.0), NativeEngine(library, 20.0)
    at_once = engine.process(speech)
    by_hop = np.concatenate([other.process(hop) for hop in speech.reshape(-1, 256)])
    np.testing.assert_array_equal(by_hop, at_once)
    engine.reset()
    np.testing.assert_array_equal(engine.process(speech), at_once)


def test_threads_do_not_disturb_each_other(library, speech):
    parts = speech.reshape(20, -1)[:, : 40 * 256]
    alone = [NativeEngine(library).process(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda part: NativeEngine(library).process(part), parts))
    np.testing.assert_array_equal(together, alone)


def test_what_is_no_compiled_model_is_refused(library, tmp_path):
    text = tmp_path / "libundin_text.so"
    text.write_text("no library")
    with pytest.raises(ValueError, match=r"libundin_text\.so is not a compiled model for this machine"):
        Library(text)
    renamed = shutil.copy(library.path, tmp_path / "libother.so")
    with pytest.raises(ValueError, match=r"libother\.so is not a model that this undin compiled, or .* another name"):
        Library(Path(renamed))
