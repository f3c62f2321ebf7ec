"""The hop in C against the same hop in numpy, through the public functions of a generated header."""

import dataclasses
import shutil
import subprocess

import numpy as np
import pytest
from compiler.hop_shim import BUILDS, CStream, load_library, made_up_metadata, run_compiler, write_model
from hypothesis import given, settings
from hypothesis import strategies as st

from undin.compiler import hop
from undin.engine import gain_floor
from undin.stft import Analysis, Synthesis

MODELS = {
    "default": (made_up_metadata(512, 512, 256), "quarter"),
    "padded, overlapping four times": (made_up_metadata(480, 400, 100), "quarter"),
    "odd window": (made_up_metadata(16, 15, 5), "quarter"),
    "looking ahead": (made_up_metadata(256, 256, 128, look_ahead_frames=1), "one-frame-late"),
    "identity": (made_up_metadata(20, 20, 10), "identity"),
    "broken network": (made_up_metadata(20, 20, 5), "not-a-number"),
}
ALLOWED_IMPORTS = {"memcpy", "memmove", "memset"}


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Returns a model's library by the names of model and build, compiled when first asked for."""
    folder, loaded = tmp_path_factory.mktemp("hop"), {}

    def library(model, build="gcc-avx2"):
        if (model, build) not in loaded:
            place = folder / f"{model} {build}"
            place.mkdir(exist_ok=True)  # it is there if its compiler was missing before
            metadata, step = MODELS[model]
            loaded[model, build] = load_library(place, write_model(place, "undin_test", metadata, step=step), build)
        return loaded[model, build]

    return library


def reference(model, samples, *, atten_lim_db=None):
    """Whole hops as `OrtEngine` enhances them, in numpy."""
    metadata, step = MODELS[model]
    sizes = metadata.n_fft, metadata.window, metadata.hop
    spec = Analysis(*sizes).process(samples)
    if step == "one-frame-late":
        spec = np.concatenate((np.zeros_like(spec[:1]), spec[:-1]))
    enhanced = Synthesis(*sizes).process(spec * np.float32(0.25) if step == "quarter" else spec)
    delay = metadata.latency_samples - (metadata.hop - 1)
    dry = np.concatenate((np.zeros(delay, np.float32), samples))[: len(samples)]
    return dry + np.float32(1 - gain_floor(atten_lim_db)) * (enhanced - dry)


def noise(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, count).astype(np.float32)


@pytest.mark.parametrize(
    "model, build",
    [("default", build) for build in BUILDS] + [(model, "gcc-avx2") for model in list(MODELS)[1:5]],
)
@pytest.mark.parametrize("atten_lim_db", [None, 6.0])
def test_hops_are_those_of_the_engine_in_numpy(libraries, model, build, atten_lim_db):
    stream, hop_samples = CStream(libraries(model, build)), MODELS[model][0].hop
    if atten_lim_db is not None:
        assert stream.set_atten_lim_db(atten_lim_db) == 0
    samples = noise(12 * hop_samples)
    expected = reference(model, samples, atten_lim_db=atten_lim_db)
    output = stream.process_hops(samples, hop_samples=hop_samples)
    assert np.abs(output - expected).max() < 2e-6
    stream.reset()
    assert stream.set_atten_lim_db(float("inf" if atten_lim_db is None else atten_lim_db)) == 0
    one_by_one = [stream.process_hop(part) for part in samples.reshape(-1, hop_samples)]
    assert np.array_equal(np.concatenate(one_by_one), output)


