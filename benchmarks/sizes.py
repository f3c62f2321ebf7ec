"""How much memory the models take, and how many instructions: tables of ``docs/c.md`` and ``docs/microcontroller.md``.

Some minutes. Wants ``arm-none-eabi-gcc``, ``riscv64-unknown-elf-gcc``, ``qemu-system-arm`` and ``qemu-system-riscv32``.
Usage, from the repository's root::

    python benchmarks/sizes.py [MODEL ...]
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from undin.model.metadata import Metadata

PAGE, PROCESSORS_PAGE = Path("docs/c.md"), Path("docs/microcontroller.md")
BEGIN_PROCESSORS = "<!-- processors: benchmarks/sizes.py -->"
BEGIN_STREAMS, BEGIN_BOARD = "<!-- streams: benchmarks/sizes.py -->", "<!-- cortex-m7: benchmarks/sizes.py -->"
END = "<!-- end -->"
MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-base")
ON_THE_BOARD = ("undin-nano", "undin-tiny")
"""Others are too slow for it."""
RATES_HZ = (16_000, 48_000)
"""Of streams on the board."""
STREAMS = {"16 kHz mono": (16_000, 1), "48 kHz mono": (48_000, 1), "48 kHz stereo": (48_000, 2)}
AUDIO = Path("examples")
"""What integers are calibrated on: it sets their scales, not their number."""
CYCLES_PER_INSTRUCTION = 1.0, 1.5
"""Of such processors: what is stated, not measured."""


@dataclass(frozen=True)
class Processor:
    """A target, a chip that has it, and the board as which QEMU plays it.

    Parameters
    ----------
    title : str
    clock_mhz : int
        Of the chip.
    machine : str
    code_at, data_at, stack_end : int
        Addresses on the board.
    tick_ns : float
        Of the clock that counts; QEMU's ``-icount shift=5`` lets an instruction last 32 ns.
    qemu : str
    flags : tuple of str
    """

    title: str
    clock_mhz: int
    machine: str
    code_at: int
    data_at: int
    stack_end: int
    tick_ns: float
    qemu: str = "qemu-system-arm"
    flags: tuple[str, ...] = ()


PROCESSORS = {
    "cortex-m4f": Processor("Cortex-M4F", 168, "mps2-an386", 0, 0x20000000, 0x20400000, 40),
    "cortex-m7": Processor("Cortex-M7", 216, "mps2-an500", 0, 0x20000000, 0x20400000, 40),
    "cortex-m33": Processor("Cortex-M33", 160, "mps2-an505", 0x10000000, 0x38000000, 0x38400000, 50),
    "cortex-m55": Processor("Cortex-M55", 400, "mps3-an547", 0x10000000, 0x30000000, 0x30080000, 31.25),
    "riscv32": Processor(
        *("RISC-V, rv32imafc", 400, "virt", 0x80000000, 0x80400000, 0x80800000, 1, "qemu-system-riscv32"),
        flags=("-bios", "none"),
    ),
}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"default: {', '.join(MODELS)}")
    models = parser.parse_args().models or MODELS
    small = [name for name in models if name in ON_THE_BOARD]
    write(PROCESSORS_PAGE, BEGIN_PROCESSORS, processors(small))
    write(PAGE, BEGIN_STREAMS, streams(models))
    write(PAGE, BEGIN_BOARD, board(small))


def write(page: Path, begin: str, lines: Iterator[str]) -> None:
    """Put lines into a page, in place of what stands between a mark and the next `END`."""
    text = between(page.read_text(encoding="utf-8"), begin, lines)
    with replacing(page) as partial_page:
        partial_page.write_text(text, encoding="utf-8")


def between(text: str, begin: str, lines: Iterator[str]) -> str:
    """The text of a page with other lines between a mark and the next `END`."""
    before, mark, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"a page has lost its mark {begin} or the {END} after it")
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


def processors(models: Sequence[str]) -> Iterator[str]:
    """A hop on every processor, and its share of a chip: a processor and model a line."""
    least, most = CYCLES_PER_INSTRUCTION
    share = f"share of the chip, at {least} to {most} cycles each"
    yield f"| processor | model | instructions a hop | {share} | flash, kB | RAM, kB |"
    yield "|---|---|---|---|---|---|"
    for name in models:
        for kind in ("", ", int8"):
            source, about = translated(name, in_integers=bool(kind))
            for target, processor in PROCESSORS.items():
                with tempfile.TemporaryDirectory() as temporary:
                    product = build(source, Path(temporary), target=TARGETS[target])
                    values = macros(source)
                    instructions = run_on_the_board(target, product, values | {"SAMPLES": about.hop})
                    flash, _ = flash_and_ram_bytes(product)
                a_second = instructions * about.sample_rate / about.hop
                shares = [a_second * cycles / (processor.clock_mhz * 1e4) for cycles in CYCLES_PER_INSTRUCTION]
                chip = f"{processor.title}, {processor.clock_mhz} MHz"
                share = f"{shares[0]:.0f} to {shares[1]:.0f} %"
                memory = f"{flash / 1e3:.0f} | {values['STREAM_BYTES'] / 1e3:.0f}"
                yield f"| {chip} | {name}{kind} | {instructions:,.0f} | {share} | {memory} |"


def translated(name: str, *, in_integers: bool) -> tuple[Source, Metadata]:
    """The C of a model, and what it says of itself."""
    graph = read_graph(find(name))
    mark = partial(quantize, frames=frames_of(AUDIO, graph)) if in_integers else None
    about = metadata_of(graph)
    assert about is not None
    return emit(program_of(graph, mark=mark), about), about


def board(models: Sequence[str]) -> Iterator[str]:
    """Instructions and memory on a Cortex-M7, of hops and streams."""
    rates = " | ".join(f"a stream, {rate_hz / 1000:g} kHz" for rate_hz in RATES_HZ)
    sizes = "flash, bytes | flash with the stream | state, bytes | arena, bytes"
    yield f"| instructions for 16 ms of | a hop | {rates} | {sizes} |"
    yield "|---|" + "---|" * (5 + len(RATES_HZ))
    for name in models:
        for kind in ("", ", int8"):
            source, about = translated(name, in_integers=bool(kind))
            with tempfile.TemporaryDirectory() as temporary:
                alone, with_stream = (
                    build(source, Path(temporary, str(which)), target=TARGETS["cortex-m7"], with_stream=which)
                    for which in (False, True)
                )
                values = macros(source)
                instructions = [run_on_the_board("cortex-m7", alone, values | {"SAMPLES": about.hop})]
                for rate_hz in RATES_HZ:
                    samples = about.hop * rate_hz // about.sample_rate
                    more = {"SAMPLES": samples, "RATE_HZ": rate_hz}
                    instructions.append(run_on_the_board("cortex-m7", with_stream, values | more))
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
        "STREAM_BYTES": int(re.search(r"_STREAM_BYTES (\d+)", header)[1]),
    }


def run_on_the_board(target: str, product: Path, values: Mapping[str, object]) -> float:
    """Instructions of the median hop, or of as much sound through a stream."""
    processor, compiler, folder = PROCESSORS[target], find_compiler(TARGETS[target]), product.parent
    c = Path(undin.__file__).parent / "c" / "freestanding"
    firmware = folder / "firmware.elf"
    script = folder / "firmware.ld"
    script.write_text(f"""\
        SECTIONS {{
            . = {processor.code_at:#x};
            .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.srodata*) }}
            .ARM.exidx : {{ *(.ARM.exidx*) }}
            . = {processor.data_at:#x};
            .data : {{ *(.data*) *(.sdata*) *(.bss*) *(.sbss*) *(COMMON) }}
            /DISCARD/ : {{ *(.comment) *(.eh_frame*) }}
        }}
    """)
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGETS[target], Variant()),
            *("-O2", "-ffreestanding", "-nostdlib", f"-I{c}", *compiler.flags_of_string_functions()),
            *(f"-D{name}={value}" for name, value in {**values, "STACK_END": processor.stack_end}.items()),
            *("-include", folder / f"{values['MODEL']}.h", Path(__file__).with_suffix(".c"), c / "undin_string.c"),
            *(product, "-T", script, "-Wl,-e,reset", "-lcompiler_rt" if compiler.is_zig else "-lgcc", "-o", firmware),
        ],
        check=True,
    )
    machine = ["-M", processor.machine, *processor.flags, "-display", "none", "-serial", "none", "-monitor", "none"]
    semihosting = ["-icount", "shift=5", "-semihosting-config", "enable=on,target=native"]
    output = subprocess.run(
        [processor.qemu, *machine, *semihosting, "-kernel", firmware],
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    ticks = (output.stdout + output.stderr).split()
    return float(np.median([int(one) for one in ticks])) * processor.tick_ns / 32


if __name__ == "__main__":
    main()
