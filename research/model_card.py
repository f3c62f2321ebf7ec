"""Write the card of a model beside its file: what it is, what it learnt from, and its scores, measured here and now.

Usage, from the repository's root, with the audio of `../shared` in its place::

    python research/model_card.py src/undin/model/weights/undin-tiny.onnx
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from model_scores import SETS, VALID48, EvaluationSet, markdown_table, score_cells, scored

import undin
from undin.evaluate.metrics import has_treble
from undin.evaluate.report import to_text
from undin.evaluate.score import SystemScores
from undin.io.files import replacing
from undin.model.metadata import Metadata

COLUMNS = {"pesq_wb": "PESQ-WB", "stoi": "STOI", "si_sdr": "SI-SDR, dB"}
TREBLE_COLUMNS = {
    "treble_lsd_db": "log-spectral distance, dB",
    "treble_level_db": "level over that of clean speech, dB",
}

LIMITS = """\
The model knows voices close to a microphone, mostly reading or commanding, in English and German. It takes all that is
not speech for noise: music and laughter go. Singing, children, other languages, several people at once and whispering
are hardly in its training data. Much reverberation was not tested. At −5 dB SNR and below, expect words to be lost.
"""

ABOUT_SCORES = """\
Mean ± standard error over the pairs of each set. They are of one training with one seed: by how much another would move
them is not in these errors.
"""

ABOUT_TABLES = """\
PESQ is wide-band (ITU-T P.862.2), SI-SDR in dB, `rtf` processor seconds on one thread for a second of audio. Speech
alone is scored against itself as it went in; noise alone is what sets the noisy file of a pair from the clean one.
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--note", default="", help="what else should be known of the training")
    parser.add_argument("--jobs", type=int, help="processes that score (default: one a core)")
    args = parser.parse_args()
    metadata = undin.load(args.model).metadata
    sets = (*SETS, VALID48) if has_treble(metadata.sample_rate) else SETS
    scores = {one: scored([str(args.model)], one, jobs=args.jobs) for one in sets}
    with replacing(args.model.with_suffix(".md")) as partial:
        partial.write_text("\n".join(card(metadata, scores, note=args.note)), encoding="utf-8")


def card(metadata: Metadata, scores: dict[EvaluationSet, list[SystemScores]], *, note: str) -> Iterator[str]:
    """The card as lines of Markdown, given the scores of the noisy input and of the model on each set."""
    recipe = json.loads(metadata.recipe)
    training = recipe["training"]
    rows = {
        "parameters": f"{metadata.parameters:,}",
        "multiply-accumulates": f"{metadata.macs_per_second / 1e6:.1f} million a second of audio",
        "state": f"{4 * metadata.state_size / 1000:.1f} kB a stream",
        "sample rate": f"{metadata.sample_rate} Hz inside; `Stream` takes any",
        "analysis": f"{metadata.n_fft}-point transform, window {metadata.window}, hop {metadata.hop} samples",
        "latency": f"{1000 * metadata.latency_samples / metadata.sample_rate:.1f} ms at its own rate",
        "audio heard in training": f"{metadata.hours_heard} h",
        "data and their licences": metadata.training_data.partition(" mixed of ")[2] or metadata.training_data,
        "starts from": training.get("init") or "fresh weights",
        "batches": f"{training['batch_size']} × {recipe['data']['segment_seconds']:g} s",
        "seed": f"{training['seed']}",
        "code": f"commit {metadata.commit}",
        "licence of the weights": metadata.licence,
    }
    yield from [f"# {metadata.name}", ""]
    yield f"Real-time speech denoising, trained by `recipes/{recipe['name']}.toml` (also in its metadata)."
    yield from ["This card was written by `research/model_card.py`.", ""]
    yield from ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), ""]
    if note:
        yield from [note, ""]
    yield from ["## Scores", "", ABOUT_SCORES, *markdown_table(summary(scores, COLUMNS)), ""]
    if full_band := {one: systems for one, systems in scores.items() if "treble" in one.metrics}:
        yield from ["Between 8 and 20 kHz:", "", *markdown_table(summary(full_band, TREBLE_COLUMNS)), ""]
    yield ABOUT_TABLES
    for one, systems in scores.items():
        yield from [f"### {one.name}", "", one.about, "", "```", to_text(systems), "```", ""]
    yield from ["## Limits", "", LIMITS]


def summary(scores: dict[EvaluationSet, list[SystemScores]], columns: dict[str, str]) -> Iterator[Sequence[str]]:
    """Rows of scores on whole sets, in these metrics by their titles."""
    yield ["", "", *columns.values()]
    for one, systems in scores.items():
        for system in systems:
            yield [one.name, system.name, *score_cells(system, columns)]


if __name__ == "__main__":
    main()
