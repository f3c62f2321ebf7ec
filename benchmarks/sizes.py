"""How much memory the models take, and how many instructions on a Cortex-M7: writes the tables of ``docs/c.md``.

A minute. Wants ``arm-none-eabi-gcc`` and ``qemu-system-arm``. Usage, from the repository's root::

    python benchmarks/sizes.py [MODEL ...]
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import undin
from undin.compiler.emit.source import Source, emit
from undin.compiler.ir.reader import read_graph
from undin.compiler.passes.quantize import frames_of, quantize
from undin.compiler.pipeline import metadata_of, program_of
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.sizes import flash_and_ram_bytes
from undin.compiler.toolchain.targets import TARGETS, Variant
from undin.engines.native import stream_functions
from undin.io.files import replacing
from undin.model.loading import find

PAGE = Path("docs/c.md")
BEGIN_STREAMS, BEGIN_BOARD = "<!-- streams: benchmarks/sizes.py -->", "<!-- cortex-m7: benchmarks/sizes.py -->"
END = "<!-- end -->"
MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-base")
ON_THE_BOARD = ("undin-nano", "undin-tiny")
"""Others are too slow for it."""
RATES_HZ = (16_000, 48_000)
"""Of streams on the board."""
STREAMS = {"16 kHz mono": (16_000, 1), "48 kHz mono": (48_000, 1), "48 kHz stereo": (48_000, 2)}
TARGET, COMPILER = TARGETS["cortex-m7"], "arm-none-eabi-gcc"
AUDIO = Path("examples")
"""What integers are calibrated on: it sets their scales, not their number."""
INSTRUCTIONS_PER_TICK = 1.25
"""Of SysTick at 25 MHz, where an instruction lasts 32 ns: QEMU's ``-icount shift=5``."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"default: {', '.join(MODELS)}")
    models = parser.parse_args().models or MODELS
    text = PAGE.read_text(encoding="utf-8")
    text = between(text, BEGIN_STREAMS, streams(models))
    text = between(text, BEGIN_BOARD, board([name for name in models if name in ON_THE_BOARD]))
    with replacing(PAGE) as partial_page:
        partial_page.write_text(text, encoding="utf-8")


def between(text: str, begin: str, lines: Iterator[str]) -> str:
    """Put lines into a page, in place of what stands between a mark and the next `END`."""
    before, mark, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{PAGE} has lost its mark {begin} or the {END} after it")
    return "\n".join([before + mark, "", *lines, "", end + after])


def streams(models: Sequence[str]) -> Iterator[str]:
    """Memory of streams, in floats, on this machine: a model a column."""
    c_models = [undin.load(name).engine.c_model for name in models]
    yield f"| bytes | {' | '.join(models)} |"
    yield "|---|" + "---|" * len(models)
    rows = {
        "state of the model, for each channel": [model.state_bytes for model in c_models],
        "its arena": [model.arena_bytes for model in c_models],
    } | {
        f"a stream, {title}": [stream_functions().bytes(model, rate_hz, channels) for model in c_models]
        for title, (rate_hz, channels) in STREAMS.items()
    }
    for title, sizes in rows.items():
        yield f"| {title} | {' | '.join(f'{size:,}' for size in sizes)} |"


def board(models: Sequence[str]) -> Iterator[str]:
    """Instructions and memory on the board."""
    rates = " | ".join(f"a stream, {rate_hz / 1000:g} kHz" for rate_hz in RATES_HZ)
    sizes = "flash, bytes | flash with the stream | state, bytes | arena, bytes"
    yield f"| instructions for 16 ms of | a hop | {rates} | {sizes} |"
    yield "|---|" + "---|" * (5 + len(RATES_HZ))
    for name in models:
        for kind in ("", ", int8"):
            graph = read_graph(find(name))
            mark = partial(quantize, frames=list(frames_of(AUDIO, graph))) if kind else None
            source = emit(program_of(graph, mark=mark), about := metadata_of(graph))
            with tempfile.TemporaryDirectory() as temporary:
                alone, with_stream = (
                    build(source, Path(temporary, str(which)), target=TARGET, compiler=COMPILER, with_stream=which)
                    for which in (False, True)
                )
                values = macros(source)
                instructions = [run_on_the_board(alone, values | {"SAMPLES": about.hop})]
                for rate_hz in RATES_HZ:
                    samples = about.hop * rate_hz // about.sample_rate
                    more = {"SAMPLES": samples, "RATE_HZ": rate_hz}
                    instructions.append(run_on_the_board(with_stream, values | more))
                flash = [flash_and_ram_bytes(product)[0] for product in (alone, with_stream)]
            numbers = (*instructions, *flash, values["STATE_BYTES"], values["ARENA_BYTES"])
            yield f"| {name}{kind} | {' | '.join(f'{number:,.0f}' for number in numbers)} |"


def macros(source: Source) -> dict[str, str | int]:
    """What the firmware must know of a model."""
    prefix, header = source.prefix, source.files[f"{source.prefix}.h"]
    return {
        "MODEL": prefix,
        "RESET": f"{prefix}_reset",
        "PROCESS_HOPS": f"{prefix}_process_hops",
        "STATE_BYTES": int(re.search(r"_STATE_BYTES (\d+)", header)[1]),
        "ARENA_BYTES": int(re.search(r"_ARENA_BYTES (\d+)", header)[1]),
    }


def run_on_the_board(product: Path, values: dict[str, str | int]) -> float:
    """Instructions of the median hop, or of as much sound through a stream."""
    compiler, folder = find_compiler(TARGET, name=COMPILER), product.parent
    c = Path(undin.__file__).parent / "c" / "freestanding"
    firmware = folder / "firmware.elf"
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGET, Variant()),
            *("-O2", "-ffreestanding", "-nostdlib", f"-I{c}", *compiler.flags_of_string_functions()),
            *(f"-D{name}={value}" for name, value in values.items()),
            *("-include", folder / f"{values['MODEL']}.h", Path(__file__).with_suffix(".c"), c / "undin_string.c"),
            *(product, "-Wl,--section-start=.vectors=0", "-Wl,-Ttext=0x400", "-Wl,-Tdata=0x20000000", "-Wl,-e,reset"),
            *("-lgcc", "-o", firmware),
        ],
        check=True,
    )
    machine = ["-M", "mps2-an500", "-display", "none", "-serial", "none", "-monitor", "none", "-icount", "shift=5"]
    output = subprocess.run(
        ["qemu-system-arm", *machine, "-semihosting-config", "enable=on,target=native", "-kernel", firmware],
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    ticks = (output.stdout + output.stderr).split()
    return float(np.median([int(one) for one in ticks])) * INSTRUCTIONS_PER_TICK


if __name__ == "__main__":
    main()
