"""Products of the targets run, here or on an emulator, and give the samples of the native library.

The Cortex-M7 is in test_cortex_m7.py; WebAssembly in test_c_example.py, by the script that docs/c.md shows.
"""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from compiler import small_step
from compiler.product_checks import built, model_flags, need, needed

from undin.compiler.build import build, find_compiler
from undin.compiler.targets import TARGETS, Variant
from undin.compiler.translate import translate
from undin.native import Library, NativeEngine

SUPPORT = Path(__file__).parent / "targets"
HOPS = 40
EMULATORS = {
    "linux-aarch64": ("qemu-aarch64", "/usr/aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1"),
    "android-arm64": ("qemu-aarch64", "/usr/aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1"),
    "linux-armv7": ("qemu-arm", "/usr/arm-linux-gnueabihf", "lib/ld-linux-armhf.so.3"),
}
"""Emulator, and the folder of another machine's files with its dynamic linker; no other library is needed."""


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
    return NativeEngine(Library(build(source, tmp_path_factory.mktemp("native")))).process(samples)


def run_on_linux(source, product: Path, target: str, samples: np.ndarray) -> np.ndarray:
    """Link the driver to a library and run it under an emulator."""
    emulator, root, loader = EMULATORS[target.removesuffix("-dotprod")]
    need(emulator)
    if not Path(root, loader).exists():
        pytest.skip(f"{root}/{loader} is missing: install libc6-arm64-cross and libc6-armhf-cross")
    compiler, linux = find_compiler(TARGETS[target], name="zig"), target.replace("android-arm64", "linux-aarch64")
    program = product.parent / "driver"
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGETS[linux], Variant()),
            *("-O1", "-ffreestanding", "-nostdlib", SUPPORT / "driver.c", product),
            *model_flags(product.parent, source.prefix),
            *(f"-Wl,-dynamic-linker=/{loader}", f"-Wl,-rpath={product.parent}", "-o", program),
        ],
        check=True,
    )
    output = subprocess.check_output([emulator, "-L", root, program], input=samples.tobytes())
    return np.frombuffer(output, np.float32)


@pytest.mark.parametrize("target", EMULATORS)
def test_arm_under_qemu(source, samples, expected, tmp_path, target):
    product = built(source, tmp_path, target, "zig")
    assert not needed(product)
    np.testing.assert_allclose(run_on_linux(source, product, target, samples), expected, atol=1e-5)


def test_android_on_x86_64(source, samples, expected, tmp_path):
    product = built(source, tmp_path, "android-x86_64", "zig")
    assert not needed(product)
    if os.uname().machine != "x86_64":
        pytest.skip("this machine is no x86-64")
    # It needs no library, so any Linux will load it.
    np.testing.assert_allclose(NativeEngine(Library(product)).process(samples), expected, atol=1e-5)
