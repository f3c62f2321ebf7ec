"""What hosts do to a plug-in, on purpose or not, done to that of LADSPA, which shares its core with all others."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.needs import need
from support.plugins import RATE, Instance, descriptors

from undin import Stream

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MODELS = ("undin-small", "undin-tiny", "undin-nano", "undin-base", "undin-small-48k", "undin-nano-48k")
BY_RATE, SMALL, NANO, NANO_48K = 0, 1, 3, 6
"""Numbers of models as hosts know them: with 0 the rate chooses."""


@pytest.fixture(scope="module")
def plugins(built):
    need("ladspa-sdk")
    return descriptors(built / "undin_ladspa.so")


@pytest.fixture
def stereo(plugins):
    instance = Instance(plugins["stereo"])
    yield instance
    instance.close()


@pytest.mark.parametrize("sizes", [(1,), (1024,), (2048,), (1, 7, 480, 64, 1023, 0, 128)], ids=str)
@pytest.mark.parametrize("place", ["elsewhere", "same", "crossed"])
def test_blocks_of_any_size_wherever_they_go(stereo, sound, sizes, place):
    samples = sound.samples[: 24000 if max(sizes) > 1 else 6000]
    expected, latency = sound.enhanced(samples)
    np.testing.assert_allclose(stereo.process(samples, sizes, place=place), expected[: len(samples)], atol=1e-6)
    assert stereo.latency == latency


@pytest.mark.parametrize("number", range(len(MODELS)), ids=MODELS.__getitem__)
def test_every_model_separate_or_linked(plugins, sound, number):
    samples = sound.samples[:24000]
    for separate in (0.0, 1.0):
        instance = Instance(plugins["stereo"])
        instance.set(model=1.0 + number, separate=separate)
        stream = Stream(RATE, channels=2, model=MODELS[number])
        stream.link_channels = not separate
        np.testing.assert_allclose(instance.process(samples), stream.process(samples), atol=1e-6)
        assert instance.latency == stream.latency_samples
        instance.close()


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 16_000, 44_100, 44_056, 96_000, 192_000, 384_000])
def test_latency_is_true_at_every_rate(plugins, sound, rate):
    """At limit 0 the input comes back bit for bit, as late as is said."""
    instance = Instance(plugins["mono"], rate)
    instance.set(limit=0.0)
    samples = sound.samples[:, :1].copy()
    output = instance.process(samples, (1024,))
    assert instance.latency == Stream(rate).latency_samples
    assert np.array_equal(output[instance.latency :], samples[: -instance.latency])
    assert not output[: instance.latency].any()
    instance.close()


@pytest.mark.parametrize("rate", [0, 1, 3_999, 384_001, 2**31, 2**32 + 48_000, 2**63])
def test_rates_that_undin_has_not_are_refused(plugins, rate):
    assert not Instance(plugins["mono"], rate).handle


def clicks(samples: np.ndarray) -> float:
    """The largest second difference: what a click has, and music of this pitch does not."""
    return float(np.abs(np.diff(samples, 2, axis=0)).max())


@pytest.mark.parametrize(
    "turned", [{"limit": 0.0}, {"bypass": 1.0}, {"separate": 1.0}, {"model": NANO}, {"model": NANO_48K}]
)
def test_what_is_turned_while_sound_runs_does_not_click(stereo, turned):
    time_s = np.arange(3 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 220 * time_s)
    samples = np.stack((tone, tone), 1).astype(np.float32)
    before = stereo.process(samples[:RATE])
    stereo.set(**turned)
    after = stereo.process(samples[RATE:])
    bend = 0.3 / (RATE // 100)  # of the tone where it begins to be faded, over a hop of 10 ms
    assert clicks(np.concatenate((before[RATE // 2 :], after))) < clicks(samples) + bend < 0.001


def test_a_model_takes_over_with_its_state_and_latency(stereo, sound):
    """It has heard half a second before it is heard, so that it then sounds as if it had been there for long."""
    samples = np.concatenate((sound.samples, sound.samples))
    stereo.set(model=NANO)
    half = len(sound.samples)
    stereo.process(samples[:half])
    latency = stereo.latency
    stereo.set(model=NANO_48K)
    output = stereo.process(samples[half:])
    assert (latency, stereo.latency) == (1802, 959)
    expected, _ = sound.enhanced(samples, model="undin-nano-48k")
    told = output[RATE:] - expected[half + RATE : len(samples)]
    assert np.std(told) < 0.05 * np.std(expected)


def test_a_model_may_be_turned_again_and_again(stereo, sound):
    for number in (1, 2, 5, 0, 4, 3, 6):
        stereo.set(model=number)
        assert np.isfinite(stereo.process(sound.samples[:3000])).all()
    stereo.set(model=BY_RATE)
    for _ in range(3):
        stereo.process(sound.samples)
    stereo.activate()
    expected, _ = sound.enhanced()
    np.testing.assert_allclose(stereo.process(sound.samples), expected[: len(sound.samples)], atol=1e-6)


def test_activation_while_running_begins_again(stereo, sound):
    samples = sound.samples[:24000]
    first = stereo.process(samples)
    stereo.process(samples[:5000])
    stereo.activate()
    np.testing.assert_array_equal(stereo.process(samples), first)


@pytest.mark.parametrize("control", ["limit", "bypass", "model", "separate"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -5.0, 0.49])
def test_controls_out_of_their_range(stereo, sound, control, value):
    stereo.set(**{control: value})
    assert np.isfinite(stereo.process(sound.samples[:9600])).all()


def test_sound_that_is_none_spoils_nothing(stereo, sound):
    """NaN, infinities and the like from upstream are silence; what comes later is as if they had been."""
    spoilt, silent = sound.samples[:24000].copy(), sound.samples[:24000].copy()
    for at, value in ((1000, np.nan), (2000, np.inf), (3000, -np.inf), (4000, 3e38), (5000, -1e20)):
        spoilt[at : at + 50] = value
        silent[at : at + 50] = 0
    output = stereo.process(spoilt, (1, 128, 480))
    expected, _ = sound.enhanced(silent)
    np.testing.assert_allclose(output, expected[: len(output)], atol=1e-6)


@pytest.mark.needs("x86-64")
def test_a_mode_that_others_set_is_neither_needed_nor_changed(stereo, sound, tmp_path):
    """Flush-to-zero, which a host's thread may have set, stays set and changes nothing that is heard."""
    source = tmp_path / "mode.c"
    source.write_text(
        "#include <xmmintrin.h>\n"
        "void set_mode(unsigned mode) { _mm_setcsr(mode); }\n"
        "unsigned get_mode(void) { return _mm_getcsr() & ~0x3fu; /* but for what has happened */ }\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", tmp_path / "mode.so"], check=True)
    mode = ctypes.CDLL(str(tmp_path / "mode.so"))
    samples = sound.samples[:24000].copy()
    samples[12000:] *= 1e-38  # below what a float holds in full
    plain, flushing = mode.get_mode(), mode.get_mode() | 0x8040
    expected = stereo.process(samples)
    assert mode.get_mode() == plain
    stereo.activate()
    try:
        mode.set_mode(flushing)
        output = stereo.process(samples)
        assert mode.get_mode() == flushing
    finally:
        mode.set_mode(plain)
    np.testing.assert_allclose(output, expected, atol=1e-7)


