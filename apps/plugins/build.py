"""Build the plug-ins: `make plugins`, or `python apps/plugins/build.py TARGET…` for others than this machine.

They go to `build/TARGET`. The models and the stream are compiled to a static library as `undin compile` does, then each
plug-in around them, which knows undin.h and undin_models.h alone.
"""

import argparse
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build_together
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.table import table
from undin.compiler.toolchain.targets import TARGETS, Target
from undin.model.loading import WEIGHTS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = HERE / "build"
WORK = ROOT / "build" / "plugins"
"""Where libraries are compiled to; those that are newer than undin stay."""

MODELS = ("undin-small", "undin-tiny", "undin-nano", "undin-base", "undin-small-48k", "undin-nano-48k")
"""By the number that hosts know; that of number 0 is the one that they begin with. New ones go to the end."""

HIDDEN = ("-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections")
WARNINGS = ("-Wall", "-Wextra", "-Werror")


def static(name: str) -> Target:
    """A target of undin, to link its code into a plug-in that shows nothing of it."""
    plain = TARGETS[name]
    flags = (*plain.flags, *HIDDEN)
    return replace(plain, product="archive", library="lib{}.a", flags=flags, freestanding=True)


def host_name() -> str:
    """The target that is this machine."""
    architecture, system = TARGETS["native"].triple.split("-")[:2]
    return f"{system}-{architecture}"


PLATFORMS = {host_name(): static("native")}
"""What there is to build for."""


def main() -> None:
    """Build what is asked for, and say what it has become."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="*", default=[host_name()], help=f"of {', '.join(PLATFORMS)}")
    names = parser.parse_args().target
    if unknown := set(names) - set(PLATFORMS):
        parser.error(f"no target {', '.join(sorted(unknown))}: there are {', '.join(PLATFORMS)}")
    try:
        for name in names:
            for product in build(name):
                print(f"{product.relative_to(HERE)}: {product.stat().st_size:,} bytes")
    except OSError as error:
        raise SystemExit(f"error: {error}") from None


def build(name: str) -> list[Path]:
    """Build all plug-ins for a target; returns them."""
    undin = compile_undin(name)
    return [ladspa(name, undin)]


def compile_undin(name: str) -> Path:
    """Compile stream and models for a target, where something is newer than they are; returns the static library."""
    folder = WORK / name
    product = folder / "libundin.a"
    sources = [path for path in (ROOT / "src" / "undin").rglob("*") if path.suffix in (".py", ".c", ".h", ".onnx")]
    newest = max(path.stat().st_mtime for path in (*sources, Path(__file__)))
    if product.exists() and product.stat().st_mtime > newest:
        return product
    shutil.rmtree(folder, ignore_errors=True)
    models = {model: translate(WEIGHTS / f"{model}.onnx") for model in MODELS}
    return build_together("undin", list(models.values()), table(models), folder, target=PLATFORMS[name])


def ladspa(name: str, undin: Path) -> Path:
    """The plug-in of LADSPA."""
    product = BUILD / name / "undin_ladspa.so"
    link(name, undin, [HERE / "core" / "undin_plugin.c", HERE / "ladspa" / "undin_ladspa.c"], product)
    return product


def link(name: str, undin: Path, sources: list[Path], product: Path) -> None:
    """Compile C and link it with undin to a library that a host loads."""
    target = PLATFORMS[name]
    compiler = find_compiler(target)
    product.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(*compiler.command, *compiler.flags(target, target.variants[0]), "-std=gnu11", *HIDDEN, *WARNINGS),
        *(f"-I{undin.parent}", f"-I{HERE / 'core'}", *map(str, sources), str(undin)),
        *("-shared", "-Wl,--no-undefined", "-Wl,--gc-sections", "-s", "-o", str(product)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{compiler.name} failed on {product.name}: {done.stderr.strip() or 'no reason given'}")


if __name__ == "__main__":
    main()
