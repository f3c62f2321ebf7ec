"""Several models linked into one program, and several copies of one library in one process."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from support import step_models
from support.c_stream import CStream
from support.needs import need
from support.product_checks import built

from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine
from undin.engines.native import NativeEngine, StreamFunctions

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "undin_half_gain.h"
#include "undin_quarter_gain.h"

int main(void) {
    const undin_model *models[] = {&undin_half_gain, &undin_quarter_gain};
    undin_stream *streams[2];
    float in[100], out[100];
    for (int i = 0; i < 2; ++i) {
        streams[i] = malloc(undin_stream_bytes(models[i], 16000, 1));
        if (undin_stream_init(streams[i], models[i], 16000, 1)) return 1;
    }
    while (fread(in, sizeof in, 1, stdin))
        for (int i = 0; i < 2; ++i) {
            undin_stream_process_interleaved(streams[i], in, out, 100);
            fwrite(out, sizeof out, 1, stdout);
        }
    return 0;
}
"""


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.1, (3000, 1)).astype(np.float32)


def test_two_models_in_one_program_each_with_a_stream_in_its_archive(tmp_path, noise):
    need("gcc")
    archive = replace(this_machine(), product="archive", library="lib{}.a")
    products = []
    for part, gain in (("half", 0.5), ("quarter", 0.25)):
        path = step_models.gain(tmp_path / f"{part}-gain.onnx", gain)
        products.append(build(translate(path), tmp_path / part, target=archive, compiler="gcc"))
    (tmp_path / "main.c").write_text(PROGRAM)
    folders = [f"-I{product.parent}" for product in products]
    subprocess.run(["gcc", "main.c", *folders, *products, "-o", "main"], cwd=tmp_path, check=True)
    output = np.frombuffer(subprocess.check_output([tmp_path / "main"], input=noise.tobytes()), np.float32)
    half, quarter = output.reshape(-1, 2, 100).swapaxes(0, 1).reshape(2, -1)
    late = step_models.WINDOW - 1
    np.testing.assert_allclose(half[late:], 0.5 * noise[:-late, 0], atol=0.02)  # less its offset
    np.testing.assert_allclose(quarter, 0.5 * half, atol=1e-7)


def test_two_copies_of_a_library_know_nothing_of_each_other(tmp_path, noise):
    path = step_models.gain(tmp_path / "gain.onnx", 0.5, n_fft=64, window=64, hop=32)
    original = built(translate(path), tmp_path / "original", "native", "gcc")
    shutil.copytree(original.parent, tmp_path / "copy")
    engines = [NativeEngine(library) for library in (original, tmp_path / "copy" / original.name)]
    streams = [CStream(engine.c_model, 48_000, 1, functions=StreamFunctions(engine.library)) for engine in engines]
    assert len({engine.library._handle for engine in engines}) == 2
    outputs = [[stream.process(part) for stream in streams] for part in np.split(noise, 10)]
    first, second = np.concatenate(outputs, axis=1)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() > 0.05
