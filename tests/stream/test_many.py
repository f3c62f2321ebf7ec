"""`process_many`: a block each of several streams in one call, and the same bits as one after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import step_models

import undin
from undin.stream import Stream, process_many


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return undin.load(step_models.fading(tmp_path_factory.mktemp("model") / "fading.onnx"), engine="compiled")


@given(
    kinds=st.lists(st.tuples(st.sampled_from([8_000, 16_000, 44_100]), st.integers(1, 3)), min_size=1, max_size=6),
    rounds=st.lists(st.integers(0, 700), min_size=1, max_size=4),
)
@settings(max_examples=30)
def test_each_stream_comes_out_as_it_does_alone(model, kinds, rounds):
    together = [Stream(rate, channels=channels, model=model) for rate, channels in kinds]
    alone = [Stream(rate, channels=channels, model=model) for rate, channels in kinds]
    random = np.random.default_rng(0)
    for length in rounds:
        lengths = [length + index for index in range(len(kinds))]
        blocks = [
            random.uniform(-0.5, 0.5, (n, c)).astype(np.float32) for n, (_, c) in zip(lengths, kinds, strict=True)
        ]
        samples = np.concatenate([block.ravel() for block in blocks])
        process_many(together, samples, lengths)
        expected = [stream.process(block).ravel() for stream, block in zip(alone, blocks, strict=True)]
        np.testing.assert_array_equal(samples, np.concatenate(expected))


def test_what_does_not_fit_is_refused_before_any_stream_has_moved(model):
    streams = [Stream(16_000, channels=channels, model=model) for channels in (1, 2)]
    closed = Stream(16_000, model=model)
    closed.close()
    samples = np.ones(300, np.float32)
    with pytest.raises(ValueError, match=r"the blocks have 300 float32 values together, samples float32 \(301,\)"):
        process_many(streams, np.ones(301, np.float32), [100, 100])
    with pytest.raises(ValueError, match="float64"):
        process_many(streams, np.ones(300), [100, 100])
    with pytest.raises(ValueError, match="the blocks have 0 float32 values"):
        process_many(streams, samples[:0], [100, -50])
    with pytest.raises(ValueError, match="contiguous and writeable"):
        process_many(streams, np.ones(600, np.float32)[::2], [100, 100])
    with pytest.raises(ValueError, match="this stream is closed"):
        process_many([*streams, closed], np.ones(400, np.float32), [100, 100, 100])
    with pytest.raises(RuntimeError, match="at work"):
        process_many([streams[0], streams[0]], np.ones(200, np.float32), [100, 100])
    process_many([], samples[:0], [])
    np.testing.assert_array_equal(samples, 1)
    process_many(streams, samples, [100, 100])  # nothing is held from before
    assert not samples.any()  # the latency, in silence
