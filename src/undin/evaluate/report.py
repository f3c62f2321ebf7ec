"""Turn scores into a text table, JSON or CSV. The picture is made in `plot.py`, the scores in `score.py`."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median

from undin.evaluate.offset import MAX_LAG_S
from undin.evaluate.score import SystemScores, mean_and_spread

DECIMALS = {"si_sdr": 2, "sdr": 2, "ssnr": 2, "treble_lsd_db": 2, "treble_level_db": 2}
TEXT_COLUMNS = {"system", "alone"}
GONE_DB = 20
MIN_GAIN_DB = 3
"""What a folder is softer or louder by that is told: speech loses less even where much noise is taken from it."""
NAMED = 10
"""How many files a note names."""


@dataclass(frozen=True)
class Summary:
    """Means of one system over all pairs (`snr_db` None) or over those of one SNR.

    `mean` and `spread` (standard deviation) leave out undefined scores, which `undefined` counts.
    """

    system: str
    snr_db: float | None
    pairs: int
    mean: dict[str, float]
    spread: dict[str, float]
    undefined: dict[str, int]


def summarise(scores: SystemScores) -> list[Summary]:
    """Average a system over all pairs, then per SNR from low to high where an index gave it."""
    snrs_db = sorted({file.snr_db for file in scores.files if file.snr_db is not None})
    return [_summarise(scores, snr_db) for snr_db in (None, *snrs_db)]


def _summarise(scores: SystemScores, snr_db: float | None) -> Summary:
    files = [file for file in scores.files if snr_db is None or file.snr_db == snr_db]
    mean, spread, undefined = {}, {}, {}
    for column in files[0].values:
        values = [file.values[column] for file in files]
        mean[column], spread[column] = mean_and_spread(values)
        undefined[column] = sum(map(math.isnan, values))
    return Summary(scores.name, snr_db, len(files), mean, spread, undefined)


@dataclass(frozen=True)
class NoiseSummary:
    """By how many dB one model attenuates noise alone; `share` of the pairs lose `GONE_DB` or more."""

    pairs: int
    mean_db: float
    median_db: float
    share: float


def summarise_noise(scores: SystemScores) -> NoiseSummary:
    """Sum up what noise alone loses in those pairs where there is any after its first second."""
    lost_db = [value for value in scores.noise_attenuation_db.values() if not math.isnan(value)]
    if not lost_db:
        return NoiseSummary(0, math.nan, math.nan, math.nan)
    return NoiseSummary(len(lost_db), fmean(lost_db), median(lost_db), fmean(value >= GONE_DB for value in lost_db))


def to_text(systems: Sequence[SystemScores]) -> str:
    """Render the tables that `undin evaluate` prints: all pairs, each SNR, clean speech alone, noise alone."""
    everything = {scores.name: summarise(scores) for scores in systems}
    files = systems[0].files
    minutes = sum(file.audio_seconds for file in files) / 60
    odd = sum(len(file.undefined) == len(file.values) for file in files)
    left_out = f" and {odd} that cannot be scored" if odd else ""
    pairs = f"{len(files) - odd} pairs{left_out}, {minutes:.1f} minutes"
    blocks = [f"{pairs}: mean and, under it, standard deviation over files"]

    rows = []
    for scores in systems:
        overall = everything[scores.name][0]
        mean = {"system": scores.name} | _cells(overall.mean)
        if scores.real_time_factor is not None:
            mean["rtf"] = f"{scores.real_time_factor:.4f}"
        if scores.macs_per_second is not None:
            mean["MMAC/s"] = f"{scores.macs_per_second / 1e6:.1f}"
        rows += [mean, {"system": "  ±"} | _cells(overall.spread)]
    blocks.append(_table(rows))

    by_snr = [summary for summaries in everything.values() for summary in summaries[1:]]
    by_snr.sort(key=lambda summary: summary.snr_db)
    if by_snr:
        rows = [{"snr_db": f"{s.snr_db:g}", "pairs": str(s.pairs), "system": s.system} | _cells(s.mean) for s in by_snr]
        blocks.append(_table(rows))

    models = [scores for scores in systems if scores.clean]
    if models:
        rows = [
            {"system": scores.name, "alone": title} | {f"{level} dBFS": f"{value:.2f}" for level, value in row.items()}
            for scores in models
            for title, row in _clean_rows(scores)
        ]
        blocks.append("clean speech alone, by the level of its active frames that goes in\n" + _table(rows))
        rows = [{"system": scores.name} | _noise_cells(summarise_noise(scores)) for scores in models]
        blocks.append("dB that noise alone loses after its first second\n" + _table(rows))

    notes = [note for scores in systems for note in _offset_notes(scores)] + list(_undefined_notes(systems))
    if notes:
        blocks.append("\n".join(notes))
    return "\n\n".join(blocks)


def is_complete(systems: Sequence[SystemScores]) -> bool:
    """Whether every pair has every score."""
    return not any(file.undefined for scores in systems for file in scores.files)


def to_json(systems: Sequence[SystemScores]) -> str:
    """Render everything: per system the summaries and every file; what has no finite value is null."""
    return json.dumps(
        {
            "systems": [
                _finite(
                    {"name": scores.name, "real_time_factor": scores.real_time_factor}
                    | {"macs_per_second": scores.macs_per_second}
                    | {"clean": {level: asdict(clean) for level, clean in scores.clean.items()}}
                    | {"noise_attenuation_db": scores.noise_attenuation_db}
                    | {"summaries": [asdict(summary) for summary in summarise(scores)]}
                    | {"files": [asdict(file) for file in scores.files]}
                )
                for scores in systems
            ]
        },
        indent=1,
        allow_nan=False,
    )


def to_csv(systems: Sequence[SystemScores]) -> str:
    """Render one row for each system and file; what is undefined stays empty."""
    text = io.StringIO()
    columns = ["system", "id", "snr_db", "audio_seconds", "processing_seconds", *systems[0].files[0].values]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for scores in systems:
        for file in scores.files:
            row = {"system": scores.name} | {name: getattr(file, name) for name in columns[1:5]} | file.values
            writer.writerow({name: "" if value != value else value for name, value in row.items()})
    return text.getvalue()


def _clean_rows(scores: SystemScores) -> Iterator[tuple[str, dict[int, float]]]:
    yield "dB that it loses", {level: clean.level_loss_db for level, clean in scores.clean.items()}
    pesq_wb = {level: clean.pesq_wb for level, clean in scores.clean.items()}
    if not all(map(math.isnan, pesq_wb.values())):
        yield "its PESQ-WB", pesq_wb


def _noise_cells(summary: NoiseSummary) -> dict[str, str]:
    values = {"mean": f"{summary.mean_db:.1f}", "median": f"{summary.median_db:.1f}"}
    return {"pairs": f"{summary.pairs}"} | values | {f"{GONE_DB} dB or more": f"{100 * summary.share:.0f} %"}


def _cells(values: dict[str, float]) -> dict[str, str]:
    return {column: f"{value:.{DECIMALS.get(column, 3)}f}" for column, value in values.items()}


def _table(rows: list[dict[str, str]]) -> str:
    """Align rows under their column names: text to the left, numbers to the right, holes as blanks."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    widths = {column: max(len(column), *(len(row.get(column, "")) for row in rows)) for column in columns}

    def line(row: dict[str, str]) -> str:
        cells = (
            row.get(column, "").ljust(widths[column])
            if column in TEXT_COLUMNS
            else row.get(column, "").rjust(widths[column])
            for column in columns
        )
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in [dict(zip(columns, columns, strict=True)), *rows])


