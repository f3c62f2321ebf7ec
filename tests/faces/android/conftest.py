"""undin in Java, for this machine's JVM and for Android, as `bindings/android/build.py` makes it."""

import runpy
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from support.needs import need
from support.once import run_once

ROOT = Path(__file__).resolve().parents[3]
BINDING = ROOT / "bindings" / "android"
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def jdk() -> Path:
    """Programs of the JDK."""
    need("jdk")
    return runpy.run_path(str(BINDING / "sdk" / "java.py"))["home"]() / "bin"


@pytest.fixture(scope="session")
def jvm(jdk, tmp_path_factory) -> Path:
    """Folder with undin.jar and libundin.so for this machine."""
    need("ziglang")
    return Path(run_once(tmp_path_factory, "bindings/android/build.py", "--jvm").strip())


@pytest.fixture(scope="session")
def aar(jdk, tmp_path_factory) -> Path:
    """The Android library."""
    need("ziglang")
    return Path(run_once(tmp_path_factory, "bindings/android/build.py").split(": ")[0])


@pytest.fixture(scope="session")
def program(jdk, jvm, tmp_path_factory):
    """A function that runs a task of Program.java under -Xcheck:jni; what it prints."""
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run([jdk / "javac", "-d", classes, "-cp", jvm / "undin.jar", HERE / "java" / "Program.java"], check=True)

    def run(*arguments: object, library: Path = jvm) -> str:
        command = [jdk / "java", "-Xcheck:jni", "-XX:TieredStopAtLevel=1", f"-Djava.library.path={library}"]
        command += ["-cp", f"{jvm / 'undin.jar'}:{classes}", "Program", *map(str, arguments)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr  # as -Xcheck:jni says it
        return done.stdout

    return run


@pytest.fixture(scope="session")
def speech():
    """A function that gives noisy speech, (samples, channels) float32 at a rate, of no round length."""
    samples, rate = soundfile.read(ROOT / "examples" / "noisy.wav", dtype="float32", always_2d=True)
    left = samples[:, 0]
    both = np.stack((left, 0.7 * np.roll(left, rate)), axis=1)[: 3 * rate]

    def at(sample_rate: int, channels: int) -> np.ndarray:
        return np.ascontiguousarray(soxr.resample(both[:, :channels], rate, sample_rate)[:-7].astype(np.float32))

    return at
