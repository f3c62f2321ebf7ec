"""What is measured of one pair of files: each function is a task of its own, for any process.

Nothing that is wrong with a file raises here: it becomes the reason why there is no score. `score.py` puts the results
together.
"""

import time
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undin.evaluate import metrics
from undin.evaluate.metrics import UndefinedMetricWarning
from undin.evaluate.offset import Offset, find_offset
from undin.evaluate.pairs import Pair
from undin.evaluate.table import no_score, score_pair
from undin.io import audio
from undin.io.resample import resample
from undin.model.loading import load_once

NOISY = "noisy"
ENHANCED = "enhanced"
CLEAN_LEVELS_DBFS = (-45, -35, -25, -15, -5)


@dataclass(frozen=True)
class FileScore:
    """What one system made of one pair.

    `values` holds a number for every metric column, NaN where `undefined` gives the reason under the same key.
    `offset` tells how the output lies beside the clean signal, and is None where that cannot be told.
    `processing_seconds` is the processor time of the model alone, None where nothing was run.
    """

    id: str
    snr_db: float | None
    audio_seconds: float
    values: dict[str, float]
    undefined: dict[str, str]
    offset: Offset | None = None
    processing_seconds: float | None = None


@dataclass(frozen=True)
class CleanScore:
    """What a model does to clean speech: the level that this loses, dB, and the PESQ of what comes out against it.

    NaN is what was not chosen or has no value.
    """

    level_loss_db: float
    pesq_wb: float


def score_files(pair: Pair, system: str, *, chosen: Collection[str], align: bool) -> FileScore:
    """Score what one system makes of one pair."""
    processing_seconds, offset = None, None
    try:
        clean = _read(pair.clean, pair)
        if system in (NOISY, ENHANCED):
            path = pair.noisy if system == NOISY else pair.enhanced
            output = _read(path, pair)
        else:
            noisy = _read(pair.noisy, pair)
            load_once(system)
            start = time.process_time()  # of the processor: what else the machine does is not the model's cost
            output = _enhance(noisy, pair, system)
            processing_seconds = time.process_time() - start
        offset = find_offset(clean, output, sample_rate=pair.sample_rate)
        clean, output = _cut(clean, output, offset if align else None)
        values, undefined = score_pair(clean, output, sample_rate=pair.sample_rate, chosen=chosen)
    except (OSError, ValueError) as error:
        values, undefined = no_score(str(error), chosen)
    return FileScore(pair.id, pair.snr_db, pair.seconds, values, undefined, offset, processing_seconds)


def score_clean(pair: Pair, model: str, *, chosen: Collection[str]) -> dict[int, CleanScore]:
    """Measure what a model does to clean speech at each active level; peaks clip as they would in a sound card."""
    scores = dict.fromkeys(CLEAN_LEVELS_DBFS, CleanScore(float("nan"), float("nan")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # a file without speech says nothing of levels
        try:
            speech, rate = _read(pair.clean, pair), pair.sample_rate
            now_dbfs = metrics.active_level_dbfs(speech, sample_rate=rate)
            for level_dbfs in CLEAN_LEVELS_DBFS:
                fed = np.clip(speech * np.float32(10 ** ((level_dbfs - now_dbfs) / 20)), -1, 1)
                output = _enhance(fed, pair, model)
                asked = {"pesq_wb"} & set(chosen)
                pesq_wb = score_pair(fed, output, sample_rate=rate, chosen=asked)[0].get("pesq_wb", float("nan"))
                scores[level_dbfs] = CleanScore(metrics.level_loss_db(fed, output, sample_rate=rate), pesq_wb)
        except (OSError, ValueError):  # told of the pair already
            pass
    return scores


def attenuate_noise(pair: Pair, model: str, *, align: bool) -> float:
    """Measure by how much a model attenuates the noise of a pair, which is what sets the noisy from the clean file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # some noises end within the second that does not count
        try:
            clean, noisy = _read(pair.clean, pair), _read(pair.noisy, pair)
            offset = find_offset(clean, noisy, sample_rate=pair.sample_rate) if align else None
            clean, noisy = _cut(clean, noisy, offset)
            noise = noisy - clean
            return metrics.noise_attenuation_db(noise, _enhance(noise, pair, model), sample_rate=pair.sample_rate)
        except (OSError, ValueError):  # told of the pair already
            return float("nan")


def _enhance(noisy: np.ndarray, pair: Pair, model: str) -> np.ndarray:
    import undin

    return undin.enhance(noisy, sample_rate=pair.sample_rate, model=load_once(model))


def _read(path: Path, pair: Pair) -> np.ndarray:
    """A file (N,) at the rate at which its pair is scored; ValueError where it holds less than its header promises."""
    promised = audio.read_info(path).length_samples
    samples, rate = audio.read(path)
    if promised is not None and len(samples) < promised:
        raise ValueError(f"{path} is cut short: it holds {len(samples)} of {promised} samples")
    return resample(samples[:, 0], rate, pair.sample_rate)


def _cut(clean: np.ndarray, output: np.ndarray, offset: Offset | None) -> tuple[np.ndarray, np.ndarray]:
    """Both signals as far as they have a partner; lying on one another, where an offset is to be taken out."""
    if offset and offset.is_clear:
        return offset.taken_out(clean, output)
    length = min(len(clean), len(output))
    return clean[:length], output[:length]