def test_a_thousand_instances_opened_and_closed(plugins, sound):
    """They sound alike side by side, and leave no memory behind."""
    samples = sound.samples[:256]
    for rate in (RATE, 44_100):
        first = Instance(plugins["stereo"], rate)
        expected = first.process(samples)
        opened = [Instance(plugins["stereo"], rate) for _ in range(100)]
        assert all(np.array_equal(one.process(samples), expected) for one in opened)
        for one in (first, *opened):
            one.close()
    before = resident_kb()
    for _ in range(1000):
        Instance(plugins["stereo"]).close()
    assert resident_kb() - before < 2000


def resident_kb() -> int:
    """Memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@pytest.mark.needs("sanitizers")
def test_under_sanitizers_and_without_a_call_for_memory(built, tmp_path):
    """stress.c opens and closes in eight threads, turns everything, and counts what is allocated while sound runs."""
    undin = ROOT / "build" / "plugins" / built.name / "undin"
    app = ROOT / "apps" / "plugins"
    sources = [HERE / "stress.c", app / "core" / "undin_plugin.c", app / "ladspa" / "undin_ladspa.c"]
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-pthread", "-Wall", "-Wextra"]
    flags += [f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "free")]
    program = tmp_path / "stress"
    includes = [f"-I{undin}", f"-I{app / 'core'}"]
    subprocess.run(["gcc", *flags, *includes, *sources, undin / "libundin.a", "-o", program, "-ldl", "-lm"], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "calls for memory while sound ran: 0"
