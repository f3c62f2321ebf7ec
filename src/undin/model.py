"""A model, loaded: what it says about itself, and engines that run its hops.

`load` finds the fastest way to run a model: the compiled form that comes with undin's own models (``native.py``), or
ONNX Runtime (``ort.py``) for any other. Signals of any rate and block size are the business of `stream.py`; an engine
takes whole hops at the model's own rate.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from undin import native
from undin.engine import Engine, gain_floor
from undin.metadata import Metadata

WEIGHTS = Path(__file__).parent / "weights"


class Model:
    """A loaded model; get one from `load`. Its engines may run in different threads.

    Attributes
    ----------
    path : Path
        Of the ONNX file.
    metadata : Metadata
    """

    def __init__(self, path: Path, metadata: Metadata, make_engine: Callable[[float | None], Engine]):
        self.path, self.metadata, self._make_engine = path, metadata, make_engine

    def engine(self, *, atten_lim_db: float | None = None) -> Engine:
        """A fresh engine for one channel.

        Parameters
        ----------
        atten_lim_db : float, optional
            The most that any sound is attenuated, dB, not negative; None sets no limit, 0 returns the delayed input.
        """
        gain_floor(atten_lim_db)  # refuses what is no limit
        return self._make_engine(atten_lim_db)


def models() -> list[str]:
    """Names of the models that come with undin."""
    return sorted(path.stem for path in WEIGHTS.glob("*.onnx"))


def load(name_or_path: "str | Path | Model", *, engine: Literal["compiled", "onnxruntime"] | None = None) -> Model:
    """Load a model.

    Parameters
    ----------
    name_or_path : str, Path or Model
        One of `models()`, or the path of an ONNX file that undin exported. A loaded model is returned as it is.
    engine : {"compiled", "onnxruntime"}, optional
        What runs it; the compiled form if there is one, else ONNX Runtime, if not given.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the name is unknown, the file is not a model that this version of undin understands, or it has no compiled
        form and that was asked for.
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    path = _find(name_or_path)
    shipped = native.shipped_library(path)
    if engine == "compiled" and shipped is None:
        raise ValueError(f"{path} has no compiled form beside it: run it on ONNX Runtime")
    if shipped is not None and engine != "onnxruntime":
        library = native.Library(shipped)
        return Model(path, library.metadata, partial(native.NativeEngine, library))
    from undin import ort  # only where it is needed: ONNX Runtime is an extra, and slow to import

    session, metadata = ort.open_model(path)
    return Model(path, metadata, partial(ort.OrtEngine, session, metadata))


def _find(name_or_path: str | Path) -> Path:
    """The ONNX file of a name or path."""
    path = Path(name_or_path)
    if str(name_or_path) in models():
        return WEIGHTS / f"{name_or_path}.onnx"
    if path.is_file():
        return path
    if path.suffix or path.parent != Path("."):
        raise FileNotFoundError(f"there is no model file {path}")
    raise ValueError(
        f"unknown model {str(name_or_path)!r}: give the path of an ONNX file or one of {', '.join(models())}"
    )
