"""The plug-ins as `make plugins` builds them for this machine, a sound for all hosts, and what `Stream` makes of it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.needs import need
from support.once import run_once
from support.plugins import RATE, environment

from undin import Stream

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
APP = ROOT / "apps" / "plugins"
TOLERANCE = 1e-5
OTHERS = ("windows-x86_64", "linux-aarch64", "macos-x86_64", "macos-aarch64")
"""Platforms that are not this machine's, that first whose libraries zig takes longest to compile."""

FOR_OTHERS = ("linux", "ziglang", "dpf", "lv2", "ladspa-sdk")
"""What plug-ins for them need."""


@dataclass(frozen=True)
class Sound:
    """What hosts are given.

    Attributes
    ----------
    path : Path
        A file of floats, stereo at 48 kHz.
    samples : ndarray, shape (n, 2), float32
    """

    path: Path
    samples: np.ndarray

    def enhanced(self, samples: np.ndarray | None = None, **settings) -> tuple[np.ndarray, int]:
        """What `Stream` makes of it, with its end flushed, and by how much that is late."""
        samples = self.samples if samples is None else samples
        stream = Stream(RATE, channels=samples.shape[1], **settings)
        return np.concatenate(
            (stream.process(samples), stream.flush().reshape(-1, samples.shape[1]))
        ), stream.latency_samples

    def check(self, output: np.ndarray, *, late: bool, **settings) -> None:
        """Hold a host's output to that of `Stream`, `late` by the latency or aligned with the input."""
        expected, latency = self.enhanced(**settings)
        assert len(output) >= len(self.samples)
        start = 0 if late else latency
        count = min(len(output), len(expected) - start)
        np.testing.assert_allclose(output[:count], expected[start : start + count], atol=TOLERANCE)


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The folder of what was built for this machine; what is up to date stays."""
    need("cc", "linux")
    said = run_once(tmp_path_factory, "apps/plugins/build.py")
    return next(path for path in (APP / "build").iterdir() if str(path.relative_to(APP)) in said)


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Sound:
    """Two seconds of syllables in noise, the channels not alike."""
    generator = np.random.default_rng(7)
    time_s = np.arange(2 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * time_s) / k for k in range(1, 12)) * (np.sin(2 * np.pi * 3 * time_s) > 0)
    samples = np.stack((0.1 * voice, 0.06 * voice), 1) + 0.03 * generator.standard_normal((len(time_s), 2))
    path = tmp_path_factory.mktemp("sound") / "in.wav"
    soundfile.write(path, samples.astype(np.float32), RATE, subtype="FLOAT")
    return Sound(path, samples.astype(np.float32))


@pytest.fixture
def play(built, sound, tmp_path):
    """Call a host, which reads the sound's file and writes out.wav; returns what that holds."""

    def run(*command, check: bool = True) -> np.ndarray:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, cwd=tmp_path, env=environment(built, tmp_path)
        )
        assert not check or done.returncode == 0, done.stderr
        return soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)[0]

    return run
