"""Score folders of pairs: the noisy speech, what models make of it, or a folder that was enhanced elsewhere.

`evaluate_pairs` is the whole of it for Python, `undin evaluate` its command line. Which files belong together is found
in `pairs.py`, the metrics are in `metrics.py`, tables and files are made in `report.py` and `plot.py`.
"""

import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np

from undin.evaluate import metrics
from undin.evaluate.metrics import SAMPLE_RATE_HZ, UndefinedMetricWarning
from undin.evaluate.pairs import Pair, find_pairs
from undin.io import audio

NOISY = "noisy"
ENHANCED = "enhanced"
CLEAN_LEVELS_DBFS = (-45, -35, -25, -15, -5)
CLEAN_FILES = 20

Metric = Callable[[np.ndarray, np.ndarray, int], Sequence[float]]
"""Of clean and enhanced signal and their rate in Hz: a value a column."""


def _at_16_khz(metric: Callable[[np.ndarray, np.ndarray], Sequence[float]]) -> Metric:
    return lambda clean, enhanced, rate: metric(metrics.at_16_khz(clean, rate), metrics.at_16_khz(enhanced, rate))


# name on the command line → (columns, metric)
METRICS: dict[str, tuple[tuple[str, ...], Metric]] = {
    "pesq_wb": (("pesq_wb",), _at_16_khz(lambda clean, enhanced: [metrics.pesq_wb(clean, enhanced)])),
    "stoi": (("stoi",), _at_16_khz(lambda clean, enhanced: [metrics.stoi(clean, enhanced)])),
    "estoi": (("estoi",), _at_16_khz(lambda clean, enhanced: [metrics.stoi(clean, enhanced, extended=True)])),
    "si_sdr": (("si_sdr",), lambda clean, enhanced, rate: [metrics.si_sdr(clean, enhanced)]),
    "dnsmos": (
        ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"),
        _at_16_khz(lambda clean, enhanced: list(metrics.dnsmos(enhanced).values())),
    ),
    "treble": (
        ("treble_lsd_db", "treble_level_db"),
        lambda clean, enhanced, rate: metrics.treble(clean, enhanced, sample_rate=rate),
    ),
}


def metrics_at(sample_rate: int) -> tuple[str, ...]:
    """The names of all `METRICS` that audio of a rate in Hz can have a value for."""
    return tuple(name for name in METRICS if name != "treble" or metrics.has_treble(sample_rate))


@dataclass(frozen=True)
class FileScore:
    """What one system made of one pair.

    `values` holds a number for every metric column, NaN where `undefined` gives the reason under the same key.
    `processing_seconds` is the processor time of the model alone, None where nothing was run.
    """

    id: str
    snr_db: float | None
    audio_seconds: float
    values: dict[str, float]
    undefined: dict[str, str]
    processing_seconds: float | None = None


@dataclass(frozen=True)
class CleanScore:
    """What a model does to clean speech: the level that this loses, dB, and the PESQ of what comes out against it.

    NaN is what was not chosen or has no value.
    """

    level_loss_db: float
    pesq_wb: float


@dataclass
class SystemScores:
    """Everything measured of one system: `noisy`, `enhanced` (a folder), or a model by name.

    What follows `macs_per_second` is known of models alone: means over up to `CLEAN_FILES` files of clean speech, by
    the level in dBFS that goes in, and by pair what `metrics.noise_attenuation_db` says of its noise without speech.
    """

    name: str
    files: list[FileScore] = field(default_factory=list)
    macs_per_second: float | None = None
    clean: dict[int, CleanScore] = field(default_factory=dict)
    noise_attenuation_db: dict[str, float] = field(default_factory=dict)

    @property
    def real_time_factor(self) -> float | None:
        """Processor seconds on one thread for one second of audio; None where nothing was run."""
        if not self.files or any(score.processing_seconds is None for score in self.files):
            return None
        return sum(score.processing_seconds for score in self.files) / sum(score.audio_seconds for score in self.files)


