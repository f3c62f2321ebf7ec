"""Checkpoints: one file that resumes a run exactly, fine-tunes another, or becomes a model.

A checkpoint is a dict of tensors and plain values, written whole or not at all. What stands in it is `Checkpoint`;
who fills it is ``state.py``; how it becomes a model is ``trained.py``.
"""

import io
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import torch

from undin.io.files import replacing
from undin.model.lineage import Provenance
from undin.nn.layers import Streaming
from undin.train.recipe import Recipe

FORMAT_VERSION = 4

BEGINNING = b"PK"
"""Of the files that torch writes."""
WHAT_IS_ONE = "give last.pt or best.pt of a run; --init takes models too"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run knows at one step.

    Attributes
    ----------
    recipe : dict
        `Recipe.to_table`.
    commit : str
        `commit_of_package` when the run began or went on; "unknown" in files of before this was kept.
    step : int
        Steps done.
    start : dict or None
        `Provenance.to_table` of the weights that the run started from; None if they were fresh, or nobody knows.
    hours : float
        Audio that the weights were trained on, with that of the weights they started from.
    scores : dict
        The last validation's means by metric; empty before the first.
    best_score : float
        The best so far of the metric that selects.
    network, ema : dict
        State dicts: as trained, and averaged.
    optimisers : list of dict
        State dicts.
    random : dict
        States of torch's random generators, by device type.
    """

    recipe: dict[str, Any]
    commit: str
    start: dict[str, Any] | None
    step: int
    hours: float
    scores: dict[str, float]
    best_score: float
    network: dict[str, Any]
    ema: dict[str, Any]
    optimisers: list[dict[str, Any]]
    random: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the file whole, or leave what was there.

        Raises
        ------
        FloatingPointError
            Weights are not finite: such a network is of no use to anyone.
        OSError
            The file cannot be written, on a full disk for example.
        """
        for name, tensor in self.network.items():
            if not torch.isfinite(tensor).all():
                raise FloatingPointError(f"the weights '{name}' are not finite; nothing was saved")
        buffer = io.BytesIO()
        torch.save(
            {"format_version": FORMAT_VERSION} | {field.name: getattr(self, field.name) for field in fields(self)},
            buffer,
        )
        try:
            with replacing(path) as partial:
                partial.write_bytes(buffer.getbuffer())
        except OSError as error:
            raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a checkpoint, onto the CPU.

        Raises
        ------
        ValueError
            The file is damaged, no checkpoint of undin, or of a version that this one does not know. Versions 2 and 3
            it does: there all is the same, but the commit is not told, nor by version 2 the start.
        OSError
            The file cannot be read.
        """
        return cls.of_bytes(Path(path).read_bytes(), path)

    @classmethod
    def of_bytes(cls, data: bytes, path: str | Path) -> "Checkpoint":
        """Read what a file holds, as `load` does; errors name it by `path`."""
        try:
            values = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ValueError(f"{path} is no checkpoint of undin train: {WHAT_IS_ONE}") from error
        except Exception as error:  # bytes of any kind make torch raise errors of any kind
            if not data.startswith(BEGINNING):
                raise ValueError(f"{path} is no checkpoint of undin train: {WHAT_IS_ONE}") from error
            raise ValueError(
                f"{path} is no checkpoint that can be read, since it is cut off or damaged: copy it anew, or take "
                f"another, such as best.pt of its run"
            ) from error
        version = values.pop("format_version", None) if isinstance(values, dict) else None
        version = version if isinstance(version, int) else None
        if version in (2, 3):
            values = {"start": None, "commit": "unknown"} | values
            version = FORMAT_VERSION
        if version not in (None, FORMAT_VERSION):
            raise ValueError(f"{path} is a checkpoint of version {version}; this undin reads version {FORMAT_VERSION}")
        if version is None or values.keys() != {field.name for field in fields(cls)}:
            raise ValueError(f"{path} is no checkpoint of undin train, but of something else: {WHAT_IS_ONE}")
        for field in fields(cls):
            if not _is(values[field.name], field.type):
                raise ValueError(f"{path} is no checkpoint that can be used: its '{field.name}' is something else")
        return cls(**values)

    def provenance(self) -> Provenance:
        """Tell where the averaged weights come from."""
        start = Provenance.from_table(self.start) if self.start is not None else None
        return Provenance(
            name=self.recipe["name"],
            hours_trained=self.hours,
            commit=self.commit,
            recipe=self.recipe,
            ancestors=start.lineage_by(self.recipe) if start else (),
        )

    def build_network(self) -> Streaming:
        """Make the averaged network, the one to export and to listen to, in evaluation mode."""
        network = Recipe.from_table(self.recipe).build_network()
        with fitting("the weights of the checkpoint are not those of its recipe's network"):
            network.load_state_dict(self.ema)
        return network.eval()


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of the kind that a field declares; what containers hold is not looked at."""
    if isinstance(kind, UnionType):
        return any(_is(value, one) for one in get_args(kind))
    return isinstance(value, int | float if kind is float else get_origin(kind) or kind)


@contextmanager
def fitting(otherwise: str) -> Iterator[None]:
    """Say a sentence, as a ValueError, where states do not fit: torch raises errors of many kinds and lines then."""
    try:
        yield
    except (RuntimeError, TypeError, AttributeError, LookupError, ValueError) as error:
        raise ValueError(otherwise) from error


def average(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Average checkpoints of one network: of several steps of a run, or of several runs from the same weights.

    Parameters
    ----------
    checkpoints : sequence of Checkpoint
        At least one.

    Returns
    -------
    Checkpoint
        The mean of their averaged weights and running statistics; all else is that of the one with the most steps.

    Raises
    ------
    ValueError
        They hold different networks or analyses.
    """
    last = max(checkpoints, key=lambda checkpoint: checkpoint.step)
    for section in ("audio", "network"):
        for checkpoint in checkpoints:
            if checkpoint.recipe.get(section) != last.recipe.get(section):
                raise ValueError(
                    f"only checkpoints of one network can be averaged, but the [{section}] of one is "
                    f"{checkpoint.recipe.get(section)} and of another {last.recipe.get(section)}"
                )
    with fitting("the weights of the checkpoints are not those of one network"):
        means = {
            # a mean in float64, so that equal weights stay the same bit for bit
            name: torch.stack([checkpoint.ema[name].double() for checkpoint in checkpoints]).mean(0).to(tensor.dtype)
            if tensor.is_floating_point()
            else tensor
            for name, tensor in last.ema.items()
        }
    return replace(last, ema=means)
