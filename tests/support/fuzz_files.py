"""Audio files with mutated headers through `undin enhance`: no crash, no hang, no loss without a word.

    python tests/support/fuzz_files.py 100000 --processes 2

Each is made from a sound file of a kind by a few changes near its start, by its number alone, so that what fails can
be made again (`--one NUMBER`).
"""

import io
import sys
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script
from support import fuzz

KINDS = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("W64", "IMA_ADPCM"),
    ("AIFF", "PCM_16"), ("AIFF", "ULAW"), ("AIFF", "IMA_ADPCM"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"),
    ("AU", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("NIST", "PCM_16"), ("VOC", "PCM_16"),
]  # fmt: skip
HEADER_BYTES = 120
MODEL = "undin-nano"


@cache
def sounds() -> list[bytes]:
    """A short file of each of `KINDS`."""
    samples = (0.1 * np.random.default_rng(0).standard_normal((2_400, 2))).astype(np.float32)
    files = []
    for container, subtype in KINDS:
        rate = {"OPUS": 8_000, "GSM610": 8_000}.get(subtype, 16_000)
        mono = container in ("W64", "NIST", "VOC") or subtype in ("GSM610", "IMA_ADPCM", "MS_ADPCM", "ULAW")
        file = io.BytesIO()
        soundfile.write(file, samples[:, 0] if mono else samples, rate, format=container, subtype=subtype)
        files.append(file.getvalue())
    return files


def kind(number: int) -> str:
    """Container and encoding of a number's file."""
    return " ".join(KINDS[number % len(KINDS)])


def mutated(number: int) -> bytes:
    """The file of a number: one of a kind with a few changes, most of them in its header."""
    rng = np.random.default_rng(number)
    content = bytearray(sounds()[number % len(KINDS)])
    for _ in range(rng.integers(1, 4)):
        end = min(len(content), HEADER_BYTES if rng.random() < 0.9 else len(content))
        change(content, int(rng.integers(0, max(1, end))), rng)
        if not content:
            break
    return bytes(content)


def change(content: bytearray, place: int, rng: np.random.Generator) -> None:
    """Change bytes in one of the ways in which files are spoilt."""
    match rng.integers(0, 7):
        case 0:
            content[place : place + 1] = bytes([content[place] ^ 1 << int(rng.integers(0, 8))])
        case 1:
            content[place : place + 1] = rng.bytes(1)
        case 2 | 3:
            order = "little" if rng.random() < 0.6 else "big"
            size = int(rng.choice([2, 4, 8]))
            value = int(rng.choice(fuzz.NUMBERS)) % 2 ** (8 * size)
            content[place : place + size] = value.to_bytes(size, order)
        case 4:
            del content[place : place + int(rng.integers(1, 9))]
        case 5:
            content[place:place] = rng.bytes(int(rng.integers(1, 9)))
        case 6:
            del content[int(rng.integers(0, len(content) + 1)) :]


def check(number: int, folder: Path) -> str:
    """Enhance the file of a number; how that went in a word, `AssertionError` where it went wrong."""
    from undin.cli.files import Failure, Settings, attempt
    from undin.cli.outputs import Job
    from undin.io import audio

    suffix = KINDS[number % len(KINDS)][0].lower().replace("wavex", "wav")
    job = Job(folder / f"in.{suffix}", folder / f"out.{suffix}", None)
    job.source.write_bytes(mutated(number))
    outcome = attempt(job, Settings(MODEL, None), lambda seconds: None)
    assert sorted(path.name for path in folder.iterdir()) in (
        [job.source.name],
        [job.source.name, job.output.name],
    ), "something half-written stays"
    if isinstance(outcome, Failure):
        assert outcome.reason and "\n" not in outcome.reason, "no sentence"
        assert not job.output.exists(), "failed, and left an output"
        return "refused"
    assert outcome.audio_seconds or outcome.warnings, "empty without a word"
    length = round(outcome.audio_seconds * outcome.sample_rate)
    found = len(audio.read(job.output)[0])
    assert found == length, f"{found} samples in the output of {length}"
    return "told of" if outcome.warnings else "done"


def prepare() -> None:
    """Compile and load the model."""
    from undin import Stream

    Stream(model=MODEL)


TARGET = fuzz.Target(__file__, kind, mutated, check, prepare)

if __name__ == "__main__":
    sys.exit(fuzz.main(TARGET, __doc__))
