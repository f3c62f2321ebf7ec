"""The training loop: take a batch, take a step, now and then tell, validate, save; end cleanly whatever happens.

Read ``recipe.py`` for what is decided before and ``state.py`` for what a step is.
"""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import torch

from undin.data.corpus import Corpus
from undin.data.mixing import Mixer
from undin.data.pairs import PairedMixer
from undin.train.checkpoint import Checkpoint
from undin.train.log import TrainingLog
from undin.train.processes import Processes, join
from undin.train.recipe import Recipe
from undin.train.state import TrainingState
from undin.train.trained import Trained
from undin.train.validation import Validator, chosen_by

LAST, BEST = "last.pt", "best.pt"
SETTLING_SECONDS = 120
"""Audio to which the norms of trained weights are fitted before they are trained on."""


def train(
    recipe: Recipe,
    *,
    run_folder: Path,
    device: torch.device,
    resume_from: Path | None = None,
    resume_if_any: bool = False,
    minutes: float = float("inf"),
) -> TrainingState:
    """Train a network by a recipe, until its last step, until time is up, or until SIGINT or SIGTERM asks to stop.

    Parameters
    ----------
    recipe : Recipe
    run_folder : Path
        Gets ``last.pt``, ``best.pt`` (the best in validation), ``log.jsonl`` and TensorBoard's events.
    device : torch.device
    resume_from : Path, optional
        Checkpoint of a run to continue; without, it starts from `training.init`, or from fresh weights. Of several
        machines one must have it, and the newest counts.
    resume_if_any : bool
        Start where `resume_from` is on none of them.
    minutes : float
        Time after which the run ends with a validation and a checkpoint.

    Returns
    -------
    TrainingState

    Raises
    ------
    FloatingPointError
        The loss or the weights became NaN or infinite. What was saved last is still good.
    ValueError
        A folder has no audio, or a checkpoint does not fit the recipe.
    OSError
        A file cannot be read or written, on a full disk for example. What was saved last is still good.
    """
    deadline_s = time.monotonic() + 60 * minutes
    with ExitStack() as stack:
        processes = stack.enter_context(join(device))
        rows = processes.part(recipe.training.batch_size)
        state = TrainingState(recipe, device=device, processes=processes)
        resumed = resume_from and _newest(resume_from, processes, or_none=resume_if_any)
        if resumed:
            state.restore(resumed)
        elif recipe.training.init:
            state.initialise(Trained.load(recipe.training.init))
        # what the first process of a machine decodes, it leaves in the cache for the others
        with processes.first_here_first():
            mixer = open_mixer(recipe, device=device, node=processes.node, nodes=processes.nodes)
        if recipe.training.init and not resumed:
            items = math.ceil(SETTLING_SECONDS / recipe.data.segment_seconds)
            state.settle(mixer.batch(0, items, part=slice(None))[0])
        keeper = None
        if processes.is_first:
            keeper = _Keeper(state, run_folder)
            stack.callback(keeper.close)
        stop_asked = stack.enter_context(_stop_on_signals())
        _run(state, mixer, rows, keeper=keeper, stop_asked=stop_asked, deadline_s=deadline_s)
    return state


