"""Does a recogniser understand more of what undin enhanced? Word errors of pocketsphinx in noisy and enhanced speech.

It is a small recogniser, of mixtures of Gaussians, whose training held no noise: what it gains tells what old ones
gain, and what it loses warns. ``pip install pocketsphinx`` first. On valid, which has no transcripts, its words are
held to those that it hears in the clean file; limits of attenuation are chosen there. On the quarter of
VoiceBank-DEMAND they are held to what was read, out of a file of lines ``p232_001<TAB>Please call Stella.``, as VCTK
tells it. Usage, from the repository's root::

    python research/recogniser.py undin-nano undin-small --limits 20 12 6 [--transcripts FILE]
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from model_scores import QUARTER, VALID, EvaluationSet, markdown_table

import undin
from undin.io.audio import read
from undin.model.loading import load_once

RATE_HZ = 16_000
System = tuple[str, float | None]
"""A model and the limit of its attenuation, dB."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--limits", nargs="*", type=float, default=[], metavar="DB", help="of attenuation; none always")
    parser.add_argument("--transcripts", type=Path, help="what was read in the quarter of VoiceBank-DEMAND")
    parser.add_argument("--every", type=int, default=1, help="use each so-manieth pair")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    limits = (None, *sorted(args.limits, reverse=True))
    systems = [None, *((model, limit) for model in args.models for limit in limits)]
    for on, transcripts in ((VALID, None), (QUARTER, args.transcripts)):
        if on is VALID or transcripts:
            print(f"\n{on.name}\n\n" + "\n".join(table(on, systems, transcripts, every=args.every, jobs=args.jobs)))


def table(
    on: EvaluationSet,
    systems: Sequence[tuple[str, float | None] | None],
    transcripts: Path | None,
    *,
    every: int,
    jobs: int,
) -> Iterator[str]:
    """Rows of word errors; where it is not told what was said, clean speech tells it."""
    names = [path.name for path in sorted((on.folder / "clean").iterdir())][::every]
    with ProcessPoolExecutor(jobs) as pool:
        clean = list(pool.map(partial(heard, on.folder / "clean", None), names))
        said = clean
        if transcripts:
            lines = dict(line.split("\t", 1) for line in transcripts.read_text().splitlines())
            said = [words(lines[Path(name).stem]) for name in names]
        count = sum(map(len, said))
        rows = [["", "word error, %", "of it substituted", "lost", "made up"]]
        if transcripts:
            rows.append(["clean", *errors(said, clean)])
        for system in systems:
            texts = list(pool.map(partial(heard, on.folder / "noisy", system), names))
            title = "noisy" if system is None else system[0]
            if system and system[1] is not None:
                title += f", at most {system[1]:g} dB"
            rows.append([title, *errors(said, texts)])
    yield f"{len(names)} files, {count} words.\n"
    yield from markdown_table(rows)


def heard(folder: Path, system: System | None, name: str) -> list[str]:
    """What pocketsphinx understands of a file, enhanced by a model up to a limit in dB, or as it is."""
    from pocketsphinx import Decoder

    audio = read(folder / name)[0][:, 0]
    if system:
        model, limit_db = system
        audio = undin.enhance(audio, sample_rate=RATE_HZ, model=load_once(model), atten_lim_db=limit_db)
    # One decoder a file: it keeps a mean of the channel from one utterance to the next.
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    return words(decoder.hyp().hypstr if decoder.hyp() else "")


def words(text: str) -> list[str]:
    """Words without what surrounds them."""
    return re.findall(r"[a-z']+", text.lower())


def errors(said: Sequence[list[str]], heard: Sequence[list[str]]) -> list[str]:
    """Word error over all files, and its three parts, in per cent of the words that were said."""
    parts = np.sum([distance(*pair) for pair in zip(said, heard, strict=True)], axis=0)
    return [f"{100 * part / sum(map(len, said)):.1f}" for part in (parts.sum(), *parts)]


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
