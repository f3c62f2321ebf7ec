"""What is compiled once, then found again in the user's cache: users' models, a checkout's stream, training, and
what wheels hold.

A library is found by all that it is made of: the model or the sizes, every file of undin that takes part, the C
compiler and its version, and the kind of machine. Where the cache is, and what is removed from it, is the business of
``io/cache.py``.
"""

import hashlib
import importlib.util
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from undin.compiler.toolchain.compilers import Compiler, find_compiler
from undin.compiler.toolchain.targets import TARGETS, Target
from undin.engines.engine import NotInstalled
from undin.io.cache import cache_folder, mark_used, remove_unused
from undin.io.files import replacing
from undin.model.metadata import c_prefix

PACKAGE = Path(__file__).parents[2]
NAME = "cached"
"""Of every model in the C code: a file that is renamed need not be compiled again."""

_COMPILING = threading.Lock()
"""Held while a thread of this process compiles; processes do not wait for each other, and the last to finish stays."""


def cached_library(model: Path, *, name: str = NAME, target: Target | None = None) -> Path:
    """The library of a model, compiled now if it is not in the cache: that takes seconds.

    Parameters
    ----------
    model : Path
        ONNX file.
    name : str
        Of the model in C.
    target : Target, optional
        What it is for; this machine and its processor if not given.

    Raises
    ------
    NotInstalled
        There is no C compiler; or it would have to be compiled, and there is no onnx.
    ValueError
        The file is not ONNX, does not fit its metadata, or has a node that cannot be compiled: the message names it.
    OSError
        The file cannot be read, the C compiler failed, or the cache folder cannot be written.
    """

    def compile_model(folder: Path, target: Target) -> Path:
        return _compile(model, name, folder, target)

    return _cached(c_prefix(name), model.read_bytes(), compile_model, of=str(model), target=target)


def cached_stream(*, target: Target | None = None) -> Path:
    """The library of the stream of undin.h; `target` and errors but for ValueError as in `cached_library`."""

    def compile_stream(folder: Path, target: Target) -> Path:
        from undin.compiler.toolchain.build import build_stream

        return build_stream(folder, target=target)

    return _cached("undin", b"", compile_stream, of="the stream of undin", target=target)


def cached_training(name: str, sizes: dict[str, int]) -> Path:
    """The library of a file of ``c/training`` for this machine.

    Parameters and errors are those of ``build.build_training``, and NotInstalled where there is no C compiler.
    """

    def compile_training(folder: Path, target: Target) -> Path:
        from undin.compiler.toolchain.build import build_training

        return build_training(name, sizes, folder, target=target)

    return _cached(name, repr(sizes).encode(), compile_training, of=f"{name}.c")


def _cached(
    name: str, content: bytes, make: Callable[[Path, Target], Path], *, of: str, target: Target | None = None
) -> Path:
    """A library that `make` builds into a folder, and that is found by what it is made of from then on."""
    target = target or this_machine()
    try:
        compiler = find_compiler(target)
    except FileNotFoundError as error:
        raise NotInstalled(f"{of} cannot be compiled: {error}") from None
    place = cache_folder() / _key(content, target, compiler) / target.library.format(name)
    if not place.is_file():
        with _COMPILING:
            if not place.is_file():
                _make(place, target, make, of=of)
                remove_unused()
    mark_used(place.parent)
    return place


def _make(place: Path, target: Target, make: Callable[[Path, Target], Path], *, of: str) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{place.parent}: {error.strerror}, so {of} cannot be compiled into the cache") from None
    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        library = make(Path(folder), target)
        try:
            with replacing(place) as partial:
                shutil.copyfile(library, partial)
        except PermissionError:  # Windows lets nobody replace what another process has loaded: it is the same
            if not place.is_file():
                raise


def this_machine() -> Target:
    """The native target with the one variant that this processor runs, which saves most of the time, if that is known.

    A home folder may be shared by machines with other processors: each will find libraries of its own.
    """
    native, known = TARGETS["native"], instructions()
    runnable = [variant for variant in native.variants if known >= {*variant.features, *variant.for_integers}]
    runnable += [replace(variant, for_integers=()) for variant in native.variants if known >= set(variant.features)]
    if not known:
        return native
    best = max(runnable, key=lambda variant: (len(variant.features), len(variant.for_integers)))
    return replace(native, variants=(replace(best, suffix="", in_floats=None),))


def instructions() -> set[str]:
    """What this processor can do, as gcc names it; empty if the system does not tell."""
    try:
        with open("/proc/cpuinfo") as file:
            return next((set(line.replace("_", "").split()) for line in file if line.startswith("flags")), set())
    except OSError:
        return set()


def _key(content: bytes, target: Target, compiler: Compiler) -> str:
    """What a library depends on. Reading all of it takes 2 ms, which is little beside the import of numpy."""
    digest = hashlib.sha256(content)
    digest.update(f"{target} {compiler} {compiler.version}".encode())
    made_by = [*(PACKAGE / "compiler").rglob("*.py"), *(PACKAGE / "c").rglob("*.[ch]")]
    for path in sorted([*made_by, PACKAGE / "model" / "stft.py", PACKAGE / "model" / "metadata.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _compile(model: Path, name: str, folder: Path, target: Target) -> Path:
    """Compile a model to a library in a folder."""
    if importlib.util.find_spec("onnx") is None:
        raise NotInstalled(f'{model} cannot be compiled without onnx; install it with: pip install "undin[compile]"')
    from undin.compiler.pipeline import translate  # slow to import, with onnx behind it
    from undin.compiler.toolchain.build import build

    try:
        source = translate(model, name=name)
    except ValueError as error:
        raise ValueError(f"{model}: {error}") from None
    return build(source, folder, target=target, with_stream=False)
