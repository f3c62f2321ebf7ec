"""Write the card of a model beside its file: what it is, what it learnt from, and its scores, measured here and now.

What it says of the training is a form that the metadata fill in; `## Notes` holds what a form cannot, and is kept from
the card that was there. Usage, from the repository's root, with the audio of `../shared` in its place::

    python research/model_card.py src/undin/model/weights/undin-tiny.onnx [--note TEXT] [--keep-scores]
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from model_scores import SETS, VALID48, EvaluationSet, markdown_table, score_cells, scored

from undin.evaluate.metrics import has_treble
from undin.evaluate.report import to_text
from undin.evaluate.score import SystemScores
from undin.io.files import replacing
from undin.model.lineage import Ancestor, by_key
from undin.model.metadata import Metadata

COLUMNS = {"pesq_wb": "PESQ-WB", "stoi": "STOI", "si_sdr": "SI-SDR, dB"}
TREBLE_COLUMNS = {
    "treble_lsd_db": "log-spectral distance, dB",
    "treble_level_db": "level over that of clean speech, dB",
}

STEPS = {"steps": "training.steps", "learning rate": "optimiser.learning_rate", "seed": "training.seed"}
"""Keys of a recipe that have a column of their own in the lineage."""

ABOUT = """\
Real-time speech denoising. This card was written by `research/model_card.py`.
"""

ABOUT_LINEAGE = """\
Each row but the first started from the weights of the row above; the last is this model, by the recipe in its metadata.
"""

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
    parser.add_argument("--note", help="what else should be known of the training (default: what the card says there)")
    parser.add_argument("--jobs", type=int, help="processes that score (default: one a core)")
    parser.add_argument("--keep-scores", action="store_true", help="write the form alone anew, and measure nothing")
    args = parser.parse_args()
    path, metadata = args.model.with_suffix(".md"), Metadata.of_onnx_file(args.model)
    _, notes, scores = parts(path.read_text(encoding="utf-8")) if path.exists() else ("", "", "")
    if args.note is not None:
        notes = f"## Notes\n\n{args.note}\n\n" if args.note else ""
    if not args.keep_scores:
        sets = (*SETS, VALID48) if has_treble(metadata.sample_rate) else SETS
        scores = "\n".join(measured({one: scored([str(args.model)], one, jobs=args.jobs) for one in sets}))
    with replacing(path) as partial:
        partial.write_text("\n".join(form(metadata)) + notes + scores, encoding="utf-8")


def parts(card: str) -> tuple[str, str, str]:
    """Part a card into its form, its notes, empty if it has none, and its scores with what follows."""
    form_and_notes, head, scores = card.partition("## Scores\n")
    before, notes_head, notes = form_and_notes.partition("## Notes\n")
    return before, notes_head + notes, head + scores


def form(metadata: Metadata) -> Iterator[str]:
    """What the metadata tell of a model and its training, as lines of Markdown."""
    recipe = json.loads(metadata.recipe)
    parent = metadata.ancestors[-1] if metadata.ancestors else None
    rows = {
        "parameters": f"{metadata.parameters:,}",
        "multiply-accumulates": f"{metadata.macs_per_second / 1e6:.1f} million a second of audio",
        "state": f"{4 * metadata.state_size / 1000:.1f} kB a stream",
        "sample rate": f"{metadata.sample_rate} Hz inside; `Stream` takes any",
        "analysis": f"{metadata.n_fft}-point transform, window {metadata.window}, hop {metadata.hop} samples",
        "latency": f"{1000 * metadata.latency_samples / metadata.sample_rate:.1f} ms at its own rate",
        "recipe": f"`recipes/{recipe['name']}.toml`, as the metadata hold it",
        "starts from": f"{parent.name} of {parent.hours_trained:.0f} h" if parent else "fresh weights",
        "trained on": f"{metadata.hours_trained:.0f} h",
        "data and their licences": metadata.training_data,
        "batches": f"{recipe['training']['batch_size']} × {recipe['data']['segment_seconds']:g} s",
        "seed": f"{recipe['training']['seed']}",
        "code": f"commit {metadata.commit}",
        "licence of the weights": metadata.licence,
    }
    yield from [f"# {metadata.name}", "", ABOUT, "| | |", "|---|---|"]
    yield from (f"| {name} | {value} |" for name, value in rows.items())
    yield from ["", "## Lineage", "", ABOUT_LINEAGE, *markdown_table(lineage(metadata)), "", ""]


def lineage(metadata: Metadata) -> Iterator[Sequence[str]]:
    """A row for every training that the weights come from, the oldest first."""
    yield ["weights", "trained on", "commit", *STEPS, "what else the recipe had other than in the next row"]
    recipe, rows = by_key(json.loads(metadata.recipe)), []
    this = Ancestor(name=metadata.name, hours_trained=metadata.hours_trained, commit=metadata.commit, changes={})
    for one in (this, *reversed(metadata.ancestors)):
        recipe |= one.changes
        others = (f"`{key}` {_plain(value)}" for key, value in one.changes.items() if key not in STEPS.values())
        steps = (_plain(recipe[key]) for key in STEPS.values())
        rows.append([one.name, f"{one.hours_trained:.0f} h", one.commit, *steps, ", ".join(others)])
    yield from reversed(rows)


def _plain(value: Any) -> str:
    return "not set" if value is None else f"{value:g}" if isinstance(value, float) else f"{value}"


def measured(scores: dict[EvaluationSet, list[SystemScores]]) -> Iterator[str]:
    """The rest of the card, given the scores of the noisy input and of the model on each set, as lines of Markdown."""
    yield from ["## Scores", "", ABOUT_SCORES, *markdown_table(summary(scores, COLUMNS)), ""]
    if full_band := {one: systems for one, systems in scores.items() if "treble" in one.metrics}:
        yield from ["Between 8 and 20 kHz:", "", *markdown_table(summary(full_band, TREBLE_COLUMNS)), ""]
    yield ABOUT_TABLES
    for one, systems in scores.items():
        yield from [f"### {one.name}", "", one.about, "", "```", to_text(systems), "```", ""]
    yield from ["## Limits", "", LIMITS]


def summary(scores: dict[EvaluationSet, list[SystemScores]], columns: dict[str, str]) -> Iterator[Sequence[str]]:
    """Rows of scores on whole sets, in these metrics by their titles."""
    yield ["set", "system", *columns.values()]
    for one, systems in scores.items():
        for system in systems:
            yield [one.name, system.name, *score_cells(system, columns)]


if __name__ == "__main__":
    main()
