"""A desktop's sound, with PulseAudio and with PipeWire."""

import numpy as np
import pytest
import soundfile
from support.desktop import RATE, desktop
from support.needs import need

from undin.io.resample import resample


@pytest.fixture(scope="module", params=["pulseaudio", "pipewire"])
def session(request, tmp_path_factory):
    need(request.param)
    with desktop(request.param, tmp_path_factory.mktemp(request.param)) as one:
        yield one


@pytest.fixture(scope="session")
def noisy() -> np.ndarray:
    """Six seconds of speech in noise, (n,) float32."""
    samples, rate = soundfile.read("examples/noisy.wav", dtype="float32")
    return resample(samples, rate, RATE)[: 6 * RATE].astype(np.float32)
