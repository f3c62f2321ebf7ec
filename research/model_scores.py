"""What the card of a model and the page of all models both hold: the sets, the scores on them, how long it has learnt.

The card is written by `model_card.py`, the page by `quality.py`; the scores come from `undin.evaluate`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import undin
from undin.evaluate.score import SystemScores, evaluate_pairs, mean_and_spread
from undin.evaluate.table import metrics_at

DECIMALS = {"si_sdr": 2, "sdr": 2, "ssnr": 2, "treble_lsd_db": 2, "treble_level_db": 2}


@dataclass(frozen=True)
class EvaluationSet:
    """Pairs that models are compared on; `folder` holds `clean` and `noisy`, `metrics` are keys of `METRICS`."""

    name: str
    about: str
    folder: Path
    metrics: tuple[str, ...]


VALID = EvaluationSet(
    "valid",
    "100 pairs: LibriSpeech test-other speakers in noise, neither of them in the training data, SNR −5 to 15 dB. "
    "Choices in training were made on these pairs, so their scores flatter.",
    Path("../shared/data/valid"),
    metrics=("pesq_wb", "stoi", "estoi", "si_sdr", "dnsmos"),
)
QUARTER = EvaluationSet(
    "VoiceBank-DEMAND, a quarter of the test set",
    "206 pairs, every fourth utterance of the test set of Valentini-Botinhao (2017). Nothing was chosen on them; "
    "that their noise is rumble for two thirds led to rumble in the noise of training and a high-pass for its speech.",
    Path("../shared/data/test/voicebank_demand_quarter"),
    metrics=tuple(name for name in metrics_at(16_000) if name != "dnsmos"),  # which takes longer than all the others
)
VALID48 = EvaluationSet(
    "valid48",
    "60 pairs at 48 kHz by `scripts/valid48.py`: two VCTK speakers in everyday ambiences, neither of them in "
    "training, SNR −5 to 15 dB. Choices in training at 48 kHz were made on these pairs, so their scores flatter.",
    Path("../gathered/valid48"),
    metrics=("pesq_wb", "stoi", "estoi", "si_sdr", "treble"),
)
SETS = (VALID, QUARTER)
"""Of all models; those of full band are compared on `VALID48` besides."""


def scored(
    models: Sequence[str], on: EvaluationSet, *, jobs: int | None = None, files: int | None = None
) -> list[SystemScores]:
    """Score the noisy input, then models by name or path; each is called what its metadata say.

    With `files` only so many pairs of the set are used: to try a script.

    Raises
    ------
    ValueError
        Two models have the same name.
    """
    names = [undin.load(model).metadata.name for model in models]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two models are called {twice[0]}: export one of them under another --name")
    folders = on.folder / "clean", on.folder / "noisy"
    systems = evaluate_pairs(*folders, models=models, chosen=on.metrics, jobs=jobs, limit=files)
    for scores, name in zip(systems[1:], names, strict=True):
        scores.name = name
    return systems


def values(scores: SystemScores, column: str) -> np.ndarray:
    """What one system has in a metric, pair by pair, shape (pairs,)."""
    return np.array([file.values[column] for file in scores.files])


def mean_and_error(numbers: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of those numbers that are defined."""
    mean, spread = mean_and_spread(numbers)
    degrees = np.count_nonzero(~np.isnan(numbers)) - 1  # of freedom, where the spread has divided by one more
    return mean, spread / math.sqrt(max(1, degrees))


def score_cells(scores: SystemScores, columns: Iterable[str]) -> list[str]:
    """Mean and standard error in each of these metrics."""
    cells = []
    for column in columns:
        mean, error = mean_and_error(values(scores, column))
        decimals = DECIMALS.get(column, 3)
        cells.append(f"{mean:.{decimals}f} ± {error:.{decimals}f}")
    return cells


def markdown_table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table in Markdown, the first row its head."""
    for place, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if place == 0:
            yield "|" + "---|" * len(row)
