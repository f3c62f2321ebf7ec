"""Score folders of pairs: the noisy speech, what models make of it, or a folder that was enhanced elsewhere.

`evaluate_pairs` is the whole of it for Python, `undin evaluate` its command line. Which files belong together is found
in `pairs.py`, what is done with each is in `tasks.py`; tables and files are made in `report.py` and `plot.py`.
"""

import os
import signal
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from undin.evaluate.offset import MAX_LAG_S
from undin.evaluate.pairs import match
from undin.evaluate.table import chosen_by, metrics_at, no_score
from undin.evaluate.tasks import (
    CLEAN_LEVELS_DBFS,
    ENHANCED,
    NOISY,
    CleanScore,
    FileScore,
    attenuate_noise,
    score_clean,
    score_files,
)
from undin.model.loading import load_once
from undin.workers import Workers

CLEAN_FILES = 20


@dataclass
class SystemScores:
    """Everything measured of one system: `noisy`, `enhanced` (a folder), or a model by name.

    `is_aligned` where the offset of each file was taken out before it was scored.
    What follows `macs_per_second` is known of models alone: means over up to `CLEAN_FILES` files of clean speech, by
    the level in dBFS that goes in, and by pair what `metrics.noise_attenuation_db` says of its noise without speech.
    """

    name: str
    files: list[FileScore] = field(default_factory=list)
    macs_per_second: float | None = None
    clean: dict[int, CleanScore] = field(default_factory=dict)
    noise_attenuation_db: dict[str, float] = field(default_factory=dict)
    is_aligned: bool = False

    @property
    def real_time_factor(self) -> float | None:
        """Processor seconds on one thread for one second of audio; None where nothing was run."""
        timed = [file for file in self.files if file.processing_seconds is not None]
        if not timed:
            return None
        return sum(file.processing_seconds for file in timed) / sum(file.audio_seconds for file in timed)


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of those values that are defined (not NaN); NaN where none is."""
    defined = np.array([value for value in values if not np.isnan(value)])
    if not len(defined):
        return float("nan"), float("nan")
    with np.errstate(invalid="ignore"):  # infinite scores (the SI-SDR of identical signals) have a mean but no spread
        return float(defined.mean()), float(defined.std())


def evaluate_pairs(
    clean: Path,
    noisy: Path,
    *,
    models: Sequence[str] = (),
    enhanced: Path | None = None,
    index: Path | None = None,
    chosen: Collection[str] | None = None,
    limit: int | None = None,
    sample_rate: int | None = None,
    align: bool = False,
    jobs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[SystemScores]:
    """Score folders of pairs.

    Parameters
    ----------
    clean, noisy : Path
        Folders of mono files; what belongs together has the same name, or the same number behind ``fileid_``.
    models : sequence of str
        Names of shipped models or paths of model files, each run over the noisy files.
    enhanced : Path, optional
        Folder of files that were enhanced elsewhere.
    index : Path, optional
        CSV with columns `id` and `snr_db`; by default `index.csv` beside the clean folder, where there is one.
    chosen : names of metrics or of their columns, out of `METRICS`, optional
        By default `metrics_at` the rate of the files.
    limit : int, optional
        Score only the first pairs.
    sample_rate : int, optional
        Bring all files to this rate, Hz; by default they must have one.
    align : bool
        Take out of each signal what sets it from the clean one in time, level and polarity, where that is clear.
    jobs : int, optional
        Processes; by default one a core.
    progress : callable
        Called with the numbers of tasks done and to do, first with none done.

    Returns
    -------
    list of SystemScores
        The noisy input first, then `enhanced` or the models in their order. A pair that cannot be scored is there in
        its place, all its values NaN, with the reason.

    Raises
    ------
    ValueError
        A folder, an index or a name is of no use, or no pair can be scored.
    """
    chosen = chosen_by(chosen or ())
    pairs, odd = match(
        clean,
        noisy,
        enhanced=enhanced,
        index=index,
        limit=limit,
        sample_rate=sample_rate,
        most_lag_s=MAX_LAG_S if align else 0.0,
    )
    chosen = chosen or metrics_at(pairs[0].sample_rate)
    names = [NOISY, *([ENHANCED] if enhanced is not None else []), *models]
    systems = {name: SystemScores(name, is_aligned=align) for name in names}
    for model in models:
        systems[model].macs_per_second = load_once(model).metadata.macs_per_second

    of_files = [partial(score_files, pair, name, chosen=chosen, align=align) for pair in pairs for name in systems]
    spread = np.linspace(0, len(pairs) - 1, min(CLEAN_FILES, len(pairs))).astype(int)
    of_clean = [partial(score_clean, pairs[i], model, chosen=chosen) for i in spread for model in models]
    of_noise = [partial(attenuate_noise, pair, model, align=align) for pair in pairs for model in models]
    results = iter(_run_all([*of_files, *of_clean, *of_noise], jobs=jobs or os.cpu_count() or 1, progress=progress))

    for task, result in zip(of_files, results, strict=False):
        systems[task.args[1]].files.append(result)
    for scores in systems.values():
        scores.files += [FileScore(id, None, 0.0, *no_score(reason, chosen)) for id, reason in odd.items()]
        scores.files.sort(key=lambda file: file.id)
    clean_scores: dict[str, list[dict[int, CleanScore]]] = {model: [] for model in models}
    for task, result in zip(of_clean, results, strict=False):
        clean_scores[task.args[1]].append(result)
    for model, files in clean_scores.items():
        systems[model].clean = {level: _mean([file[level] for file in files]) for level in CLEAN_LEVELS_DBFS}
    for task, result in zip(of_noise, results, strict=True):
        pair, model = task.args
        systems[model].noise_attenuation_db[pair.id] = result
    return list(systems.values())


def _run_all(tasks: list[Callable], *, jobs: int, progress: Callable[[int, int], None]) -> list:
    """Call every task, in this process for one job; return the results in order."""
    progress(0, len(tasks))
    if jobs == 1:
        results = []
        for done, task in enumerate(tasks, start=1):
            results.append(task())
            progress(done, len(tasks))
        return results
    with Workers(
        min(jobs, len(tasks)),
        initializer=signal.signal,  # Ctrl-C is for this process alone, or each of the others would print a traceback
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _mean(scores: Sequence[CleanScore]) -> CleanScore:
    return CleanScore(
        mean_and_spread([score.level_loss_db for score in scores])[0],
        mean_and_spread([score.pesq_wb for score in scores])[0],
    )
