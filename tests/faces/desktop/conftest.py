"""A desktop's sound, with PulseAudio and with PipeWire."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.desktop import RATE, desktop
from support.needs import LADSPA, need
from support.once import run_once

from undin.io.resample import resample

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", params=["pulseaudio", "pipewire"])
def session(request, tmp_path_factory):
    need(request.param)
    with desktop(request.param, tmp_path_factory.mktemp(request.param)) as one:
        yield one


@pytest.fixture(scope="session")
def ladspa(tmp_path_factory) -> Path:
    """The plug-in, built now if it is not there."""
    need("cc", "linux")
    if not LADSPA.exists():
        run_once(tmp_path_factory, "apps/plugins/build.py")
    need("plug-in of LADSPA")
    return LADSPA


@pytest.fixture(scope="session")
def noisy() -> np.ndarray:
    """Six seconds of speech in noise, (n,) float32."""
    samples, rate = soundfile.read("examples/noisy.wav", dtype="float32")
    return resample(samples, rate, RATE)[: 6 * RATE].astype(np.float32)