def score_pair(
    clean: np.ndarray,
    enhanced: np.ndarray,
    *,
    sample_rate: int = SAMPLE_RATE_HZ,
    chosen: Collection[str] | None = None,
) -> tuple[dict[str, float], dict[str, str]]:
    """Score one signal against its reference.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,), float32 in [−1, 1]
        Reference and signal under test.
    sample_rate : int
        Hz.
    chosen : names out of `METRICS`, optional
        By default `metrics_at` the rate.

    Returns
    -------
    values : dict
        A number for every column of the chosen metrics, NaN where undefined.
    undefined : dict
        The reason for each NaN.
    """
    values, undefined = {}, {}
    for name in metrics_at(sample_rate) if chosen is None else chosen:
        columns, metric = METRICS[name]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UndefinedMetricWarning)
            values.update(zip(columns, metric(clean, enhanced, sample_rate), strict=True))
        for warning in caught:
            if issubclass(warning.category, UndefinedMetricWarning):
                undefined.update(dict.fromkeys(columns, str(warning.message)))
    return values, undefined


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
    jobs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[SystemScores]:
    """Score folders of pairs.

    Parameters
    ----------
    clean, noisy : Path
        Folders of mono files of one rate; what belongs together has the same name.
    models : sequence of str
        Names of shipped models or paths of model files, each run over the noisy files.
    enhanced : Path, optional
        Folder of files that were enhanced elsewhere.
    index : Path, optional
        CSV with columns `id` and `snr_db`; by default `index.csv` beside the clean folder, where there is one.
    chosen : names out of `METRICS`, optional
        By default `metrics_at` the rate of the files.
    limit : int, optional
        Score only the first pairs.
    jobs : int, optional
        Processes; by default one a core.
    progress : callable
        Called with the numbers of tasks done and to do.

    Returns
    -------
    list of SystemScores
        The noisy input first, then `enhanced` or the models in their order.

    Raises
    ------
    ValueError
        Where files are not mono, lack a partner, differ in rate or length, or a name is unknown.
    """
    if unknown := [name for name in chosen or () if name not in METRICS]:
        raise ValueError(f"unknown metric {unknown[0]!r}: choose from {', '.join(METRICS)}")
    pairs = find_pairs(clean, noisy, enhanced=enhanced, index=index, limit=limit)
    chosen = chosen or metrics_at(pairs[0].sample_rate)
    systems = {NOISY: SystemScores(NOISY)}
    if enhanced is not None:
        systems[ENHANCED] = SystemScores(ENHANCED)
    for model in models:
        systems[model] = SystemScores(model, macs_per_second=_load(model).metadata.macs_per_second)

    score = [partial(_score_files, pair, name, chosen=chosen) for pair in pairs for name in systems]
    spread = np.linspace(0, len(pairs) - 1, min(CLEAN_FILES, len(pairs))).astype(int)
    clean = [partial(_score_clean, pairs[i], model, chosen=chosen) for i in spread for model in models]
    noise = [partial(_attenuate_noise, pair, model) for pair in pairs for model in models]
    results = iter(_run_all([*score, *clean, *noise], jobs=jobs or os.cpu_count() or 1, progress=progress))

    for task, result in zip(score, results, strict=False):
        systems[task.args[1]].files.append(result)
    of_clean = {model: [] for model in models}
    for task, result in zip(clean, results, strict=False):
        of_clean[task.args[1]].append(result)
    for model, files in of_clean.items():
        systems[model].clean = {level: _mean([file[level] for file in files]) for level in CLEAN_LEVELS_DBFS}
    for task, result in zip(noise, results, strict=True):
        pair, model = task.args
        systems[model].noise_attenuation_db[pair.id] = result
    return list(systems.values())


def _run_all(tasks: list[Callable], *, jobs: int, progress: Callable[[int, int], None]) -> list:
    """Call every task, in this process for one job; return the results in order."""
    if jobs == 1:
        results = []
        for done, task in enumerate(tasks, start=1):
            results.append(task())
            progress(done, len(tasks))
        return results
    # fresh processes, because a fork copies the locks of ONNX Runtime's and torch's threads but not the threads
    with ProcessPoolExecutor(
        min(jobs, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
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


@cache
def _load(model: str):
    """Load a model once a process."""
    import undin

    return undin.load(model)


def _enhance(noisy: np.ndarray, sample_rate: int, model: str) -> np.ndarray:
    import undin

    return undin.enhance(noisy, sample_rate=sample_rate, model=_load(model))


def _read(path: Path) -> np.ndarray:
    return audio.read(path)[0][:, 0]


def _score_files(pair: Pair, system: str, *, chosen: Collection[str]) -> FileScore:
    """Score what one system makes of one pair."""
    clean = _read(pair.clean)
    processing_seconds = None
    if system == NOISY:
        output = _read(pair.noisy)
    elif system == ENHANCED:
        output = _read(pair.enhanced)
    else:
        noisy = _read(pair.noisy)
        _load(system)
        start = time.process_time()  # of the processor: what else the machine does is not the model's cost
        output = _enhance(noisy, pair.sample_rate, system)
        processing_seconds = time.process_time() - start
    length = min(len(clean), len(output))
    values, undefined = score_pair(clean[:length], output[:length], sample_rate=pair.sample_rate, chosen=chosen)
    return FileScore(pair.id, pair.snr_db, pair.seconds, values, undefined, processing_seconds)


def _score_clean(pair: Pair, model: str, *, chosen: Collection[str]) -> dict[int, CleanScore]:
    """Measure what a model does to clean speech at each active level; peaks clip as they would in a sound card."""
    speech, rate = _read(pair.clean), pair.sample_rate
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # a file without speech says nothing of levels
        for level_dbfs in CLEAN_LEVELS_DBFS:
            gain = 10 ** ((level_dbfs - metrics.active_level_dbfs(speech, sample_rate=rate)) / 20)
            fed = np.clip(speech * np.float32(gain), -1, 1)
            output = _enhance(fed, rate, model)
            (pesq_wb,) = METRICS["pesq_wb"][1](fed, output, rate) if "pesq_wb" in chosen else [float("nan")]
            scores[level_dbfs] = CleanScore(metrics.level_loss_db(fed, output, sample_rate=rate), pesq_wb)
    return scores


def _mean(scores: Sequence[CleanScore]) -> CleanScore:
    return CleanScore(
        mean_and_spread([score.level_loss_db for score in scores])[0],
        mean_and_spread([score.pesq_wb for score in scores])[0],
    )


def _attenuate_noise(pair: Pair, model: str) -> float:
    """Measure by how much a model attenuates the noise of a pair, which is what sets the noisy from the clean file."""
    noise = _read(pair.noisy) - _read(pair.clean)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # some noises end within the second that does not count
        enhanced = _enhance(noise, pair.sample_rate, model)
        return metrics.noise_attenuation_db(noise, enhanced, sample_rate=pair.sample_rate)
