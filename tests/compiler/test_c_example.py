"""What docs/c.md shows: its programs, compiled by its commands, clean real speech at 48 kHz stereo as Python does."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soxr
from support import small_step
from support.hops import Hops
from support.needs import need
from support.product_checks import built
from support.shown import blocks

from undin import enhance, load
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine
from undin.compiler.toolchain.install import install
from undin.model.loading import WEIGHTS

SAMPLE_RATE = 48_000
ATTEN_LIM_DB = 24.0
SECONDS = 2

READ_HOPS = """
#include <stdio.h>
int main(void) {
    float hop[UNDIN_TINY_HOP_SAMPLES];
    while (fread(hop, sizeof hop, 1, stdin)) {
        hop_is_full(hop);
        fwrite(hop, sizeof hop, 1, stdout);
    }
}
"""
"""What a board does around the firmware of the page."""


def shown(kind: str, *, with_word: str = "") -> str:
    """The one block of the page in a language, and with a word in it."""
    (block,) = (block for block in blocks("docs/c.md", kind) if with_word in block)
    return block


@pytest.fixture(scope="module")
def speech(noisy_speech) -> np.ndarray:
    """A voice left and right, (samples, 2) at 48 kHz, not a whole number of hops."""
    channels = noisy_speech[: 2 * SECONDS * 16_000].reshape(2, -1).T
    return soxr.resample(channels, 16_000, SAMPLE_RATE)[:-7].astype(np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder as the first commands of the page leave it: undin-tiny in `tiny`, installed in `sdk`."""
    need("linux", "gcc")
    folder = tmp_path_factory.mktemp("place")
    product = build(translate(WEIGHTS / "undin-tiny.onnx"), folder / "tiny", target=this_machine())
    install(product, folder / "sdk", model="undin_tiny", target=this_machine())
    (folder / "denoise.c").write_text(shown("c", with_word="stdin"))
    (folder / "firmware.c").write_text(shown("c", with_word="hop_is_full"))
    (folder / "CMakeLists.txt").write_text(shown("cmake"))
    return folder


def call(commands: str, folder: Path) -> None:
    subprocess.run(["bash", "-e", "-c", commands], cwd=folder, check=True)


def output_of(program: list[str], folder: Path, samples: np.ndarray) -> np.ndarray:
    """What a program makes of samples, of the same shape."""
    output = subprocess.check_output(program, cwd=folder, input=samples.tobytes())
    return np.frombuffer(output, np.float32).reshape(-1, *samples.shape[1:])


@pytest.fixture(scope="module")
def expected(place, speech) -> np.ndarray:
    """What Python makes of the speech with the same library."""
    library = place / "tiny" / "libundin_tiny.so"
    output = enhance(speech, sample_rate=SAMPLE_RATE, model=library, atten_lim_db=ATTEN_LIM_DB)
    assert np.abs(output - speech).max() > 0.01
    return output


def test_program_with_the_library_gives_the_samples_of_python(place, speech, expected):
    call(shown("bash", with_word="tiny/libundin_tiny.so"), place)
    np.testing.assert_array_equal(output_of(["./denoise"], place, speech), expected)


@pytest.mark.needs("cmake")
def test_program_by_cmake(place, speech, expected):
    call(shown("bash", with_word="cmake"), place)
    np.testing.assert_array_equal(output_of(["build/denoise"], place, speech), expected)


@pytest.mark.needs("pkg-config")
def test_program_by_pkg_config_out_of_a_prefix_that_has_moved(place, speech, expected):
    moved = place / "moved"
    moved.mkdir()
    (place / "sdk").rename(moved / "sdk")
    (moved / "denoise.c").symlink_to(place / "denoise.c")
    try:
        call(shown("bash", with_word="PKG_CONFIG_PATH"), moved)
        np.testing.assert_array_equal(output_of(["./denoise"], moved, speech), expected)
    finally:
        (moved / "sdk").rename(place / "sdk")


def test_firmware_gives_the_hops_of_python(place, speech):
    with open(place / "firmware.c", "a") as file:
        file.write(READ_HOPS)
    call("gcc -Itiny firmware.c tiny/libundin_tiny.so '-Wl,-rpath,$ORIGIN/tiny' -o firmware", place)
    engine = load(place / "tiny" / "libundin_tiny.so").engine
    samples = speech[: len(speech) // 256 * 256, 0].copy()
    np.testing.assert_array_equal(output_of(["./firmware"], place, samples), Hops(engine).process(samples))


def of_small_step(text: str) -> str:
    """What the page says, of a model that compiles in a moment."""
    return text.replace("undin_tiny", small_step.PREFIX)


@pytest.fixture
def small_model(tmp_path):
    return load(small_step.save(tmp_path), engine="onnxruntime")


@pytest.mark.needs("gcc")
def test_program_with_the_c_files(tmp_path, small_model, speech):
    build(translate(small_model.path), tmp_path / "tiny", target=this_machine())
    (tmp_path / "denoise.c").write_text(of_small_step(shown("c", with_word="stdin")))
    call(of_small_step(shown("bash", with_word="_weights.c")), tmp_path)
    expected = enhance(speech, sample_rate=SAMPLE_RATE, model=small_model, atten_lim_db=ATTEN_LIM_DB)
    np.testing.assert_allclose(output_of(["./denoise"], tmp_path, speech), expected, atol=1e-5)


@pytest.mark.needs("node", "ziglang")
def test_script_in_node(tmp_path, small_model, speech):
    built(translate(small_model.path), tmp_path, "wasm32", "zig")
    (tmp_path / "denoise.mjs").write_text(of_small_step(shown("js")))
    expected = enhance(speech, sample_rate=SAMPLE_RATE, model=small_model)
    np.testing.assert_allclose(output_of(["node", "denoise.mjs"], tmp_path, speech), expected, atol=1e-5)
