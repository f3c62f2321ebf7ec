"""Libraries for every microcontroller: what they ask of a firmware, and their sound where another compiler makes it.

The same bits from networks in integers are in compiler/passes/test_quantize.py, instructions in test_cortex_m7.py.
"""

import numpy as np
import pytest
from support import small_step
from support.c_stream import CStream
from support.emulators import BOARDS, Blocks, run_on_board
from support.product_checks import built, needed

from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS
from undin.engines.native import NativeEngine, StreamFunctions

BLOCKS = Blocks(16_000, channels=1, block=100, atten_lim_db=12.5)
"""The limit travels as a float, in a register of the unit for floats or not."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return translate(small_step.save(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(4).normal(0, 0.1, 20 * BLOCKS.block).astype(np.float32)


@pytest.fixture(scope="module")
def expected(source, samples, tmp_path_factory) -> np.ndarray:
    """What the stream of the native library makes of the samples."""
    engine = NativeEngine(build(source, tmp_path_factory.mktemp("native")))
    stream = CStream(engine.c_model, BLOCKS.sample_rate, 1, functions=StreamFunctions(engine.library))
    stream.functions.set_atten_lim_db(stream.address, BLOCKS.atten_lim_db)
    return np.concatenate((stream.process(samples[:, None]), stream.flush()))[:, 0]


@pytest.mark.needs("qemu-system-arm", "qemu-system-riscv32")
@pytest.mark.parametrize("target", BOARDS)
@pytest.mark.parametrize("of_library", ["zig", "gcc"])
def test_firmware_and_library_of_two_compilers(source, samples, expected, tmp_path, target, of_library):
    gcc = TARGETS[target].gcc[0]
    library, firmware = ("zig", gcc) if of_library == "zig" else (gcc, "zig")
    product = built(source, tmp_path, target, library)
    assert {name for name in needed(product) if not name.startswith("__")} <= {"memcpy", "memmove", "memset"}
    output, _ = run_on_board(product, target, firmware, samples, blocks=BLOCKS)
    np.testing.assert_allclose(output, expected, atol=1e-5)
    assert np.abs(output).max() > 0.1
