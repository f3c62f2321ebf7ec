"""Means, tables and files made of scores."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from undin.evaluate import report
from undin.evaluate.offset import Offset
from undin.evaluate.plot import save_plot
from undin.evaluate.score import SystemScores, evaluate_pairs
from undin.evaluate.tasks import CleanScore, FileScore

pytestmark = pytest.mark.quick

REASON = "PESQ finds no utterance"
ALONE = {
    "clean": {-45: CleanScore(0.25, 4.5), -5: CleanScore(math.inf, math.nan)},
    "noise_attenuation_db": {"000": 12.0, "001": 30.0, "002": math.nan},
}


def system(name, *, pesq_wb, snr_db=(0, 0, 10), **rest):
    files = [
        FileScore(
            id=f"{place:03}",
            snr_db=snr,
            audio_seconds=2.0,
            values={"pesq_wb": score, "si_sdr": 10.0 * place},
            undefined={"pesq_wb": REASON} if math.isnan(score) else {},
            processing_seconds=0.1 if rest else None,
        )
        for place, (score, snr) in enumerate(zip(pesq_wb, snr_db, strict=True))
    ]
    return SystemScores(name, files, **rest)


@pytest.fixture
def systems():
    return [
        system("noisy", pesq_wb=[1.0, 2.0, math.nan]),
        system("tiny", pesq_wb=[2.0, 3.0, 4.0], macs_per_second=45e6, **ALONE),
    ]


def test_means_leave_out_and_count_what_is_undefined(systems):
    overall, at_0_db, at_10_db = report.summarise(systems[0])
    assert (overall.mean["pesq_wb"], overall.spread["pesq_wb"], overall.undefined["pesq_wb"]) == (1.5, 0.5, 1)
    assert (overall.mean["si_sdr"], overall.undefined["si_sdr"]) == (10, 0)
    assert (at_0_db.snr_db, at_0_db.pairs, at_0_db.mean["si_sdr"]) == (0, 2, 5)
    assert (at_10_db.snr_db, at_10_db.pairs, at_10_db.undefined["pesq_wb"]) == (10, 1, 1)
    assert math.isnan(at_10_db.mean["pesq_wb"])


def test_text_shows_systems_snrs_speed_losses_and_reasons(systems):
    text = report.to_text(systems)
    rows = [line.split() for line in text.splitlines()]
    assert ["noisy", "1.500", "10.00"] in rows
    assert ["tiny", "3.000", "10.00", "0.0500", "45.0"] in rows  # 0.3 s of processor for 6 s of audio
    assert ["10", "1", "tiny", "4.000", "20.00"] in rows
    assert ["tiny", *"dB that it loses".split(), "0.25", "inf"] in rows
    assert ["tiny", "its", "PESQ-WB", "4.50", "nan"] in rows
    assert ["tiny", "2", "21.0", "21.0", "50", "%"] in rows  # of noise, where one pair has none that counts
    assert f"noisy: no pesq_wb for 1 of 3 pairs (002): {REASON}" in text
    assert not report.is_complete(systems) and report.is_complete(systems[1:])


def test_what_all_systems_lack_is_told_once(systems):
    reason, nothing = "it is cut short", dict.fromkeys(systems[0].files[0].values, math.nan)
    for scores in systems:
        scores.files[1:] = [
            replace(file, values=nothing, undefined=dict.fromkeys(nothing, reason)) for file in scores.files[1:]
        ]
    text = report.to_text(systems)
    assert f"\nno score for 2 of 3 pairs (001, 002): {reason}" in text
    assert text.count(reason) == 1 and "1 pairs and 2 that cannot be scored" in text


def offsets(lags, *, gain=1.0, similarity=0.9):
    scores = system("tool", pesq_wb=[1.0] * len(lags))
    scores.files = [
        replace(file, offset=Offset(lag, gain, similarity)) for file, lag in zip(scores.files, lags, strict=True)
    ]
    return scores


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (offsets([512, 512, 512]), "tool: 3 of 3 pairs come 512 samples late, "),
        (offsets([-3, 0, -700]), "tool: 2 of 3 pairs come 3 to 700 samples early, "),
        (offsets([0] * 3, gain=-0.99), "tool: 3 of 3 pairs have their polarity reversed: --align takes it out"),
        (offsets([0] * 3, gain=0.5), "tool: speech is 6.0 dB softer than in the clean files"),
        (offsets([0] * 3, gain=4), "tool: speech is 12.0 dB louder than in the clean files"),
        (offsets([9, 7, 8], similarity=0.1), "tool: 3 of 3 pairs hardly resemble their clean files"),
    ],
)
def test_what_lies_beside_the_clean_files_is_told(scores, told):
    assert told in report.to_text([scores])
    scores.is_aligned = True
    assert "--align" not in report.to_text([scores])


def test_what_lies_on_the_clean_files_is_not_told_of():
    assert "tool: " not in report.to_text([offsets([0, 0, 5], gain=0.8)])


def test_without_an_index_there_are_no_rows_by_snr():
    alone = system("noisy", pesq_wb=[1.0, 2.0], snr_db=[None, None])
    assert len(report.summarise(alone)) == 1
    assert "snr_db" not in report.to_text([alone])


def test_json_is_standard_and_complete(systems):
    noisy, tiny = json.loads(report.to_json(systems), parse_constant=pytest.fail)["systems"]
    assert noisy["files"][2] == {
        "id": "002",
        "snr_db": 10,
        "audio_seconds": 2.0,
        "values": {"pesq_wb": None, "si_sdr": 20.0},
        "undefined": {"pesq_wb": REASON},
        "offset": None,
        "processing_seconds": None,
    }
    assert tiny["summaries"][0]["mean"] == {"pesq_wb": 3.0, "si_sdr": 10.0}
    assert tiny["real_time_factor"] == pytest.approx(0.05)
    assert tiny["clean"]["-45"] == {"level_loss_db": 0.25, "pesq_wb": 4.5}
    assert tiny["clean"]["-5"] == {"level_loss_db": None, "pesq_wb": None}
    assert tiny["noise_attenuation_db"] == {"000": 12.0, "001": 30.0, "002": None}


def test_csv_has_a_row_for_each_system_and_file(systems):
    rows = list(csv.DictReader(io.StringIO(report.to_csv(systems))))
    assert [(row["system"], row["id"]) for row in rows] == [
        (name, f"00{i}") for name in ("noisy", "tiny") for i in "012"
    ]
    assert rows[2]["pesq_wb"] == ""
    assert float(rows[3]["pesq_wb"]) == 2


@pytest.mark.parametrize("has_index", [True, False])
def test_a_picture_is_written_in_the_format_of_its_suffix(systems, tmp_path, has_index):
    if not has_index:
        systems = [system(name, pesq_wb=[1.0, math.nan], snr_db=[None, None]) for name in ("noisy", "tiny")]
    save_plot(systems, tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
    save_plot(systems, tmp_path / "scores.svg")
    svg = (tmp_path / "scores.svg").read_text()
    assert svg.count('id="axes_') == 2


def test_an_unknown_metric_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown metric 'pesq': choose from pesq_wb, pesq_nb, composite, stoi"):
        evaluate_pairs(tmp_path, tmp_path, chosen=["pesq"])
