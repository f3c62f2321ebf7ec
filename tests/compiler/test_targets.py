"""Products of the targets run, here or on an emulator, and give the samples of the native library.

What is computed in floats differs by rounding. A network in integers gives the same bits everywhere, and so does the
stream around it: test_int8.py has both on every target. The Cortex-M7's instructions are in test_cortex_m7.py.
"""

import os
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from compiler import small_step
from compiler.emulators import LINUX, run_on_linux
from compiler.product_checks import built, needed
from support.hops import Hops

from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.engines.native import NativeEngine

HOPS = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return translate(small_step.save(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Noise that comes and goes, with silence between."""
    noise = np.random.default_rng(3).normal(0, 0.1, (HOPS, small_step.HOP))
    return (noise * (np.arange(HOPS) % 10 < 6)[:, None]).astype(np.float32).reshape(-1)


@pytest.fixture(scope="module")
def expected(source, samples, tmp_path_factory) -> np.ndarray:
    """What the native library makes of the samples."""
    if not any(map(shutil.which, ("gcc", "clang"))) and not find_spec("ziglang"):
        pytest.skip("there is no C compiler: install gcc, clang or ziglang")
    return Hops(NativeEngine(build(source, tmp_path_factory.mktemp("native")))).process(samples)


@pytest.mark.parametrize("target", LINUX)
def test_arm_under_qemu(source, samples, expected, tmp_path, target):
    product = built(source, tmp_path, target, "zig")
    assert not needed(product)
    np.testing.assert_allclose(run_on_linux(product, target, samples), expected, atol=1e-5)


def test_android_on_x86_64(source, samples, expected, tmp_path):
    product = built(source, tmp_path, "android-x86_64", "zig")
    assert not needed(product)
    if os.uname().machine != "x86_64":
        pytest.skip("this machine is no x86-64")
    # It needs no library, so any Linux will load it.
    np.testing.assert_allclose(Hops(NativeEngine(product)).process(samples), expected, atol=1e-5)