def choose_device(name: str | None) -> torch.device:
    """Return the device of this process, by default a GPU where there is one.

    Raises
    ------
    ValueError
        A GPU is wanted and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no GPU that torch can use; train with --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _newest(path: Path, processes: Processes, *, or_none: bool) -> Checkpoint | None:
    """The checkpoint with the most steps that any machine has at a path: after a restart another may be the first."""
    here = Checkpoint.load(path) if processes.rank_here == 0 and path.exists() else None
    data = processes.newest(here and here.step, path.read_bytes)
    if data is None and not or_none:
        raise FileNotFoundError(f"{path}: there is no such checkpoint" + " on any machine" * (processes.nodes > 1))
    return None if data is None else Checkpoint.of_bytes(data, path)


def open_mixer(recipe: Recipe, *, device: torch.device, node: int = 0, nodes: int = 1) -> Mixer | PairedMixer:
    """Load the folders of a recipe into memory and make what turns a step's number into its batch.

    With `data.sharded`, machine `node` of `nodes` loads its share of the files alone.

    Raises
    ------
    ValueError, OSError
        A folder is missing or has no audio.
    """
    data = recipe.data
    common = {
        "sample_rate": recipe.audio.sample_rate,
        "segment_samples": recipe.segment_samples,
        "seed": recipe.training.seed,
        "device": device,
    }
    if data.pairs:
        return PairedMixer(data.pairs, **common)
    share = (node, nodes) if data.sharded else (0, 1)
    load = partial(Corpus.load, sample_rate=recipe.audio.sample_rate, leave_out=data.leave_out, share=share)
    return Mixer(
        load(data.speech, trim_silence_db=data.trim_silence_db),
        load(data.noise),
        recipe.mixing,
        measured_rooms=load(data.rooms) if data.rooms else None,
        **common,
    )


def _run(
    state: TrainingState,
    mixer: Mixer | PairedMixer,
    rows: slice,
    *,
    keeper: "_Keeper | None",
    stop_asked: list[int],
    deadline_s: float,
) -> None:
    training, processes = state.recipe.training, state.processes
    sums, summed_steps = 0, 0
    ending = False
    while state.step < training.steps and not ending:
        noisy, clean = mixer.batch(state.step, training.batch_size, part=rows)
        sums = sums + state.train_step(noisy, clean)
        summed_steps += 1
        # all processes leave the loop at the same step, or those that stay would wait for the others for ever
        ending = processes.any(bool(stop_asked) or time.monotonic() >= deadline_s)
        last = ending or state.step == training.steps
        due = {
            duty: last or state.step % every == 0
            for duty, every in (
                ("log", training.log_every),
                ("save", training.save_every),
                ("validate", training.validate_every),
            )
        }
        if not any(due.values()):
            continue
        # the sums stay on the device until here, so that a GPU never waits for the loop
        means = processes.average_(sums / summed_steps).tolist()
        sums, summed_steps = 0, 0
        if not all(math.isfinite(value) for value in means):
            raise FloatingPointError(
                f"the loss or its gradient stopped being finite by step {state.step}; resume from the last checkpoint "
                "with a lower optimiser.learning_rate"
            )
        if keeper:
            keeper.log(means)
            if due["validate"] and not stop_asked:
                keeper.validate()
            if due["save"] or due["validate"]:
                keeper.save(LAST)


class _Keeper:
    """What the first process does besides training: tell, validate, save."""

    def __init__(self, state: TrainingState, run_folder: Path):
        self.state, self.run_folder = state, run_folder
        run_folder.mkdir(parents=True, exist_ok=True)
        # a disk that cannot be written shows now and not after hours
        self.save(LAST)
        self.validator = Validator(state.recipe) if state.recipe.validation else None
        self.training_log = TrainingLog(state.recipe, run_folder=run_folder, step=state.step, scores=state.scores)

    def log(self, means: list[float]) -> None:
        names = ["loss", "gradient_norm", *(f"loss_{loss.name}" for loss in self.state.recipe.loss)]
        values = dict(zip(names, means, strict=True)) | {
            "learning_rate": self.state.recipe.learning_rate(self.state.step)
        }
        self.training_log.train(values, step=self.state.step, hours=self.state.hours)

    def validate(self) -> None:
        if not self.validator:
            return
        state = self.state
        chosen_by_before, _ = chosen_by(state.scores)
        state.scores = self.validator.validate(state.ema, state.spectrum)
        name, goodness = chosen_by(state.scores)
        # a best of another score, from a machine that has or lacks PESQ, says nothing here
        best = goodness > state.best_score or name != chosen_by_before
        if best:
            state.best_score = goodness
            self.save(BEST)
        self.training_log.validation(state.scores, step=state.step, best=best)
        self.training_log.resume_clock(state.step)

    def save(self, name: str) -> None:
        self.state.checkpoint().save(self.run_folder / name)

    def close(self) -> None:
        self.training_log.close()
        if self.validator:
            self.validator.close()


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of dying of them; a second one of a kind acts as usual."""
    received: list[int] = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(number, usual[number])

    for number in usual:
        signal.signal(number, remember)
    try:
        yield received
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
