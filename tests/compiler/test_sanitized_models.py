"""Whole generated models, and streams, under gcc's AddressSanitizer and UndefinedBehaviorSanitizer, fed with anything.

The programs are C, so that state, arena, inputs and outputs lie in memory of exactly their size. The kernels alone are
watched by c/kernels/test_sanitized.py.
"""

import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from onnx import load_from_string
from support import small_step, step_models
from support.c_sources import INCLUDES
from support.product_checks import model_flags
from support.small_networks import small_network
from support.speech_networks import NETWORKS, exported, seeded
from support.step_models import metadata

from undin.compiler.emit.source import Source, emit
from undin.compiler.ir.program import C_TYPES, Program
from undin.compiler.ir.reader import convert, read_graph
from undin.compiler.passes.quantize import quantize
from undin.compiler.pipeline import metadata_of, program_of, translate
from undin.compiler.toolchain.build import C_FILES
from undin.model.loading import WEIGHTS
from undin.nn.export import export

pytestmark = pytest.mark.needs("sanitizers")

SUPPORT = Path(__file__).parents[1] / "support" / "targets"
# Sizes unknown to the compiler are the same accesses in a fifth of its time, and -Og takes half as long as -O1.
COMPILER = (
    *("gcc", "-std=gnu11", "-Og", "-w", "-march=native", "-DUNDIN_RUN_TIME_SIZES", *INCLUDES),
    *("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"),
)


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> Path:
    """The stream that all programs are linked to."""
    folder = tmp_path_factory.mktemp("stream")
    subprocess.run([*COMPILER, "-c", C_FILES["undin_stream.c"], "-o", "stream.o"], cwd=folder, check=True)
    return folder / "stream.o"


def run_sanitized(source: Source, folder: Path, driver: Path, stream: Path, *arguments: str) -> None:
    """Link a driver to a model and the stream, and run it; its output says what is wrong."""
    for name, text in source.files.items():
        (folder / name).write_text(text)
    parts = [f"{source.prefix}.c", f"{source.prefix}_weights.c", stream, driver]
    command = [*COMPILER, *model_flags(folder, source.prefix), *parts, "-o", "program", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([folder / "program", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


def test_hops_of_anything(stream, tmp_path):
    run_sanitized(translate(WEIGHTS / "undin-tiny.onnx"), tmp_path, SUPPORT / "soak_hops.c", stream)


@pytest.mark.parametrize(
    ("sizes", "rounds"),
    [
        ({"n_fft": 64, "window": 48, "hop": 24, "look_ahead_frames": 1}, 40),
        # One sample of a low rate completes many hops of this one.
        ({"n_fft": 16, "window": 8, "hop": 1, "sample_rate": 44_100}, 10),
    ],
    ids=["usual", "short"],
)
def test_streams_of_anything(stream, tmp_path, sizes, rounds):
    path = step_models.gain(tmp_path / "small.onnx", 0.5, **sizes)
    run_sanitized(translate(path), tmp_path, SUPPORT / "soak_stream.c", stream, "1", str(rounds))


def test_hops_of_anything_in_integers(stream, tmp_path):
    network, path = small_network("undin"), tmp_path / "small.onnx"
    export(network, metadata(name="small", state_size=network.state_size), path)
    graph = read_graph(path)
    noise = np.random.default_rng(0).standard_normal((20, *graph.inputs[0].shape), np.float32)
    frames = [{"spec": frame} for frame in noise]
    program = program_of(graph, mark=partial(quantize, frames=frames))
    run_sanitized(emit(program, metadata_of(graph)), tmp_path, SUPPORT / "soak_hops.c", stream)


@pytest.mark.parametrize("name", ["small_step", "BandAttention", "UpDown"])
def test_frames_of_anything(stream, tmp_path, name):
    if name == "small_step":
        graph = read_graph(small_step.save(tmp_path))
    else:
        graph = convert(load_from_string(exported(seeded(NETWORKS[name]))), name=name)
    program = program_of(graph)
    source = emit(program)
    driver = tmp_path / "driver.c"
    driver.write_text(frame_driver(program, source))
    run_sanitized(source, tmp_path, driver, stream)


def frame_driver(program: Program, source: Source) -> str:
    """C that runs a network with states of its own on good frames, on bad ones, and on the good ones again."""
    buffers = [*program.inputs.values(), *program.outputs.values()]
    allocations = "\n".join(
        f"    {C_TYPES[str(buffer.dtype)]} *b{i} = malloc({buffer.size * buffer.dtype.itemsize});"
        for i, buffer in enumerate(buffers)
    )
    count = len(program.inputs)
    states = [(i, f"b{i}", f"b{count + i}", buffer.size) for i, buffer in enumerate(buffers[1:count], 1)]
    fresh = " ".join(f"memset({state}, 0, {4 * size});" for _, state, _, size in states)
    carry = " ".join(f"memcpy({state}, {following}, {4 * size});" for _, state, following, size in states)
    arguments = ", ".join(f"b{i}" for i in range(len(buffers)))
    assert all(buffer.dtype == np.float32 for buffer in buffers)
    return f"""\
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float bad[] = {{NAN, INFINITY, -INFINITY, 1e30f, -3e38f, 1e-39f, -1e-45f, -0.0f}};

int main(void) {{
    enum {{ FRAMES = 50, INPUT = {buffers[0].size}, OUTPUT = {buffers[count].size} }};
    static float expected[FRAMES][OUTPUT];
    void *arena;
    if (posix_memalign(&arena, 64, {max(1, source.arena_bytes)})) return 1;
{allocations}
    for (int round = 0; round < 3; ++round) {{
        unsigned seed = 1;
        {fresh}
        for (int frame = 0; frame < FRAMES; ++frame) {{
            for (int i = 0; i < INPUT; ++i) {{
                seed = seed * 1664525u + 1013904223u;
                b0[i] = (float)(seed >> 16) / 65536 - 0.5f;
                if (round == 1 && (seed >> 8) % 8 < 3) b0[i] = bad[(seed >> 16) % 8];
            }}
            {source.prefix}_run({arguments}, arena);
            {carry}
            if (round == 0) memcpy(expected[frame], b{count}, sizeof expected[frame]);
            if (round == 2 && memcmp(expected[frame], b{count}, sizeof expected[frame])) {{
                printf("frame %d differs when the state is fresh again", frame);
                return 1;
            }}
        }}
    }}
    free(arena);
    {" ".join(f"free(b{i});" for i in range(len(buffers)))}
    return 0;
}}
"""
