"""Products of the targets run, here or on an emulator, and give the samples of the native library.

What is computed in floats differs by rounding. A network in integers gives the same bits everywhere, and so does the
stream around it: tests/compiler/passes/test_quantize.py has both on every target. The Cortex-M7's instructions are in
board/test_cortex_m7.py.
"""

import numpy as np
import pytest
from support import small_step
from support.emulators import of_linux, run_on_linux
from support.hops import Hops
from support.needs import need
from support.product_checks import built, needed

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
    need("cc")
    return Hops(NativeEngine(build(source, tmp_path_factory.mktemp("native")))).process(samples)


@pytest.mark.parametrize("target", of_linux())
def test_arm_under_qemu(source, samples, expected, tmp_path, target):
    product = built(source, tmp_path, target, "zig")
    assert not needed(product)
    np.testing.assert_allclose(run_on_linux(product, target, samples), expected, atol=1e-5)


@pytest.mark.needs("linux", "x86-64")
def test_android_on_x86_64(source, samples, expected, tmp_path):
    product = built(source, tmp_path, "android-x86_64", "zig")
    assert not needed(product)
    # It needs no library, so any Linux will load it.
    np.testing.assert_allclose(Hops(NativeEngine(product)).process(samples), expected, atol=1e-5)