@pytest.mark.parametrize("model", list(MODELS)[:5])
@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(0, 700), max_size=12))
def test_blocks_of_any_length_are_the_hops_later(libraries, model, lengths):
    metadata, _ = MODELS[model]
    samples = noise(-(-sum(lengths) // metadata.hop) * metadata.hop + metadata.hop)
    hops = CStream(libraries(model)).process_hops(samples, hop_samples=metadata.hop)
    expected = np.concatenate((np.zeros(metadata.hop - 1, np.float32), hops))[: sum(lengths)]
    stream = CStream(libraries(model))
    parts = np.split(samples[: sum(lengths)], np.cumsum(lengths)[:-1]) if lengths else []
    output = np.concatenate([np.zeros(0, np.float32), *(stream.process_block(part) for part in parts)])
    assert np.array_equal(output, expected)


@pytest.mark.parametrize("model", ["identity", "looking ahead"])
def test_latency_is_what_impulses_take(libraries, model):
    metadata, _ = MODELS[model]
    stream = CStream(libraries(model))
    assert stream.latency_samples == metadata.latency_samples
    for position in (0, 1, metadata.hop - 1, metadata.hop, 3 * metadata.hop + 7):
        stream.reset()
        impulse = np.zeros(8 * metadata.window, np.float32)
        impulse[position] = 1
        output = np.concatenate([stream.process_block(part) for part in np.array_split(impulse, 13)])
        assert np.abs(output - np.roll(impulse, metadata.latency_samples)).max() < 1e-6


@pytest.mark.parametrize("model", ["default", "looking ahead", "broken network"])
def test_limit_of_0_db_returns_the_delayed_input_bit_for_bit(libraries, model):
    stream = CStream(libraries(model))
    assert stream.set_atten_lim_db(0) == 0
    samples = noise(5000)
    samples[::7] = -0.0
    samples[1::7] = 1e-42  # denormal
    output = stream.process_block(samples)
    latency = stream.latency_samples
    assert output[latency:].tobytes() == samples[:-latency].tobytes()
    assert not output[:latency].any()


@settings(deadline=None)  # the first example compiles
@given(atten_lim_db=st.floats(0, 1000, width=32))
def test_limit_is_the_gain_that_the_engine_allows(libraries, atten_lim_db):
    stream = CStream(libraries("identity"))
    assert stream.set_atten_lim_db(atten_lim_db) == 0
    assert float(stream.state[-1]) == pytest.approx(gain_floor(atten_lim_db), rel=1e-6, abs=1e-37)


@pytest.mark.parametrize("atten_lim_db", [-1.0, -1e-30, float("nan"), float("-inf")])
def test_refuses_a_limit_that_is_none_and_keeps_the_last(libraries, atten_lim_db):
    stream = CStream(libraries("identity"))
    assert stream.set_atten_lim_db(0) == 0
    assert stream.set_atten_lim_db(atten_lim_db) != 0
    assert stream.state[-1] == 1


def test_takes_impossible_samples_as_silence(libraries):
    samples = noise(4000)
    silenced = samples.copy()
    for index, value in enumerate([np.nan, np.inf, -np.inf, 1e6, -3e38]):
        samples[500 + 300 * index] = value
        silenced[500 + 300 * index] = 0
    assert np.array_equal(
        CStream(libraries("default")).process_block(samples), CStream(libraries("default")).process_block(silenced)
    )


def test_network_hears_silence_where_arithmetic_would_be_slow(libraries):
    metadata, stream = MODELS["default"][0], CStream(libraries("default"))
    stream.process_block(np.full(2048, 1e-39, np.float32))
    history_end = metadata.state_size + metadata.latency_samples + 1
    overlap = stream.state[history_end : history_end + metadata.window - metadata.hop]
    assert len(overlap) == 256 and not overlap.any()


def test_reset_makes_any_memory_a_fresh_state_and_zeros_are_one(libraries):
    samples = noise(3000)
    fresh, zeroed, poisoned = (CStream(libraries("default")) for _ in range(3))
    expected = fresh.process_block(samples)
    zeroed.fill(0)
    assert np.array_equal(zeroed.process_block(samples), expected)
    poisoned.fill(0xFF)
    poisoned.reset()
    assert np.array_equal(poisoned.process_block(samples), expected)


@pytest.mark.parametrize("model", MODELS)
def test_sizes_known_to_python_are_those_of_c(libraries, model):
    metadata, _ = MODELS[model]
    stream = CStream(libraries(model))
    assert stream.state_size == hop.state_bytes(metadata)
    assert stream.arena_size == hop.arena_bytes(metadata, network_arena_bytes=1000)


PROGRAM = """
#include <math.h>
#include <stdlib.h>
#include "undin_one.h"
#include "undin_two.h"

/* Blocks of 0 to 699 samples, each in memory of exactly its size, through two models that share the program. */
int main(void) {
    undin_one_state *one = malloc(UNDIN_ONE_STATE_SIZE);
    undin_one_arena *one_arena = malloc(UNDIN_ONE_ARENA_SIZE);
    undin_two_state *two = malloc(sizeof *two);
    undin_two_arena *two_arena = malloc(sizeof *two_arena);
    const float odd[] = {0, -0.0f, 1e-40f, 1e30f, INFINITY, -INFINITY, NAN, 0.5f};
    unsigned random = 1;
    undin_one_reset(one);
    undin_two_reset(two);
    if (undin_one_set_atten_lim_db(one, 12) || undin_two_set_atten_lim_db(two, INFINITY)) return 1;
    for (int block = 0; block < 100; ++block) {
        const size_t samples = (random = random * 1664525u + 1013904223u) >> 16 & 511;
        float *in = malloc(samples * sizeof *in), *out = malloc(samples * sizeof *out);
        for (size_t i = 0; i < samples; ++i)
            in[i] = odd[((random = random * 1664525u + 1013904223u) >> 16) % (sizeof odd / sizeof *odd)];
        undin_one_process_block(one, one_arena, in, out, samples);
        undin_two_process_block(two, two_arena, out, out, samples);
        for (size_t i = 0; i < samples; ++i)
            if (!isfinite(out[i])) return 2;
        free(in);
        free(out);
    }
    free(one);
    free(one_arena);
    free(two);
    free(two_arena);
    return 0;
}
"""


def test_two_models_in_one_program_touch_no_memory_but_their_own(tmp_path):
    sources = [
        write_model(tmp_path, "undin_one", MODELS["padded, overlapping four times"][0], step="quarter"),
        write_model(tmp_path, "undin_two", MODELS["odd window"][0], step="quarter"),
        tmp_path / "main.c",
    ]
    sources[2].write_text(PROGRAM)
    program = tmp_path / "main"
    sanitizers = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    run_compiler("gcc-avx2", *sanitizers, f"-I{tmp_path}", *sources, "-o", program)
    subprocess.run([program], check=True)


def test_object_needs_three_functions_of_c_and_keeps_no_variables(tmp_path):
    source = write_model(tmp_path, "undin_test", MODELS["default"][0], step="quarter")
    run_compiler("gcc-baseline", "-ffreestanding", "-c", source, "-o", tmp_path / "hop.o")
    symbols = subprocess.run(["nm", tmp_path / "hop.o"], check=True, capture_output=True, text=True).stdout.splitlines()
    imports = {line.split()[-1] for line in symbols if line.split()[-2] == "U"} - {"_GLOBAL_OFFSET_TABLE_"}
    assert imports <= ALLOWED_IMPORTS
    assert not [line for line in symbols if line.split()[-2] in "dDbBC"]
    public = {line.split()[-1] for line in symbols if line.split()[-2] == "T"}
    assert public and all(name.startswith("undin_test_") for name in public)


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-std=c++11", "-x", "c++"]], ids=["c", "c++"])
def test_header_is_plain_c99_and_c_plus_plus(tmp_path, compiler):
    if not shutil.which(compiler[0]):
        pytest.skip(f"{compiler[0]} is not installed")
    metadata = dataclasses.replace(MODELS["default"][0], licence="*/ not C")
    source = write_model(tmp_path, "undin_test", metadata, step="quarter").with_name("user.c")
    source.write_text('#include "undin_test.h"\nundin_test_state state; undin_test_arena arena;\n')
    subprocess.run([*compiler, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", source], check=True)
