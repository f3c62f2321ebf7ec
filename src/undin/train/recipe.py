"""Recipes: everything that decides a training run, as frozen dataclasses read from a TOML file.

A section of the file is a dataclass here and a key is a field; an unknown key is an error. Which networks exist is the
business of ``nn/networks``, which losses of ``losses.py``, how they add up of ``objective.py``, how audio is mixed of
``data/mixing.py``. What a recipe makes happen is in ``loop.py``.
"""

import math
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from undin.data.mixing_config import MixingConfig
from undin.io.tables import change, convert_options, from_table, nearest, to_table
from undin.model.stft import Analysis
from undin.nn import networks
from undin.nn.layers import Streaming
from undin.train.losses import LOSSES

SIZES_TRIED = 256
"""Even sizes of the transform, above and below one that a network cannot take, which are tried in its place."""


@dataclass(frozen=True)
class Audio:
    """``[audio]``: the analysis. Sizes in samples."""

    sample_rate: int = 16000
    n_fft: int = 512
    window: int = 512
    hop: int = 256

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise ValueError(f"audio.sample_rate must be positive, not {self.sample_rate}")
        if self.n_fft % 2:
            raise ValueError(f"audio.n_fft must be even, not {self.n_fft}: take {self.n_fft + 1}")
        Analysis(self.n_fft, self.window, self.hop)  # refuses sizes that cannot be reconstructed


@dataclass(frozen=True)
class Network:
    """``[network]``: a name in ``nn/networks``; all other keys are that network's own options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_named(self, networks.NETWORKS, kind="network", without=("sample_rate", "n_fft"))


@dataclass(frozen=True)
class Data:
    """``[data]``: folders of audio, relative to the working directory: speech and noise to mix, or finished pairs.

    `rooms` are folders of measured impulse responses to put speech into. `leave_out` names folders below all these, at
    any depth, whose sounds are kept for validation. `description` names the corpora and their licences for whoever
    gets the model. With `sharded`, each of several machines decodes and holds its share of the files alone.
    """

    segment_seconds: float
    speech: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    trim_silence_db: float | None = None
    sharded: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        mixes, has_pairs = bool(self.speech and self.noise), bool(self.pairs)
        if mixes == has_pairs or bool(self.speech) != bool(self.noise):
            raise ValueError("[data] needs folders of speech and noise to mix, or folders of pairs, and not both")
        if self.sharded and has_pairs:
            raise ValueError("data.sharded is for speech and noise; finished pairs are held whole by every machine")
        if self.segment_seconds <= 0:
            raise ValueError(f"data.segment_seconds must be positive, not {self.segment_seconds}")


@dataclass(frozen=True)
class Loss:
    """One ``[[loss]]``: a name in `LOSSES` and its weight; all other keys are that loss's own options."""

    name: str
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_named(self, LOSSES, kind="loss", without=("signals",))


@dataclass(frozen=True)
class Teacher:
    """``[teacher]``: a checkpoint or a model whose estimates are targets too, and the share of the loss that they get.

    Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", NIPS workshop 2014.
    """

    model: str
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"teacher.share must be above 0 and at most 1, not {self.share}")


@dataclass(frozen=True)
class Optimiser:
    """``[optimiser]``: Muon for matrices, with decoupled weight decay, and Adam for biases and norms.

    `momentum` is Muon's, `betas` are Adam's; the learning rate is one for both.
    """

    learning_rate: float = 1e-2
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Schedule:
    """``[schedule]``: the learning rate rises linearly for some steps, then follows a half cosine down to the last."""

    warm_up_steps: int = 500
    final_learning_rate: float = 1e-5


@dataclass(frozen=True)
class Training:
    """``[training]``: how long, how large, how often.

    `batch_size` counts the items of one step over all processes together, so a recipe means the same on any number.
    `init` is a checkpoint or a model, a file or a name in ``weights/``, whose weights the run starts from: of the same
    network or, for `undin`, of a smaller one.
    """

    steps: int
    init: str = ""
    batch_size: int = 16
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0
    ema_decay: float = 0.999
    clip_norm: float = 5.0
    log_every: int = 20
    save_every: int = 500
    validate_every: int = 1000

    def __post_init__(self) -> None:
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"training.ema_decay must be at least 0 and below 1, not {self.ema_decay}")
        for name in ("steps", "batch_size", "log_every", "save_every", "validate_every", "clip_norm"):
            if getattr(self, name) <= 0:
                raise ValueError(f"training.{name} must be positive, not {getattr(self, name)}")


