"""What undin.h promises beyond what `undin.Stream` shows: layouts of samples, memory, other ABIs, two libraries."""

import ctypes
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import step_models
from support.c_sources import INCLUDES
from support.c_stream import CStream
from support.hop_shim import made_up_metadata, run_compiler, write_model
from support.needs import need

import undin
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import C_FILES, build, build_stream
from undin.compiler.toolchain.cache import cached_stream, this_machine
from undin.engines.engine import ABI, CModel
from undin.engines.native import NativeEngine, StreamFunctions

SMALL = {"n_fft": 64, "window": 64, "hop": 32}
ERRORS = {
    -1: "the model was compiled for another version of undin: compile both anew",
    -2: "the sample rate must be 4,000 to 384,000 Hz",
    -3: "channels must be 1 to 64",
    -4: "the limit of attenuation must be 0 dB or more",
    -5: "the model contradicts itself",
}


@pytest.fixture(scope="module")
def c_model(tmp_path_factory) -> CModel:
    """A model of short frames, compiled."""
    path = step_models.fading(tmp_path_factory.mktemp("model") / "fading.onnx")
    return undin.load(path, engine="compiled").engine.c_model


@pytest.fixture(scope="module")
def error():
    """`undin_error`."""
    function = ctypes.CDLL(str(cached_stream())).undin_error
    function.restype = ctypes.c_char_p
    return lambda number: function(number).decode()


def noise(count: int, channels: int) -> np.ndarray:
    return np.random.default_rng(count).uniform(-0.5, 0.5, (count, channels)).astype(np.float32)


@given(
    channels=st.integers(1, 64),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    blocks=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 4), st.booleans()), min_size=1, max_size=5),
)
@settings(max_examples=40)
def test_planar_and_interleaved_in_place_or_not_are_the_same(c_model, channels, rate, blocks):
    """A block with a stride of 0 is interleaved, others planar."""
    samples = noise(sum(size for size, _, _ in blocks), channels)
    expected = CStream(c_model, rate, channels).process(samples)
    stream, outputs = CStream(c_model, rate, channels), []
    parts = np.split(samples, np.cumsum([size for size, _, _ in blocks])[:-1])
    for part, (_, stride, in_place) in zip(parts, blocks, strict=True):
        if stride:
            outputs.append(stream.process_planar(part, stride=stride, in_place=in_place))
        else:
            outputs.append(stream.process(part))
    np.testing.assert_array_equal(np.concatenate(outputs), expected)


