"""What a run logs: a bar or plain lines for people, JSON lines and TensorBoard for machines.

Numbers in, text out; when to log is the business of ``loop.py``.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from undin.train.recipe import Recipe
from undin.train.validation import LOSS

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

PLAIN_LINE_EVERY_S = 60.0


class TrainingLog:
    """Bar, log file and curves of one run.

    Parameters
    ----------
    recipe : Recipe
    run_folder : Path
        Gets ``log.jsonl`` (where a resumed run repeats a step, the last line counts) and, where TensorBoard is
        installed, its events.
    step : int
        Steps done before.
    scores : dict
        Of the last validation before; empty if there was none.
    """

    def __init__(self, recipe: Recipe, *, run_folder: Path, step: int, scores: dict[str, float]):
        self.steps = recipe.training.steps
        self.audio_seconds_per_step = recipe.hours_per_step * 3600
        self._log = run_folder / "log.jsonl"
        self._log.touch()
        self._curves = _open_curves(run_folder, step=step)
        self._validation_loss = scores.get(LOSS)
        on_terminal = sys.stderr.isatty()
        self._bar = tqdm(total=self.steps, initial=step, unit="step", disable=not on_terminal, dynamic_ncols=True)
        self._plain_line_due_s = None if on_terminal else time.monotonic()
        self.resume_clock(step)
        self._write({"step": step, "recipe": recipe.to_table()})

    def resume_clock(self, step: int) -> None:
        """Start counting speed here: validating and saving are no training."""
        self._clock_step, self._clock_s = step, time.monotonic()

    def train(self, values: dict[str, float], *, step: int, hours: float) -> None:
        """Tell the means of the last steps."""
        seconds = time.monotonic() - self._clock_s
        speed = (step - self._clock_step) * self.audio_seconds_per_step / max(seconds, 1e-9)
        self.resume_clock(step)
        self._record({"hours": hours, "times_real_time": speed} | values, step=step, group="train")
        left_s = (self.steps - step) * self.audio_seconds_per_step / speed
        validation = "" if self._validation_loss is None else f"validation loss {self._validation_loss:.4f}, "
        text = f"loss {values['loss']:.4f}, {validation}{hours:.2f} h of audio, {speed:.0f} times real time"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(step - self._bar.n)
        if self._plain_line_due_s is not None and time.monotonic() >= self._plain_line_due_s:
            self.say(f"step {step} of {self.steps}: {text}, {tqdm.format_interval(left_s)} left")
            self._plain_line_due_s = time.monotonic() + PLAIN_LINE_EVERY_S

    def validation(self, scores: dict[str, float], *, step: int, best: bool) -> None:
        """Tell the scores of a validation."""
        self._record(scores, step=step, group="valid")
        self._validation_loss = scores[LOSS]
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items())
        self.say(f"step {step}, validation: {numbers}{' (best)' if best else ''}")

    def say(self, line: str) -> None:
        """Print one line without breaking the bar."""
        tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        """End the bar and the files."""
        self._bar.close()
        # curves that a full disk has no room for must not hide the error that ends the run
        with suppress(OSError):
            if self._curves:
                self._curves.close()

    def _record(self, values: dict[str, float], *, step: int, group: str) -> None:
        self._write({"step": step} | values)
        if self._curves:
            for name, value in values.items():
                self._curves.add_scalar(f"{group}/{name}", value, step)

    def _write(self, values: dict) -> None:
        size = self._log.stat().st_size
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            # half a line would spoil the one that a resumed run appends
            os.truncate(self._log, size)
            raise OSError(error.errno, f"cannot write {self._log}: {error.strerror}") from error


def _open_curves(run_folder: Path, *, step: int) -> "SummaryWriter | None":
    """TensorBoard's writer, or None without TensorBoard: ``log.jsonl`` has the same numbers."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        return None
    return SummaryWriter(run_folder, purge_step=step)
