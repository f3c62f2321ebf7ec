"""A release as `make wheels` builds it, and a program in C for machines where tests have no Python."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from faces.page.conftest import built  # noqa: F401
from faces.plugins.conftest import FOR_OTHERS, OTHERS
from faces.web.conftest import ROOT, dist, node  # noqa: F401
from support.needs import need, reason_to_skip
from support.once import made_once, run_once, shared_folder

import undin
from undin.compiler.toolchain.build import C
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.targets import COMPUTERS

HERE = Path(__file__).parent
NOISY = ROOT / "examples" / "noisy.wav"


def make(place: Path, *options: str, **variables: str) -> Path:
    """Run what `make wheels` does behind `make page`; returns the folder of the release."""
    command = [sys.executable, ROOT / "release" / "build.py", *options, "--dist", place]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="session")
def release(built, tmp_path_factory) -> Path:  # noqa: F811
    """The folder with everything, for all platforms."""
    need("release", "npm", "ladspa")
    if not any(map(reason_to_skip, FOR_OTHERS)):
        for target in reversed(OTHERS):  # who tests plug-ins meanwhile begins with the first
            run_once(tmp_path_factory, "apps/plugins/build.py", target)
    return made_once(shared_folder(tmp_path_factory) / "release" / "dist", make)


@pytest.fixture(scope="session")
def wheels(release) -> dict[str, Path]:
    """The wheels by their targets."""
    return {name: next(release.glob(f"*-{target.wheel}.whl")) for name, target in COMPUTERS.items()}


@pytest.fixture(scope="session")
def unpacked(wheels, tmp_path_factory) -> Callable[[str], Path]:
    """A function that gives the folder of the package in a target's wheel."""
    known: dict[str, Path] = {}

    def unpack(target: str) -> Path:
        if target not in known:
            folder = tmp_path_factory.mktemp(target)
            with zipfile.ZipFile(wheels[target]) as wheel:
                wheel.extractall(folder)
            known[target] = folder / "undin"
        return known[target]

    return unpack


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """A second of noisy speech at 16 kHz."""
    samples, _ = soundfile.read(NOISY, dtype="float32", frames=16_000)
    return samples


@pytest.fixture(scope="session")
def enhanced(speech) -> np.ndarray:
    """What a stream here makes of it."""
    with undin.Stream(16_000, model="undin-tiny") as stream:
        return stream.process(speech)


@pytest.fixture
def enhance(unpacked, speech, tmp_path) -> Callable[..., np.ndarray]:
    """A function that brings the speech through the libraries of a target's wheel, by `enhance.c` on a machine."""

    def run(target: str, triple: str, *machine: str, **variables: str) -> np.ndarray:
        compiler = find_compiler(COMPUTERS[target], name="zig")
        program = tmp_path / ("enhance.exe" if "windows" in triple else "enhance")
        dynamic = ["-dynamic"] if "musl" in triple else []
        includes = [f"-I{C / 'include'}", f"-I{ROOT / 'tests' / 'support'}"]
        options = ["-target", triple, "-O1", *includes, *dynamic, "-o", program]
        subprocess.run([*compiler.command, HERE / "enhance.c", *options], check=True)
        package, name = unpacked(target), COMPUTERS[target].library
        libraries = package / "c" / name.format("undin"), package / "model" / "weights" / name.format("undin_tiny")
        command = [*machine, program, *libraries, "undin_tiny"]
        output = subprocess.run(
            command, check=True, input=speech.tobytes(), stdout=subprocess.PIPE, env=os.environ | variables
        ).stdout
        return np.frombuffer(output, np.float32)

    return run
