"""Shared by all tests: the groups they fall into by what they need, and places that are theirs alone."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings
from support.needs import NEEDS, SHARED_DATA, need, reason_to_skip
from support.once import shared_folder

from undin.compiler.toolchain.targets import TARGETS
from undin.io.cache import cache_folder
from undin.io.files import replacing

# Before torch is there: workers side by side with threads for every core each would mostly wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more of what else runs than of undin.
settings.register_profile("undin", deadline=None)
settings.load_profile("undin")

FACES = Path(__file__).parent / "faces"
EXAMPLE = Path(__file__).parents[1] / "examples" / "noisy.wav"


def pytest_itemcollected(item):
    """Put a test into the groups of its folder and of what it needs."""
    groups = {group for mark in item.iter_markers("needs") for name in mark.args for group in NEEDS[name].groups}
    for group in groups | ({"faces"} if FACES in item.path.parents else set()):
        item.add_marker(group)
    if "browser" in item.fixturenames:
        item.add_marker(pytest.mark.flaky(reruns=1))  # a browser on a busy machine is late now and then


def pytest_runtest_setup(item):
    """Skip a test that needs what is not there."""
    for name in [name for mark in item.iter_markers("needs") for name in mark.args]:
        if reason := reason_to_skip(name):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip whatever comes to need PESQ where it is missing: not every machine can compile it."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if error.name == "pesq":
            need("pesq")
        raise


def pytest_terminal_summary(terminalreporter):
    """List what tests have recorded: instructions on emulated processors, sizes."""
    reports = terminalreporter.getreports("passed")
    lines = [f"{name}: {value}" for report in reports for name, value in getattr(report, "user_properties", ())]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with train, valid and test audio; skips the test where this checkout has none beside it."""
    need("shared")
    return SHARED_DATA


@pytest.fixture(scope="session")
def noisy_speech() -> np.ndarray:
    """The voice in an office that comes along, (135692,) float32 at 16 kHz."""
    return soundfile.read(EXAMPLE, dtype="float32")[0]


@pytest.fixture(scope="session")
def made_up_pairs(tmp_path_factory) -> Path:
    """A folder as ``valid`` of the audio beside the checkout: `clean` and `noisy`, 000 to 003, at −5 to 10 dB."""
    from support import made_up_audio  # which imports torch

    return made_up_audio.write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache for this run alone, of all workers, which begins with what is compiled; those of zig and matplotlib stay.

    The models that come with undin were compiled when it was installed, and a library is found by all it is made of.
    """
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = shared_folder(tmp_path_factory) / "cache"
    compiled = cache_folder()
    with pytest.MonkeyPatch.context() as environment:
        for variable, name in (("ZIG_GLOBAL_CACHE_DIR", "zig"), ("MPLCONFIGDIR", "matplotlib")):
            environment.setenv(variable, os.environ.get(variable) or str(usual / name))
        environment.setenv("XDG_CACHE_HOME", str(folder))
        for library in compiled.glob(f"*/{TARGETS['native'].library.format('*')}"):
            place = cache_folder() / library.relative_to(compiled)
            place.parent.mkdir(parents=True, exist_ok=True)
            with replacing(place) as partial:
                shutil.copyfile(library, partial)
        yield
