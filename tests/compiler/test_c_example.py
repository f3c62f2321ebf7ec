"""What docs/c.md shows: its programs are compiled with its commands and clean real speech as Python does."""

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from compiler import small_step
from compiler.product_checks import built, need

from undin.compiler.build import build
from undin.compiler.cache import this_machine
from undin.compiler.emit import Source
from undin.compiler.targets import TARGETS
from undin.compiler.translate import translate
from undin.model import WEIGHTS, load
from undin.native import Library, NativeEngine

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "c.md").read_text(encoding="utf-8")
ATTEN_LIM_DB = 24.0


def shown(kind: str) -> list[str]:
    """Blocks of the page in one language."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


(PROGRAM,), (SCRIPT,) = shown("c"), shown("js")
WITH_LIBRARY, WITH_C_FILES = re.findall(r"^gcc .*$", "\n".join(shown("bash")), re.M)


@pytest.fixture(scope="module")
def speech(shared_data) -> np.ndarray:
    """Some seconds, not a whole number of hops."""
    samples, _ = soundfile.read(shared_data / "valid" / "noisy" / "000.flac", dtype="float32")
    return samples[: 3 * 16_000 + 7]


def enhanced(engine, samples: np.ndarray, *, hop: int) -> np.ndarray:
    """As many samples, in time with the input."""
    padded = np.zeros((len(samples) + engine.delay_samples + hop) // hop * hop, np.float32)
    padded[: len(samples)] = samples
    return engine.process(padded)[engine.delay_samples :][: len(samples)]


def compiled_and_run(command: str, folder: Path, program: str, samples: np.ndarray) -> np.ndarray:
    """What a program of the page makes of samples, compiled by a command of the page."""
    (folder / "denoise.c").write_text(program)
    subprocess.run(shlex.split(command), cwd=folder, check=True)
    return np.frombuffer(subprocess.check_output(["./denoise"], cwd=folder, input=samples.tobytes()), np.float32)


def test_program_with_the_library_gives_the_samples_of_python(tmp_path, speech):
    if TARGETS["native"].library != "lib{}.so":
        pytest.skip("the command of the page is for Linux")
    need("gcc")
    library = build(translate(WEIGHTS / "undin-tiny.onnx"), tmp_path / "tiny", target=this_machine())
    output = compiled_and_run(WITH_LIBRARY, tmp_path, PROGRAM, speech)
    engine = NativeEngine(Library(library), ATTEN_LIM_DB)
    np.testing.assert_array_equal(output, enhanced(engine, speech, hop=256))
    assert 0.01 < np.abs(output - speech).max()


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, Source]:
    """A model that compiles in a moment."""
    path = small_step.save(tmp_path_factory.mktemp("model"))
    return path, translate(path)


def of_small_step(text: str) -> str:
    """What the page says, of another model."""
    return text.replace("undin_tiny", small_step.PREFIX).replace("UNDIN_TINY", small_step.PREFIX.upper())


def test_program_with_the_c_files(tmp_path, small, speech):
    need("gcc")
    path, source = small
    build(source, tmp_path / "tiny", target=this_machine())
    output = compiled_and_run(of_small_step(WITH_C_FILES), tmp_path, of_small_step(PROGRAM), speech)
    engine = load(path, engine="onnxruntime").engine(atten_lim_db=ATTEN_LIM_DB)
    np.testing.assert_allclose(output, enhanced(engine, speech, hop=small_step.HOP), atol=1e-5)


def test_script_in_node(tmp_path, small, speech):
    path, source = small
    built(source, tmp_path, "wasm32", "zig")
    need("node")
    (tmp_path / "denoise.mjs").write_text(of_small_step(SCRIPT))
    output = subprocess.check_output(["node", "denoise.mjs"], cwd=tmp_path, input=speech.tobytes())
    late = small_step.HOP - 1  # of blocks after hops
    expected = (
        load(path, engine="onnxruntime").engine().process(speech[: len(speech) // small_step.HOP * small_step.HOP])
    )
    np.testing.assert_allclose(
        np.frombuffer(output, np.float32)[late:][: len(expected)], expected[: len(speech) - late], atol=1e-5
    )
