"""The tables of ``quality.md``, each as rows of cells, the first its head; what they mean is told in `quality.py`."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from model_scores import QUARTER, SETS, VALID, mean_and_error, score_cells, values

from undin.bench.measure import Measurement
from undin.evaluate.report import GONE_DB, summarise_noise
from undin.evaluate.score import SystemScores, mean_and_spread
from undin.evaluate.tasks import NOISY
from undin.model.loading import DEFAULT
from undin.model.metadata import Metadata

COLUMNS = {
    "pesq_wb": "PESQ-WB",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "si_sdr": "SI-SDR, dB",
    "csig": "CSIG",
    "cbak": "CBAK",
    "covl": "COVL",
    "ssnr": "SSNR, dB",
    "sdr": "SDR, dB",
    "pesq_nb": "PESQ-NB",
    "dnsmos_ovrl": "DNSMOS OVRL",
    "dnsmos_sig": "DNSMOS SIG",
}
PESQ_STOI_SI_SDR = {"pesq_wb": "{:.3f}", "stoi": "{:.3f}", "si_sdr": "{:.2f}"}
MAX_LOSS_DB = 0.7
MIN_PESQ_WB = 4.0


@dataclass(frozen=True)
class Subject:
    """A model and what was measured of it; `speed` is None for a library, `scores` go by the name of the set."""

    metadata: Metadata
    speed: Measurement | None
    scores: dict[str, SystemScores]


@dataclass(frozen=True)
class Target:
    """What a model should reach: PESQ-WB, STOI, SI-SDR in dB, or the first of them."""

    quarter: tuple[float, ...]
    goal: tuple[float, ...]
    valid: tuple[float, ...]


TARGETS = {
    "undin-nano": Target(quarter=(2.35, 0.908, 15.0), goal=(2.55,), valid=(1.68, 0.81)),
    "undin-tiny": Target(quarter=(2.60, 0.918, 17.0), goal=(2.87, 0.930, 18.5), valid=(1.88, 0.84)),
    "undin-small": Target(quarter=(2.72, 0.924, 17.5), goal=(3.00, 0.935), valid=(2.00, 0.855)),
    "undin-base": Target(quarter=(2.82, 0.928, 18.0), goal=(3.13, 0.938), valid=(2.10, 0.87)),
}


def overview(subjects: Sequence[Subject], noisy: dict[str, SystemScores]) -> Iterator[list[str]]:
    """The table of README: what comes with undin for use, from small to large."""
    yield [
        *("model", "trained on", "latency", "parameters", "MMAC/s", "LibriSpeech in noise"),
        *("VoiceBank-DEMAND, a quarter", "real-time factor", "licence"),
    ]
    scores = (_triple(noisy[one.name]) for one in (VALID, QUARTER))
    yield ["noisy input", "", "", "", "", *scores, "", ""]
    family = [subject for subject in subjects if subject.metadata.name in TARGETS]
    for subject in sorted(family, key=lambda subject: subject.metadata.parameters):
        about = subject.metadata
        yield [
            about.name + (" (default)" if about.name == DEFAULT else ""),
            f"{about.hours_trained:.0f} h",
            f"{1000 * about.latency_samples / about.sample_rate:.1f} ms",
            f"{about.parameters / 1000:.0f} k",
            f"{about.macs_per_second / 1e6:.1f}",
            *(_triple(subject.scores[one.name]) for one in (VALID, QUARTER)),
            f"{subject.speed.real_time_factor:.2g}" if subject.speed else "",
            about.licence,
        ]


def costs(subjects: Sequence[Subject]) -> Iterator[list[str]]:
    """What models cost, and what their training did."""
    yield ["model", "parameters", "MMAC/s", "µs a hop", "real-time factor", "instructions", "trained on, h", "seed"]
    for subject in subjects:
        about, speed = subject.metadata, subject.speed
        size = [about.name, f"{about.parameters:,}", f"{about.macs_per_second / 1e6:.1f}"]
        timed = [str(speed.hop_us), f"{speed.real_time_factor:.5f}", speed.variant] if speed else ["", "", ""]
        yield [*size, *timed, f"{about.hours_trained:.0f}", str(json.loads(about.recipe)["training"]["seed"])]


def means(systems: Sequence[SystemScores]) -> Iterator[list[str]]:
    """Scores over a whole set, the noisy input first."""
    columns = {column: title for column, title in COLUMNS.items() if column in systems[0].files[0].values}
    yield ["", *columns.values(), "gain in PESQ-WB"]
    before = values(systems[0], "pesq_wb")
    for scores in systems:
        gain, error = mean_and_error(values(scores, "pesq_wb") - before)
        yield [scores.name, *score_cells(scores, columns), "" if scores.name == NOISY else f"{gain:.3f} ± {error:.3f}"]


def by_snr(systems: Sequence[SystemScores]) -> Iterator[list[str]]:
    """Scores by SNR, the noisy input first."""
    groups = snr_groups(systems[0])
    yield ["", *(f"{title}: {np.count_nonzero(chosen)} pairs" for title, chosen in groups.items())]
    for scores in systems:
        yield [scores.name, *(_triple(scores, chosen) for chosen in groups.values())]


def snr_groups(noisy: SystemScores) -> dict[str, np.ndarray]:
    """Part the pairs by SNR where an index tells it, else at the widest gap in the SI-SDR of the noisy input.

    Returns
    -------
    dict of str to ndarray, shape (pairs,), bool
        By title, from the lowest SNR to the highest.
    """
    snr_db = np.array([math.nan if file.snr_db is None else file.snr_db for file in noisy.files])
    if not np.isnan(snr_db).any():
        return {f"{one:g} dB": snr_db == one for one in np.unique(snr_db)}
    si_sdr = values(noisy, "si_sdr")
    ordered = np.sort(si_sdr)
    highest_of_low = ordered[np.argmax(np.diff(ordered))]
    low = si_sdr <= highest_of_low
    return {f"{si_sdr[of].min():.1f} to {si_sdr[of].max():.1f} dB": of for of in (low, ~low)}


def targets(subjects: Sequence[Subject]) -> Iterator[list[str]]:
    """Models beside what they should reach."""
    yield ["model", "quarter: at least", "quarter: goal", "quarter: is", "valid: at least", "valid: is"]
    for subject in subjects:
        if target := TARGETS.get(subject.metadata.name):
            quarter, valid = subject.scores[QUARTER.name], subject.scores[VALID.name]
            wanted = [" / ".join(f"{number:g}" for number in numbers) for numbers in astuple(target)]
            quarter_is, valid_is = _triple(quarter, least=target.quarter), _triple(valid, least=target.valid)
            yield [subject.metadata.name, *wanted[:2], quarter_is, wanted[2], valid_is]


def promises(subjects: Sequence[Subject], noisy: dict[str, SystemScores]) -> Iterator[list[str]]:
    """What models do to clean speech alone, to noise alone, and to DNSMOS."""
    yield [
        "model",
        "set",
        "clean speech loses, dB",
        "its PESQ-WB",
        "noise alone loses, dB: mean, median",
        f"pairs with {GONE_DB} dB or more",
        "DNSMOS OVRL",
        "DNSMOS SIG",
    ]
    for subject in subjects:
        for one in SETS:
            scores = subject.scores[one.name]
            noise, clean = summarise_noise(scores), scores.clean.values()
            yield [
                subject.metadata.name,
                one.name.split(",")[0],
                " / ".join(_bold_unless(at.level_loss_db < MAX_LOSS_DB, f"{at.level_loss_db:.2f}") for at in clean),
                " / ".join(_bold_unless(at.pesq_wb > MIN_PESQ_WB, f"{at.pesq_wb:.2f}") for at in clean),
                f"{_bold_unless(noise.mean_db >= GONE_DB, f'{noise.mean_db:.1f}')}, {noise.median_db:.1f}",
                f"{100 * noise.share:.0f} % of {noise.pairs}",
                *(_rise(noisy[one.name], scores, column) for column in ("dnsmos_ovrl", "dnsmos_sig")),
            ]


def _triple(scores: SystemScores, chosen: np.ndarray | slice = slice(None), *, least: Sequence[float] = ()) -> str:
    """Means of PESQ-WB, STOI and SI-SDR, in bold where they are under the least."""
    numbers = [mean_and_spread(values(scores, column)[chosen])[0] for column in PESQ_STOI_SI_SDR]
    limits = [*least, *[-math.inf] * len(numbers)]
    return " / ".join(
        _bold_unless(number >= limit, form.format(number))
        for number, limit, form in zip(numbers, limits, PESQ_STOI_SI_SDR.values(), strict=False)
    )


def _rise(before: SystemScores, after: SystemScores, column: str) -> str:
    """A mean before and after, in bold where it has not risen; empty where it was not chosen."""
    if column not in before.files[0].values:
        return ""
    low, high = (mean_and_spread(values(scores, column))[0] for scores in (before, after))
    return f"{low:.3f} → {_bold_unless(high > low, f'{high:.3f}')}"


def _bold_unless(holds: bool, text: str) -> str:
    return text if holds else f"**{text}**"
