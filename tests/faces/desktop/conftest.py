"""A desktop's sound, with PulseAudio and with PipeWire."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.desktop import RATE, desktop
from support.needs import LADSPA, need

from undin.io.resample import resample

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", params=["pulseaudio", "pipewire"])
def session(request, tmp_path_factory):
    need(request.param)
    with desktop(request.param, tmp_path_factory.mktemp(request.param)) as one:
        yield one


@pytest.fixture(scope="session")
def ladspa() -> Path:
    """The plug-in, built now if it is not there."""
    need("cc", "linux")
    if not LADSPA.exists():
        subprocess.run([sys.executable, ROOT / "apps" / "plugins" / "build.py"], check=False, capture_output=True)
    need("plug-in of LADSPA")
    return LADSPA


@pytest.fixture(scope="session")
def noisy() -> np.ndarray:
    """Six seconds of speech in noise, (n,) float32."""
    samples, rate = soundfile.read("examples/noisy.wav", dtype="float32")
    return resample(samples, rate, RATE)[: 6 * RATE].astype(np.float32)
