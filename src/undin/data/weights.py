"""How often each file of a corpus is heard: by its speaker, its corpus, and how silent its pauses are.

`tape.py` draws by these weights. They are computed once, from the samples in memory and the names of the files.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from undin.data.corpus import FULL_SCALE, Corpus
from undin.data.level import frame_length, frame_power, to_db

FLOOR_PERCENTILE, SPEECH_PERCENTILE = 5, 95
DIGITAL_SILENCE_DBFS = -95.0
"""Frames with less say nothing of the room that was recorded: they were cut, or lost."""
MIN_FRAMES = 10


def file_weights(
    corpus: Corpus,
    *,
    group_by_folder: bool,
    shares: Mapping[str, float] | None = None,
    clean_above_db: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Weigh files so that their groups count by the square root of their durations.

    An hour of one speaker shall not drown a hundred speakers with one sentence each, nor shall a click of one second be
    heard as often as a street of ten minutes.

    Parameters
    ----------
    corpus
        What the files are in.
    group_by_folder
        True where a folder is one voice; False where each file is a group of its own.
    shares
        By the name of a folder at any height above the files: the share of all weight that these get together. A file
        below several goes with the first, names that lie above no file here are left out, and what the shares leave is
        for all other files.
    clean_above_db
        Files whose pauses lie less than the first below their speech weigh nothing, those with more than the second
        fully, and between the two it rises evenly.

    Returns
    -------
    ndarray, shape (files,)
        Not negative, with a sum of 1.

    Raises
    ------
    ValueError
        No file weighs anything, or the shares add up to more than 1.
    """
    weights = weights_by_length(corpus.lengths.cpu().numpy(), corpus.names, group_by_folder=group_by_folder)
    if clean_above_db[1] > 0:
        weights *= np.interp(floor_db(corpus), clean_above_db, (0.0, 1.0))
    weights = _shared_out(weights, corpus.names, shares or {})
    if not weights.sum():
        raise ValueError(f"none of {len(weights)} files is {clean_above_db[0]:g} dB above its pauses; ask for less")
    return weights / weights.sum()


def weights_by_length(lengths: np.ndarray, names: Sequence[str], *, group_by_folder: bool) -> np.ndarray:
    """Weights of files, of any sum, by which groups count by the square root of their durations; see `file_weights`.

    Parameters
    ----------
    lengths : ndarray, shape (files,)
        In any unit.
    names
        Paths, sorted.
    group_by_folder
        True for speech, False for noise.
    """
    lengths = lengths.astype(float)
    groups = [str(Path(name).parent) if group_by_folder else name for name in names]
    sizes = [len(list(run)) for _, run in itertools.groupby(groups)]
    length_of_group = np.repeat(np.add.reduceat(lengths, np.cumsum([0, *sizes[:-1]])), sizes)
    return lengths / np.sqrt(length_of_group)


def floor_db(corpus: Corpus) -> np.ndarray:
    """How far the pauses of each file lie below its speech, dB: a high over a low percentile of the power of frames.

    Infinite where a file is too short to tell.
    """
    found = np.full(len(corpus.names), np.inf)
    for index, (start, length) in enumerate(zip(corpus.starts.tolist(), corpus.lengths.tolist(), strict=True)):
        if length < MIN_FRAMES * frame_length(corpus.sample_rate):
            continue
        power = frame_power(corpus.samples[start : start + length] / FULL_SCALE, sample_rate=corpus.sample_rate)
        live_db = to_db(power).cpu().numpy()
        live_db = live_db[live_db > DIGITAL_SILENCE_DBFS]
        if len(live_db) >= MIN_FRAMES:
            floor, speech = np.percentile(live_db, [FLOOR_PERCENTILE, SPEECH_PERCENTILE])
            found[index] = speech - floor
    return found


def _shared_out(weights: np.ndarray, names: Sequence[str], shares: Mapping[str, float]) -> np.ndarray:
    """Scale the weights of the files below each named folder to its share, and those of all others to the rest."""
    owners = [next((share for share in shares if share in Path(name).parts[:-1]), "") for name in names]
    present = set(owners)
    rest = 1 - sum(shares[owner] for owner in present if owner)
    if rest < -1e-9:
        raise ValueError(f"the shares of {', '.join(sorted(present - {''}))} add up to more than 1; lower one")
    wanted = {"": max(0.0, rest), **shares}
    for owner in present:
        own = np.array([one == owner for one in owners])
        weights[own] *= wanted[owner] / max(weights[own].sum(), np.finfo(float).tiny)
    return weights