def _offset_notes(scores: SystemScores) -> Iterator[str]:
    """Say where most outputs lie beside their clean signals, or have another level or polarity."""
    found = [file.offset for file in scores.files if file.offset]
    offsets = [offset for offset in found if offset.is_clear]
    of, cure = f"of {len(offsets)} pairs", "taken out here" if scores.is_aligned else "--align takes it out"
    if len(offsets) < len(found) / 2:
        yield (
            f"{scores.name}: {len(found) - len(offsets)} of {len(found)} pairs hardly resemble their clean files: "
            f"other speech, more than {MAX_LAG_S:g} s apart, or nothing but noise"
        )
    shifted = sorted((offset.lag_samples for offset in offsets if offset.lag_samples), key=abs)
    if len(shifted) > len(offsets) / 2:
        by = " to ".join(dict.fromkeys(str(abs(lag)) for lag in (shifted[0], shifted[-1])))
        yield (
            f"{scores.name}: {len(shifted)} {of} come {by} samples {'late' if median(shifted) > 0 else 'early'}, "
            f"and STOI, SI-SDR and others would call that distortion: {cure}"
        )
    reversed_ = sum(offset.gain < 0 for offset in offsets)
    if reversed_ > len(offsets) / 2:
        yield f"{scores.name}: {reversed_} {of} have their polarity reversed: {cure}"
    gain_db = 20 * math.log10(median(abs(offset.gain) for offset in offsets)) if offsets else 0
    if abs(gain_db) >= MIN_GAIN_DB:
        yield (
            f"{scores.name}: speech is {abs(gain_db):.1f} dB {'louder' if gain_db > 0 else 'softer'} than in the clean "
            f"files, the median {of}: {cure}"
        )


def _undefined_notes(systems: Sequence[SystemScores]) -> Iterator[str]:
    """Say which files have no score, of which systems and in which metrics, and why."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for scores in systems:
        for file in scores.files:
            for reason in dict.fromkeys(file.undefined.values()):
                columns = [column for column in file.undefined if file.undefined[column] == reason]
                missing = "no score" if len(columns) == len(file.values) > 1 else f"no {', '.join(columns)}"
                where.setdefault((file.id, missing, reason), []).append(scores.name)
    ids: dict[tuple[str, ...], list[str]] = {}
    for (id, missing, reason), names in where.items():
        whose = "" if len(names) == len(systems) > 1 else f"{', '.join(names)}: "
        ids.setdefault((whose, missing, reason), []).append(id)
    for (whose, missing, reason), of in ids.items():
        yield f"{whose}{missing} for {len(of)} of {len(systems[0].files)} pairs ({_named(of)}): {reason}"


def _named(ids: Sequence[str]) -> str:
    """The first of some names."""
    return ", ".join(ids[:NAMED]) + (", …" if len(ids) > NAMED else "")


def _finite(value):
    """Replace NaN and infinity, which JSON does not know, by None at any depth."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
