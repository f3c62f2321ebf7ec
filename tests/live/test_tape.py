"""Recordings of both sides: lined up, complete or not there."""

import numpy as np
import pytest
import soundfile

from undin.live.tape import Recording

pytestmark = pytest.mark.quick

LATENCY = 100


@pytest.mark.parametrize("sizes", [(7,), (64, 333), (1000,), (0, 50)])
def test_both_sides_are_lined_up_whatever_the_pieces(tmp_path, sizes):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2)).astype(np.float32)
    late = np.concatenate((np.zeros((LATENCY, 2), np.float32), samples[:-LATENCY]))
    rows = np.concatenate((samples, late), axis=1)
    path = tmp_path / "both.flac"
    recording = Recording(path, rate=48_000, channels=2, latency_samples=LATENCY)
    start, turn = 0, 0
    while start < len(rows):
        size = sizes[turn % len(sizes)]
        recording.write(rows[start : start + size])
        start, turn = start + size, turn + 1
        assert not path.exists()
    recording.close()
    both, rate = soundfile.read(path, dtype="float32")
    assert rate == 48_000 and len(both) == len(samples) - LATENCY
    assert recording.seconds == pytest.approx(len(both) / rate)
    np.testing.assert_array_equal(both[:, :2], both[:, 2:])
    np.testing.assert_allclose(both[:, :2], samples[: len(both)], atol=2**-23)


def test_what_is_no_sound_is_written_as_such(tmp_path):
    path = tmp_path / "both.flac"
    recording = Recording(path, rate=8_000, channels=1, latency_samples=0)
    recording.write(np.array([[np.nan, 2.0], [-3.0, 0.25]], np.float32))
    recording.close()
    np.testing.assert_allclose(soundfile.read(path)[0], [[0, 1], [-1, 0.25]], atol=1e-6)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="there is no folder"):
        Recording(tmp_path / "none" / "x.flac", rate=8_000, channels=1, latency_samples=0)