@pytest.mark.parametrize("channels", [1, 2, 64])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_each_channel_comes_out_as_it_does_alone(c_model, channels, rate):
    samples = noise(rate // 20, channels)
    stream = CStream(c_model, rate, channels)
    stream.functions.set_link_channels(stream.address, 0)
    output = stream.process(samples)
    for channel in {0, channels // 2, channels - 1}:
        alone = CStream(c_model, rate, 1).process(samples[:, [channel]])
        np.testing.assert_array_equal(output[:, [channel]], alone)


@given(
    rate=st.sampled_from([8_000, 16_000, 44_056, 48_000]),
    before=st.integers(0, 3_000),
    misplaced=st.sampled_from([0, 8, 16, 24, 40, 56]),
)
@settings(max_examples=40)
def test_a_copy_by_memcpy_goes_on_as_the_original(c_model, rate, before, misplaced):
    samples = noise(before + 2_000, 2)
    original, copy = (CStream(c_model, rate, 2, misplaced=place) for place in (8, misplaced))
    original.process(samples[:before])
    copy.memory[:] = original.memory
    output, rest = original.process(samples[before:]), original.flush()
    original.memory[:] = 0xFF
    np.testing.assert_array_equal(copy.process(samples[before:]), output)
    np.testing.assert_array_equal(copy.flush(), rest)


def test_what_was_in_memory_does_not_matter(c_model):
    samples = noise(3_000, 2)
    expected = CStream(c_model, 44_100, 2).process(samples)
    stream = CStream(c_model, 44_100, 2)
    stream.memory[:] = 0xFF  # as a float it is a NaN
    assert stream.functions.init(stream.address, c_model, 44_100, 2) == 0
    np.testing.assert_array_equal(stream.process(samples), expected)


def changed(c_model: CModel, **fields: int) -> CModel:
    """A copy of a model that says something else of itself."""
    copy = CModel.from_buffer_copy(c_model)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


@pytest.mark.parametrize(
    ("fields", "rate", "channels", "number"),
    [
        ({"abi": ABI + 1}, 48_000, 2, -1),
        ({"abi": 0}, 48_000, 2, -1),
        ({}, 3_999, 2, -2),
        ({}, 384_001, 2, -2),
        ({}, -48_000, 2, -2),
        ({}, 48_000, 0, -3),
        ({}, 48_000, 65, -3),
        ({"hop_samples": 0}, 48_000, 2, -5),
        ({"latency_samples": 3}, 48_000, 2, -5),
        ({"sample_rate_hz": 0}, 48_000, 2, -5),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(c_model, error, fields, rate, channels, number):
    model, stream = changed(c_model, **fields), CStream(c_model, 48_000, 2)
    before = stream.memory.copy()
    assert stream.functions.bytes(model, rate, channels) == 0
    assert stream.functions.init(stream.address, model, rate, channels) == number
    assert error(number) == ERRORS[number]
    np.testing.assert_array_equal(stream.memory, before)


def test_errors_are_sentences(error):
    assert {number: error(number) for number in ERRORS} == ERRORS
    assert error(0) == "no error"
    assert error(-6) == error(1) == "no such error"


def test_a_limit_that_is_none_is_refused(c_model):
    stream, samples = CStream(c_model, 16_000, 1), noise(3_000, 1)
    assert stream.functions.set_atten_lim_db(stream.address, 0) == 0
    for limit in (-1.0, -1e-30, float("nan"), float("-inf")):
        assert stream.functions.set_atten_lim_db(stream.address, limit) == -4
    np.testing.assert_array_equal(stream.process(samples)[511:], samples[:-511])


def test_python_refuses_a_model_of_another_abi(tmp_path):
    source = translate(step_models.gain(tmp_path / "later.onnx", 0.5, **SMALL))
    values = source.files["undin_later_weights.c"]
    source.files["undin_later_weights.c"] = values.replace(".abi = UNDIN_ABI", f".abi = {ABI + 1}")
    library = build(source, tmp_path, target=this_machine(), with_stream=False)
    with pytest.raises(
        ValueError, match=rf"libundin_later.* its interface is number {ABI + 1}, .* is {ABI}: compile it"
    ):
        undin.load(library)


def test_libraries_of_two_models_work_in_one_process(tmp_path):
    """Each has the stream inside, under the same names, visible to all."""
    samples, outputs = noise(4_000, 2), []
    for name, gain in (("one", 0.25), ("two", 0.5)):
        path = step_models.gain(tmp_path / f"{name}.onnx", gain, **SMALL)
        library = build(translate(path), tmp_path, target=this_machine())
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        engine = NativeEngine(library)
        outputs.append(CStream(engine.c_model, 48_000, 2, functions=StreamFunctions(engine.library)).process(samples))
    one, two = (output[3_000:] for output in outputs)
    assert np.std(two) == pytest.approx(2 * np.std(one), rel=0.01)


def test_two_copies_of_the_stream_work_on_one_memory(c_model, tmp_path):
    copies = []
    for name in ("one", "two"):
        library = ctypes.CDLL(str(build_stream(tmp_path / name, target=this_machine())), mode=ctypes.RTLD_GLOBAL)
        copies.append(StreamFunctions(library))
    assert len({ctypes.cast(copy.reset, ctypes.c_void_p).value for copy in copies}) == 2
    samples = noise(4_000, 2)
    expected = CStream(c_model, 44_100, 2, functions=copies[0]).process(samples)
    stream = CStream(c_model, 44_100, 2, functions=copies[0])
    outputs = []
    for index, part in enumerate(np.array_split(samples, 8)):
        stream.functions = copies[index % 2]
        outputs.append(stream.process(part))
    np.testing.assert_array_equal(np.concatenate(outputs), expected)


PROGRAM = """
#include <math.h>
#include <stdlib.h>
#include "undin_one.h"
#include "undin_two.h"

static undin_stream *opened(const undin_model *model, int rate) {
    undin_stream *stream = malloc(undin_stream_bytes(model, rate, 2));
    return undin_stream_init(stream, model, rate, 2) ? NULL : stream;
}

/* Blocks of 0 to 511 samples, each in memory of exactly its size, through two models that share the program. */
int main(void) {
    undin_stream *one = opened(&undin_one, 48000), *two = opened(&undin_two, 44100);
    unsigned random = 1;
    if (!one || !two) return 1;
    for (int block = 0; block < 100; ++block) {
        const size_t samples = (random = random * 1664525u + 1013904223u) >> 16 & 511, floats = 2 * samples;
        float *in = malloc(floats * sizeof *in), *out = malloc(floats * sizeof *out);
        for (size_t i = 0; i < floats; ++i) in[i] = (random = random * 1664525u + 1013904223u) >> 16 & 1 ? 0.5f : NAN;
        undin_stream_process_interleaved(one, in, out, samples);
        undin_stream_process_interleaved(two, out, out, samples);
        for (size_t i = 0; i < floats; ++i)
            if (!isfinite(out[i])) return 2;
        free(in);
        free(out);
    }
    free(one);
    free(two);
    return 0;
}
"""


@pytest.mark.needs("sanitizers")
def test_two_models_in_one_program_touch_no_memory_but_their_own(tmp_path):
    for name, metadata in (("one", made_up_metadata(480, 400, 100)), ("two", made_up_metadata(16, 15, 5))):
        write_model(tmp_path, f"undin_{name}", metadata, step="quarter")
    (tmp_path / "main.c").write_text(PROGRAM)
    sources = [*sorted(tmp_path.glob("*.c")), C_FILES["undin_stream.c"]]
    sanitizers = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    run_compiler("gcc-avx2", *sanitizers, f"-I{tmp_path}", *sources, "-o", tmp_path / "main", "-lm")
    subprocess.run([tmp_path / "main"], check=True)


@pytest.mark.needs("nm")
def test_the_stream_needs_three_functions_of_c_and_keeps_no_variables(tmp_path):
    run_compiler(
        "gcc-baseline",
        "-ffreestanding",
        "-fno-math-errno",
        "-c",
        C_FILES["undin_stream.c"],
        "-o",
        tmp_path / "stream.o",
    )
    lines = subprocess.run(
        ["nm", tmp_path / "stream.o"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    kinds = {line.split()[-1]: line.split()[-2] for line in lines}
    imports = {name for name, kind in kinds.items() if kind == "U"} - {"_GLOBAL_OFFSET_TABLE_"}
    assert imports <= {"memcpy", "memmove", "memset"}
    assert not [name for name, kind in kinds.items() if kind in "dDbBC"]
    public = {name for name, kind in kinds.items() if kind == "T"}
    assert "undin_stream_init" in public
    assert all(name.startswith("undin_stream_") or name == "undin_error" for name in public)


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-std=c++11", "-x", "c++"]], ids=["c", "c++"])
def test_header_is_plain_c99_and_c_plus_plus(compiler):
    need(compiler[0])
    warnings = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler, *warnings, *INCLUDES[:1], "-fsyntax-only", C_FILES["undin.h"]], check=True)
