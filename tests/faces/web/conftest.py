"""The package `undin` as `make web` builds it, speech to put through it, and programs that call it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from faces.web.browsers import Browser
from support.needs import SHARED_DATA, need
from support.once import run_once

import undin
from undin.compiler.toolchain.targets import TARGETS

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "bindings" / "web"
CALIBRATION = SHARED_DATA / "valid" / "noisy" if SHARED_DATA.is_dir() else ROOT / "examples"
SECONDS = 3
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node() -> str:
    """Node's program."""
    need("node")
    return shutil.which("node")


@pytest.fixture(scope="session")
def dist(tmp_path_factory) -> Path:
    """What the package holds, built anew; models that are newer than undin's sources are not compiled again."""
    need("ziglang")
    run_once(tmp_path_factory, "bindings/web/build.py", "--calibration", CALIBRATION)
    return PACKAGE / "dist"


@pytest.fixture(scope="session")
def speech():
    """A function that gives noisy speech, (channels, samples) float32 at a rate, of no round length."""
    samples, rate = soundfile.read(ROOT / "examples" / "noisy.wav", dtype="float32", always_2d=True)
    left = samples[:, 0]
    both = np.stack((left, 0.7 * np.roll(left, rate)), axis=1)[: SECONDS * rate]

    def at(sample_rate: int, channels: int) -> np.ndarray:
        return np.ascontiguousarray(soxr.resample(both[:, :channels], rate, sample_rate)[:-7].T.astype(np.float32))

    return at


@pytest.fixture(scope="session")
def in_integers(tmp_path_factory):
    """A function that gives a model of 8 bits as a library for this machine, calibrated as the package's are."""
    libraries = {}

    def library(name: str) -> Path:
        if name not in libraries:
            folder = tmp_path_factory.mktemp(name)
            command = ["compile", name, "--int8", str(CALIBRATION), "-o", str(folder)]
            subprocess.run([sys.executable, "-m", "undin", *command], check=True, stdout=subprocess.DEVNULL)
            libraries[name] = folder / TARGETS["native"].library.format(name.replace("-", "_"))
        return libraries[name]

    return library


@pytest.fixture(scope="session")
def reference(in_integers):
    """A function that puts speech (channels, samples) through Python's `Stream`, its end flushed."""

    def stream(samples: np.ndarray, sample_rate: int, model: str, **options) -> tuple[np.ndarray, int]:
        loaded = in_integers(model.removesuffix("-int8")) if model.endswith("-int8") else model
        one = undin.Stream(sample_rate, channels=len(samples), model=loaded, **options)
        return np.concatenate(
            (one.process(samples.T).reshape(-1, one.channels), one.flush().reshape(-1, one.channels))
        ).T, one.latency_samples

    return stream


@pytest.fixture
def through(dist, tmp_path):
    """A function that puts speech through a program of `programs` by a command, and gives samples and its JSON."""

    def run(command: list[str], program: str, samples: np.ndarray, **options) -> tuple[np.ndarray, dict]:
        samples.tofile(tmp_path / "in.f32")
        options |= {"channels": len(samples), "in": str(tmp_path / "in.f32"), "out": str(tmp_path / "out.f32")}
        command = [*command, HERE / "programs" / program, (dist / "index.js").as_uri(), json.dumps(options)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        output = np.fromfile(tmp_path / "out.f32", np.float32)
        return output.reshape(len(samples), -1), json.loads(done.stdout)

    return run


@pytest.fixture
def in_node(node, through):
    """A function that does so by node, with flags of its own."""
    return lambda program, samples, *flags, **options: through([node, *flags], program, samples, **options)


@pytest.fixture(scope="session", params=["chromium", "firefox", "webkit"])
def browser(request, dist, tmp_path_factory):
    """One engine after the other, with a microphone in a noise; skipped where it is not installed."""
    need(request.param)
    microphone = tmp_path_factory.mktemp("microphone") / "noise.wav"
    soundfile.write(microphone, np.random.default_rng(0).uniform(-0.1, 0.1, 480_000), 48_000)
    one = Browser(request.param, dist, microphone=microphone)
    yield one
    one.close()
