"""The hop in C against the same hop in numpy, through the model that a generated header declares."""

import dataclasses
import subprocess

import numpy as np
import pytest
from support.c_sources import INCLUDES
from support.hop_shim import BUILDS, load_engine, made_up_metadata, run_compiler, write_model
from support.hops import Hops
from support.needs import need
from support.reference import hop as reference

from undin.compiler.emit import hop

MODELS = {
    "default": (made_up_metadata(512, 512, 256), "quarter"),
    "padded, overlapping four times": (made_up_metadata(480, 400, 100), "quarter"),
    "odd window": (made_up_metadata(16, 15, 5), "quarter"),
    "looking ahead": (made_up_metadata(256, 256, 128, look_ahead_frames=1), "one-frame-late"),
    "identity": (made_up_metadata(20, 20, 10), "identity"),
}
ALLOWED_IMPORTS = {"memcpy", "memmove", "memset"}


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Returns a model's engine by the names of model and build, compiled when first asked for."""
    folder, loaded = tmp_path_factory.mktemp("hop"), {}

    def engine(model, build="gcc-avx2"):
        if (model, build) not in loaded:
            place = folder / f"{model} {build}"
            place.mkdir(exist_ok=True)  # it is there if its compiler was missing before
            metadata, step = MODELS[model]
            loaded[model, build] = load_engine(place, write_model(place, "undin_test", metadata, step=step), build)
        return loaded[model, build]

    return engine


def step_in_numpy(name):
    """What a step of hop_shim.py does."""

    def one_frame_late(spec, state):
        return state.view(np.complex64), spec.view(np.float32)

    return {
        "identity": lambda spec, state: (spec, state),
        "quarter": lambda spec, state: (np.float32(0.25) * spec, state),
        "one-frame-late": one_frame_late,
    }[name]


def in_numpy(model, samples, *, linked):
    """Whole hops (n, channels) of a model in the reference."""
    metadata, step = MODELS[model]
    hops = reference.Hops(step_in_numpy(step), metadata, channels=samples.shape[1])
    return np.concatenate([hops.process(one, linked=linked) for one in np.split(samples, len(samples) // metadata.hop)])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(
    "model, build",
    [("default", build) for build in BUILDS] + [(model, "gcc-avx2") for model in list(MODELS)[1:]],
)
@pytest.mark.parametrize(("channels", "linked"), [(1, False), (3, False), (2, True), (5, True)])
def test_hops_are_those_of_the_reference(engines, model, build, channels, linked):
    hops = Hops(engines(model, build), channels=channels, linked=linked)
    samples = noise(12 * hops.hop_samples, channels)
    output = hops.process(samples)
    assert np.abs(output - in_numpy(model, samples, linked=linked)).max() < 2e-6
    hops.reset()
    one_by_one = [hops.process(part) for part in samples.reshape(-1, hops.hop_samples, channels)]
    assert np.array_equal(np.concatenate(one_by_one), output)


@pytest.mark.parametrize("model", ["identity", "looking ahead"])
def test_latency_is_what_impulses_take(engines, model):
    metadata, _ = MODELS[model]
    hops = Hops(engines(model))
    assert hops.delay_samples == metadata.latency_samples - (metadata.hop - 1)
    for position in (0, 1, metadata.hop - 1, metadata.hop, 3 * metadata.hop + 7):
        hops.reset()
        impulse = np.zeros(8 * metadata.window, np.float32)
        impulse[position] = 1
        assert np.abs(hops.process(impulse) - np.roll(impulse, hops.delay_samples)).max() < 1e-6


def test_energies_are_those_of_voices(engines):
    metadata, _ = MODELS["default"]
    hops = Hops(engines("default"))
    time = np.arange(40 * metadata.hop) / metadata.sample_rate
    for frequency_hz, is_heard in ((100, False), (1_000, True), (5_000, False)):
        hops.energies[:] = 0
        hops.reset()
        hops.process(np.sin(2 * np.pi * frequency_hz * time).astype(np.float32))
        heard, kept = hops.energies / (40 * metadata.window**2)
        assert (heard > 0.05) == is_heard
        assert kept == pytest.approx(heard / 16)


def test_network_hears_silence_where_arithmetic_would_be_slow(engines):
    metadata, hops = MODELS["default"][0], Hops(engines("default"))
    hops.process(np.full(2048, 1e-39, np.float32))
    history_end = metadata.state_size + metadata.latency_samples + 1
    overlap = hops.state()[history_end : history_end + metadata.window - metadata.hop]
    assert len(overlap) == 256 and not overlap.any()


@pytest.mark.parametrize("amplitude", [1e-15, 1e-18, 2e-20, 1e-42])
def test_linked_channels_that_fade_away_stay_finite(engines, amplitude):
    samples = amplitude * noise(20 * 256, 2)
    output = Hops(engines("default"), channels=2, linked=True).process(samples)
    assert np.abs(output).max() <= np.abs(samples).max()


def test_reset_makes_any_memory_a_fresh_state_and_zeros_are_one(engines):
    samples = noise(11 * 256)
    fresh, zeroed, poisoned = (Hops(engines("default")) for _ in range(3))
    expected = fresh.process(samples)
    zeroed.fill(0)
    assert np.array_equal(zeroed.process(samples), expected)
    poisoned.fill(0xFF)
    poisoned.reset()
    assert np.array_equal(poisoned.process(samples), expected)


@pytest.mark.parametrize("model", MODELS)
def test_sizes_known_to_python_are_those_of_c(engines, model):
    metadata, _ = MODELS[model]
    c_model = engines(model).c_model
    assert c_model.state_bytes == hop.state_bytes(metadata)
    assert c_model.arena_bytes == hop.arena_bytes(metadata, network_arena_bytes=1000)
    assert engines(model).metadata == metadata


@pytest.mark.needs("nm")
def test_object_needs_three_functions_of_c_and_keeps_no_variables(tmp_path):
    source = write_model(tmp_path, "undin_test", MODELS["default"][0], step="quarter")
    run_compiler("gcc-baseline", "-ffreestanding", "-fno-math-errno", "-c", source, "-o", tmp_path / "hop.o")
    symbols = subprocess.run(["nm", tmp_path / "hop.o"], check=True, capture_output=True, text=True).stdout.splitlines()
    imports = {line.split()[-1] for line in symbols if line.split()[-2] == "U"} - {"_GLOBAL_OFFSET_TABLE_"}
    assert imports <= ALLOWED_IMPORTS
    assert not [line for line in symbols if line.split()[-2] in "dDbBC"]
    public = {line.split()[-1] for line in symbols if line.split()[-2] == "T"}
    assert public and all(name.startswith("undin_test_") for name in public)


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-std=c++11", "-x", "c++"]], ids=["c", "c++"])
def test_header_is_plain_c99_and_c_plus_plus(tmp_path, compiler):
    need(compiler[0])
    metadata = dataclasses.replace(MODELS["default"][0], licence="*/ not C")
    source = write_model(tmp_path, "undin_test", metadata, step="quarter").with_name("user.c")
    source.write_text('#include "undin_test.h"\nfloat state[UNDIN_TEST_STATE_BYTES / 4];\nundin_levels levels;\n')
    warnings = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler, *warnings, *INCLUDES[:1], "-fsyntax-only", source], check=True)
