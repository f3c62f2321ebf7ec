"""Libraries for a Cortex-M7: what they ask of a firmware, the sound of the emulated board, and its instructions.

The run ends with a list of instructions and sizes; docs/c.md has those of the models that ship, by benchmarks/sizes.py.
"""

import re
import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support import small_step
from support.emulators import run_on_board
from support.hops import Hops
from support.product_checks import built, needed
from support.step_models import HOP, N_FFT, metadata

from undin.compiler.emit.source import emit
from undin.compiler.ir.reader import read_graph
from undin.compiler.passes.quantize import quantize
from undin.compiler.pipeline import metadata_of, program_of
from undin.compiler.toolchain.sizes import flash_and_ram_bytes
from undin.model.loading import load, read_metadata
from undin.model.stft import Analysis
from undin.nn.export import export
from undin.nn.networks import build_network

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "c.md").read_text(encoding="utf-8")
HOPS = 12
MODELS = {
    "small-step": "zig",
    "undin-nano": "arm-none-eabi-gcc",
    "undin-tiny": "arm-none-eabi-gcc",
    "undin-tiny, int8": "arm-none-eabi-gcc",
}
"""What to run, and the compiler. Of undin's networks the sizes are those of the recipes, the weights are random."""


def saved(name: str, folder: Path) -> Path:
    """Write the ONNX file of one of `MODELS`."""
    if name == "small-step":
        return small_step.save(folder)
    recipe = tomllib.loads((ROOT / "recipes" / f"{name}.toml").read_text())
    network = build_network(**recipe["network"], sample_rate=16_000, n_fft=512)
    export(network, metadata(name=name, state_size=network.state_size), folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


@pytest.mark.needs("qemu-system-arm")
@pytest.mark.parametrize(("name", "compiler"), MODELS.items())
def test_firmware_sounds_as_onnx_runtime(tmp_path, record_property, name, compiler):
    in_integers = name.endswith("int8")
    path = saved(name.removesuffix(", int8"), tmp_path)
    samples = np.random.default_rng(3).normal(0, 0.1, HOPS * read_metadata(path).hop).astype(np.float32)
    graph = read_graph(path)
    spectra = Analysis(N_FFT, N_FFT, HOP).process(samples) if in_integers else ()
    frames = [{"spec": frame.view(np.float32).reshape(graph.inputs[0].shape)} for frame in spectra]
    program = program_of(graph, mark=partial(quantize, frames=frames) if in_integers else None)
    source = emit(program, metadata_of(graph))
    product = built(source, tmp_path, "cortex-m7", compiler)

    # A firmware brings the functions of string.h; those of the compiler itself are its names for the same, and whole
    # numbers of 64 bits. One with __aeabi_d would compute in doubles, which this processor can only emulate.
    wanted = needed(product)
    assert {function for function in wanted if not function.startswith("__aeabi_")} <= {"memcpy", "memmove", "memset"}
    assert not [function for function in wanted if re.match("__aeabi_d|__aeabi_.*2d", function)]

    output, instructions = run_on_board(product, "cortex-m7", compiler, samples, may_be_unaligned=in_integers)
    expected = Hops(load(path, engine="onnxruntime").engine).process(samples)
    np.testing.assert_allclose(output, expected, atol=0.1 * np.abs(expected).max() if in_integers else 1e-5)

    header = source.files[f"{source.prefix}.h"]
    state, arena = (int(re.search(rf"_{part}_BYTES (\d+)", header)[1]) for part in ("STATE", "ARENA"))
    flash, variables = flash_and_ram_bytes(product)
    assert variables == 0
    sizes = f"flash {flash:,} bytes, state {state:,} bytes, arena {arena:,} bytes"
    record_property(f"Cortex-M7, {name}, {compiler}", f"{instructions:,.0f} instructions per hop, {sizes}")
    if shown := re.search(rf"^\| {name} \| ([\d,]+) ", PAGE, re.M):
        assert instructions == pytest.approx(int(shown[1].replace(",", "")), rel=0.25)
