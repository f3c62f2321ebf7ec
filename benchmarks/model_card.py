"""Write the card of a model beside its file: what it is, what it learnt from, and its scores, measured here and now.

Usage, from the repository's root, with the audio of `../shared` in its place::

    python benchmarks/model_card.py src/undin/weights/undin-tiny.onnx
"""

import argparse
import json
from pathlib import Path

import undin
from undin.evaluate.report import to_text
from undin.evaluate.score import evaluate_pairs
from undin.files import replacing
from undin.metadata import Metadata

SETS = {
    "valid": (
        "100 pairs: LibriSpeech test-other speakers in noise, neither of them in the training data, SNR −5 to 15 dB. "
        "Choices in training were made on these pairs, so their scores flatter.",
        Path("../shared/data/valid"),
    ),
    "VoiceBank-DEMAND, a quarter of the test set": (
        "206 pairs, every fourth utterance of the test set of Valentini-Botinhao (2017). Nothing was chosen on them.",
        Path("../shared/data/test/voicebank_demand_quarter"),
    ),
}

LIMITS = """\
The model knows voices close to a microphone, mostly reading or commanding, in English and German. It takes all that is
not speech for noise: music and laughter go. Singing, children, other languages, several people at once and whispering
are hardly in its training data. Much reverberation was not tested. At −5 dB SNR and below, expect words to be lost.
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--note", default="", help="what else should be known of the training")
    args = parser.parse_args()
    metadata = undin.load(args.model).metadata
    tables = {}
    for title, (_, folder) in SETS.items():
        systems = evaluate_pairs(folder / "clean", folder / "noisy", models=[str(args.model)])
        systems[1].name = metadata.name
        tables[title] = to_text(systems)
    with replacing(args.model.with_suffix(".md")) as partial:
        partial.write_text(card(metadata, tables, note=args.note), encoding="utf-8")


def card(metadata: Metadata, tables: dict[str, str], *, note: str) -> str:
    """Return the card as Markdown, given the metadata and a text table of scores for each of `SETS`."""
    recipe = json.loads(metadata.recipe)
    training = recipe["training"]
    rows = {
        "parameters": f"{metadata.parameters:,}",
        "multiply-accumulates": f"{metadata.macs_per_second / 1e6:.1f} million a second of audio",
        "state": f"{4 * metadata.state_size / 1000:.1f} kB a stream",
        "sample rate": f"{metadata.sample_rate} Hz inside; `Stream` takes any",
        "analysis": f"{metadata.n_fft}-point transform, window {metadata.window}, hop {metadata.hop} samples",
        "latency": f"{1000 * metadata.latency_samples / metadata.sample_rate:.1f} ms at its own rate",
        "trained on": metadata.training_data,
        "batches": f"{training['batch_size']} × {recipe['data']['segment_seconds']:g} s, seed {training['seed']}",
        "code": f"commit {metadata.commit}",
        "licence": metadata.licence,
    }
    lines = [
        f"# {metadata.name}",
        "",
        f"Real-time speech denoising, trained by `recipes/{recipe['name']}.toml` (also in its metadata).",
        "This card was written by `benchmarks/model_card.py`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        *(["", note] if note else []),
        "",
        "## Scores",
        "",
        "PESQ is wide-band (ITU-T P.862.2), SI-SDR in dB, `rtf` processor seconds on one thread for a second of audio.",
    ]
    for title, table in tables.items():
        lines += ["", f"### {title}", "", SETS[title][0], "", "```", table, "```"]
    return "\n".join([*lines, "", "## Limits", "", LIMITS])


if __name__ == "__main__":
    main()
