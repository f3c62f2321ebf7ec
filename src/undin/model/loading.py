"""A model, loaded: what it says about itself, and the engine that runs it.

`load` finds the way to run a model: compiled (``engines/native.py``), by the wheel for the models that come with undin
and by ``compiler/`` on first use for any other, or on ONNX Runtime (``engines/ort.py``); what was exported as TFLite,
on LiteRT (``engines/litert.py``). Signals of any rate and block size are the business of `stream.py`.
"""

import importlib.util
import os
from functools import cache, partial
from pathlib import Path
from typing import Literal

from undin.engines import litert, native, ort
from undin.engines.engine import Engine, NotInstalled
from undin.model.metadata import Metadata
from undin.model.tflite import SUFFIX

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT, FULL_BAND = "undin-small", "undin-small-48k"
"""What is taken where no model is named: for signals below `FULL_BAND_FROM_HZ`, and from there on."""
FULL_BAND_FROM_HZ = 32_000
"""At lower rates there is little above the 8 kHz that the first of them hears."""


class Model:
    """A loaded model; get one from `load`. Any number of streams may share it, in any number of threads.

    It is pickled by its name, or by the path of its file, and loaded again where it arrives.

    Attributes
    ----------
    path : Path
        Of the ONNX or TFLite file, or of the library that was loaded in its place.
    metadata : Metadata
    engine : Engine
        What runs it.
    """

    __slots__ = ("__weakref__", "engine", "metadata", "path")

    def __init__(self, path: Path, engine: Engine):
        self.path, self.metadata, self.engine = path, engine.metadata, engine

    def __repr__(self) -> str:
        on: dict[type, str] = {ort.OrtEngine: "on ONNX Runtime", litert.LiteRtEngine: "on LiteRT"}
        runs = on.get(type(self.engine), "compiled")
        return f"<Model {self.metadata.name} at {self.metadata.sample_rate} Hz, {runs}>"

    def __reduce__(self) -> tuple["partial[Model]", tuple[str | Path]]:
        engine: Literal["onnxruntime"] | None = "onnxruntime" if isinstance(self.engine, ort.OrtEngine) else None
        return partial(load, engine=engine), (self.path.stem if self.path.parent == WEIGHTS else self.path.absolute(),)


def models() -> list[str]:
    """Names of the models that come with undin."""
    return sorted(path.stem for path in WEIGHTS.glob("*.onnx"))


def default_model(sample_rate: int) -> str:
    """Name of the model that is taken where none is named, by the rate of the signal in Hz."""
    return FULL_BAND if sample_rate >= FULL_BAND_FROM_HZ else DEFAULT


def find(name_or_path: str | Path) -> Path:
    """The file of a model, ONNX, TFLite or a library, by its name or path; errors as in `load`."""
    if not isinstance(name_or_path, str | os.PathLike):
        raise ValueError(f"a model is named by its name or its path, or loaded; got {name_or_path!r}")
    path = Path(name_or_path)
    if str(name_or_path) in models():
        return WEIGHTS / f"{name_or_path}.onnx"
    if path.is_file():
        return path
    if path.suffix or path.parent != Path("."):
        raise FileNotFoundError(f"there is no model file {path}")
    raise ValueError(
        f"unknown model {str(name_or_path)!r}: give the path of a model file or one of {', '.join(models())}"
    )


def read_metadata(path: Path) -> Metadata:
    """What a model file says about itself, without an engine to run it; errors as in `load`."""
    if native.is_library(path):
        return native.NativeEngine(path).metadata
    return Metadata.of_tflite_file(path) if path.suffix == SUFFIX else Metadata.of_onnx_file(path)


def load(name_or_path: "str | Path | Model", *, engine: Literal["compiled", "onnxruntime"] | None = None) -> Model:
    """Load a model.

    The models of `models()` come compiled. An ONNX file of your own is compiled when it is first loaded, which takes
    seconds, or minutes where it has thousands of nodes, and is found in a cache from then on; this needs a C compiler
    and onnx, and the extra ``compile`` brings both. Where they are missing, ONNX Runtime runs it, many times slower, if
    that is there: the extra ``ort``. A file that cannot be compiled is refused with the reason, and runs on ONNX
    Runtime only if you say so: else a model would be slow and nobody would know why. A TFLite file runs on LiteRT, and
    on nothing else: ``pip install ai-edge-litert`` brings it.

    Parameters
    ----------
    name_or_path : str, Path or Model
        One of `models()`, the path of an ONNX or TFLite file that undin exported, or that of a library that ``undin
        compile`` has made of an ONNX file for this machine. A loaded model is returned as it is.
    engine : {"compiled", "onnxruntime"}, optional
        What runs it and nothing else; by default as told above.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The name is unknown, or the file is not a model that this version of undin understands or can compile.
    OSError
        What would run it is not installed, or the C compiler or the cache fails.
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    path = find(name_or_path)
    if path.suffix == SUFFIX:
        if engine is not None:
            raise ValueError(f"{path} is TFLite, which LiteRT runs and nothing else: load the ONNX file of that model")
        return Model(path, litert.LiteRtEngine(path))
    if engine == "onnxruntime":
        if native.is_library(path):
            raise ValueError(f"{path} is compiled, and ONNX Runtime runs ONNX files: load that which it was made of")
        return Model(path, ort.OrtEngine(path))
    try:
        return Model(path, native.NativeEngine(_library(path)))
    except NotInstalled:
        if engine == "compiled":
            raise
        if importlib.util.find_spec("onnxruntime") is None:
            raise NotInstalled(
                f'nothing is installed that runs {path}: pip install "undin[compile]" brings a compiler, '
                'pip install "undin[ort]" ONNX Runtime'
            ) from None
        return Model(path, ort.OrtEngine(path))


@cache
def load_once(name: str) -> Model:
    """Load a model once in a process, for work that is handed out by names; errors as `load`."""
    return load(name)


def _library(path: Path) -> Path:
    """The compiled form of a model file."""
    if native.is_library(path):
        return path
    # Beside any other ONNX file may lie what was compiled before that file was written anew.
    if path.parent == WEIGHTS and (shipped := native.library_beside(path)):
        return shipped
    Metadata.of_onnx_file(path)  # what is no model of undin is refused before anything else is found to be missing
    from undin.compiler.toolchain.cache import (
        cached_library,  # nobody who runs what comes with undin need wait for its import
    )

    return cached_library(path)