@dataclass(frozen=True)
class Validation:
    """``[validation]``: a folder with ``clean/`` and ``noisy/``, and how many of its pairs to score, evenly spread."""

    folder: str
    count: int = 100

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"validation.count must be positive, not {self.count}")


@dataclass(frozen=True)
class Recipe:
    """A whole recipe. `name` is the file's stem unless the file says otherwise."""

    name: str
    network: Network
    data: Data
    loss: tuple[Loss, ...]
    training: Training
    audio: Audio = Audio()
    mixing: MixingConfig = field(default_factory=MixingConfig)
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    teacher: Teacher | None = None
    validation: Validation | None = None

    def __post_init__(self) -> None:
        if not self.loss:
            raise ValueError("a recipe needs at least one [[loss]]")
        names = [loss.name for loss in self.loss]
        if len(set(names)) < len(names):
            raise ValueError("every [[loss]] must have a name of its own")

    @property
    def segment_samples(self) -> int:
        """Length of one training item in samples."""
        return round(self.data.segment_seconds * self.audio.sample_rate)

    @property
    def hours_per_step(self) -> float:
        """Audio that one step sees, in hours."""
        return self.training.batch_size * self.segment_samples / self.audio.sample_rate / 3600

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        peak, last = self.optimiser.learning_rate, self.schedule.final_learning_rate
        warm_up_steps = self.schedule.warm_up_steps
        if step < warm_up_steps:
            return peak * (step + 1) / warm_up_steps
        progress = min(1.0, (step - warm_up_steps) / max(1, self.training.steps - warm_up_steps))
        return last + (peak - last) * 0.5 * (1 + math.cos(math.pi * progress))

    def build_network(self) -> Streaming:
        """Make the network with fresh weights.

        Raises
        ------
        ValueError
            The network does not exist or does not know one of its options.
        """
        audio = self.audio
        return networks.build_network(
            self.network.name, sample_rate=audio.sample_rate, n_fft=audio.n_fft, **self.network.options
        )

    def to_table(self) -> dict[str, Any]:
        """Return the recipe as nested dicts and lists of plain values, fit for JSON and a checkpoint."""
        return to_table(self)

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "Recipe":
        """Make a recipe from what `to_table` returned, or from the contents of a recipe file."""
        return from_table(cls, table)


def load_recipe(path: str | Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file.

    Parameters
    ----------
    path : path of a TOML file
    overrides : sequence of str
        Changes such as ``"training.steps=1000"``, as `undin.io.tables.change` reads them.

    Raises
    ------
    ValueError
        The file is no TOML, or a key or value is wrong; the message names the file and the key.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    try:
        table = {"name": path.stem} | tomllib.loads(path.read_text(encoding="utf-8"))
        change(table, overrides)
        recipe = Recipe.from_table(table)
        _check_network(recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return recipe


def _check_network(recipe: Recipe) -> None:
    """Build the network once; where that fails, name the nearest sizes of the transform that it would take."""
    try:
        recipe.build_network()
    except ValueError as error:
        near = [_nearest_n_fft(recipe, step) for step in (-2, 2)]
        sizes = " or ".join(f"n_fft = {n_fft}" for n_fft in near if n_fft)
        raise ValueError(f"{error}; it would take {sizes}" if sizes else str(error)) from error


def _nearest_n_fft(recipe: Recipe, step: int) -> int | None:
    """The next size of the transform, in steps, with which the network can be built; None if there is none near."""
    audio = recipe.audio
    for n_fft in range(audio.n_fft + step, audio.n_fft + step * SIZES_TRIED, step):
        if n_fft < audio.window:
            return None
        try:
            replace(recipe, audio=replace(audio, n_fft=n_fft)).build_network()
        except ValueError:
            continue
        return n_fft
    return None


def _check_named(
    section: Network | Loss, registry: Mapping[str, Callable], *, kind: str, without: Collection[str]
) -> None:
    """Check that a registry knows a section's name, and what stands under that name all the section's options."""
    if section.name not in registry:
        raise ValueError(f"unknown {kind} '{section.name}'; {nearest(section.name, registry)}")
    options = convert_options(registry[section.name], section.options, path=f"{kind}.{section.name}", without=without)
    object.__setattr__(section, "options", options)
