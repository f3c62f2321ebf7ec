"""Does a recogniser understand more of what undin enhanced? Word errors of pocketsphinx, on a page of this name.

On valid, which has no transcripts, its words are held to those that it hears in the clean file; limits of attenuation
are chosen there. On the quarter of VoiceBank-DEMAND they are held to what was read, out of a file of lines
``p232_001<TAB>Please call Stella.``, as VCTK tells it. Of models that are named it prints the tables. A second of sound
takes about one of a core; what was heard may be kept in a folder, so that only new weights take it again. Usage, from
the repository's root, after ``pip install pocketsphinx``::

    python research/recogniser.py [MODEL ...] [--transcripts FILE] [--every N] [--keep FOLDER]
"""

import argparse
import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from model_scores import QUARTER, VALID, EvaluationSet, markdown_table
from peers import MODELS

import undin
from undin.io.audio import read
from undin.io.files import replacing
from undin.model.loading import DEFAULT, load_once

PAGE = Path(__file__).with_suffix(".md")
RATE_HZ = 16_000
LIMITS_DB = (None, 20.0, 12.0, 6.0)
"""Of attenuation. All of them are tried with the default model, and with those that are named."""
System = tuple[str, float | None]
"""A model and the limit of its attenuation, dB."""

ABOUT = """\
# What a recogniser understands

Measured by `python research/recogniser.py{every}`: words of pocketsphinx 5, a small recogniser of mixtures
of Gaussians whose training held no noise. What it gains tells what old ones gain, and what it loses warns. The last
column has the standard error over files.
"""


def main() -> None:
    """Measure, and write the page or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="names or files (default: all, and the page is written)"
    )
    parser.add_argument("--transcripts", type=Path, help="what was read in the quarter of VoiceBank-DEMAND")
    parser.add_argument("--every", type=int, default=1, help="use each so-manieth pair")
    parser.add_argument("--keep", type=Path, help="folder of what was heard (default: one that goes)")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    systems: list[System] = []
    for model in args.models or MODELS:
        limits = LIMITS_DB if args.models or model == DEFAULT else LIMITS_DB[:1]
        systems += [(model, limit_db) for limit_db in limits]
    parts = [ABOUT.format(every=f" --every {args.every}" if args.every > 1 else "")]
    with tempfile.TemporaryDirectory(prefix="undin") as name:
        keep = args.keep or Path(name)
        keep.mkdir(parents=True, exist_ok=True)
        for on, transcripts in ((VALID, None), (QUARTER, args.transcripts)):
            if on is VALID or transcripts:
                rows = table(on, systems, transcripts, every=args.every, jobs=args.jobs, keep=keep)
                parts.append(f"## {on.name}\n\n" + "\n".join(rows) + "\n")
    text = "\n".join(parts)
    if args.models:
        print(text)
        return
    with replacing(PAGE) as partly:
        partly.write_text(text, encoding="utf-8")


def table(
    on: EvaluationSet,
    systems: Sequence[System],
    transcripts: Path | None,
    *,
    every: int,
    jobs: int,
    keep: Path,
) -> Iterator[str]:
    """Rows of word errors; where it is not told what was said, clean speech tells it."""
    names = [path.name for path in sorted((on.folder / "clean").iterdir())][::every]
    with ProcessPoolExecutor(jobs) as pool:
        clean = list(pool.map(partial(heard, on.folder / "clean", None, keep), names))
        said = clean
        if transcripts:
            lines = dict(line.split("\t", 1) for line in transcripts.read_text().splitlines())
            said = [words(lines[Path(name).stem]) for name in names]
        noisy = list(pool.map(partial(heard, on.folder / "noisy", None, keep), names))
        rows = [["", "word error, %", "of it substituted", "lost", "made up", "more than of noisy"]]
        if transcripts:
            rows.append(["clean", *errors(said, clean, noisy)])
        rows.append(["noisy", *errors(said, noisy, noisy)])
        for model, limit_db in systems:
            texts = list(pool.map(partial(heard, on.folder / "noisy", (model, limit_db), keep), names))
            title = model if limit_db is None else f"{model}, at most {limit_db:g} dB"
            rows.append([title, *errors(said, texts, noisy)])
    yield f"{len(names)} files, {sum(map(len, said))} words.\n"
    yield from markdown_table(rows)


def heard(folder: Path, system: System | None, keep: Path, name: str) -> list[str]:
    """What pocketsphinx understands of a file, enhanced by a model up to a limit in dB, or as it is."""
    from pocketsphinx import Decoder

    audio = read(folder / name)[0][:, 0]
    if system:
        model, limit_db = system
        audio = undin.enhance(audio, sample_rate=RATE_HZ, model=load_once(model), atten_lim_db=limit_db)
    samples = (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
    kept = keep / f"{hashlib.sha256(samples).hexdigest()}.txt"
    if not kept.exists():
        # One decoder a file: it keeps a mean of the channel from one utterance to the next.
        decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        with replacing(kept) as partly:
            partly.write_text(decoder.hyp().hypstr if decoder.hyp() else "", encoding="utf-8")
    return words(kept.read_text(encoding="utf-8"))


def words(text: str) -> list[str]:
    """Words without what surrounds them."""
    return re.findall(r"[a-z']+", text.lower())


def errors(said: Sequence[list[str]], heard: Sequence[list[str]], noisy: Sequence[list[str]]) -> list[str]:
    """Word error over all files, its three parts, and how much more it is than of noisy files, in % of the words said.

    The last has its standard error, as a ratio of two sums over files has it (Cochran, "Sampling Techniques", 1977).
    """
    counts = np.array(list(map(len, said)))
    parts, before = (np.array(list(map(distance, said, texts))) for texts in (heard, noisy))
    shares = 100 * parts.sum(axis=0) / counts.sum()
    more = (parts - before).sum(axis=1)
    mean = more.sum() / counts.sum()
    deviation = np.linalg.norm(more - mean * counts) * (len(said) / max(len(said) - 1, 1)) ** 0.5 / counts.sum()
    compared = f"{100 * mean:+.1f} ± {100 * deviation:.1f}".replace("-", "−")
    return [*(f"{share:.1f}" for share in (shares.sum(), *shares)), compared]


def distance(said: list[str], heard: list[str]) -> tuple[int, int, int]:
    """Words substituted, lost and made up, by the fewest changes (Levenshtein)."""
    row = [(count, 0, 0, count) for count in range(len(heard) + 1)]  # all, substituted, lost, made up
    for count, word in enumerate(said, 1):
        above, row = row, [(count, 0, count, 0)]
        for index, other in enumerate(heard):
            total, substituted, lost, made_up = above[index]
            change = int(word != other)
            along = (total + change, substituted + change, lost, made_up)
            total, substituted, lost, made_up = above[index + 1]
            down = (total + 1, substituted, lost + 1, made_up)
            total, substituted, lost, made_up = row[index]
            row.append(min(along, down, (total + 1, substituted, lost, made_up + 1)))
    return row[-1][1:]


if __name__ == "__main__":
    main()
