"""Audio files with mutated headers through `undin enhance`, as many as one likes: no crash, no hang, no silent loss.

    python tests/support/fuzz_files.py 100000 --processes 2

Each is made from a sound file of a kind by a few changes near its start, by its number alone, so that what fails can
be made again (`--one NUMBER`). They run in batches, each a process of its own: a decoder that crashes or hangs takes no
other batch with it, and is named. Inputs that crash other software are not for committing.
"""

import argparse
import io
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

KINDS = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("W64", "IMA_ADPCM"),
    ("AIFF", "PCM_16"), ("AIFF", "ULAW"), ("AIFF", "IMA_ADPCM"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"),
    ("AU", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("NIST", "PCM_16"), ("VOC", "PCM_16"),
]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 127, 128, 255, 256, 32_767, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
HEADER_BYTES = 120
MAX_SECONDS = 5.0
MEMORY_BYTES = 4 * 2**30


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


def mutated(files: list[bytes], number: int) -> bytes:
    """The file of a number: one of a kind with a few changes, most of them in its header."""
    rng = np.random.default_rng(number)
    content = bytearray(files[number % len(files)])
    for _ in range(rng.integers(1, 4)):
        end = min(len(content), HEADER_BYTES if rng.random() < 0.9 else len(content))
        place = int(rng.integers(0, max(1, end)))
        match rng.integers(0, 7):
            case 0:
                content[place : place + 1] = bytes([content[place] ^ 1 << int(rng.integers(0, 8))])
            case 1:
                content[place : place + 1] = rng.bytes(1)
            case 2 | 3:
                order = "little" if rng.random() < 0.6 else "big"
                size = int(rng.choice([2, 4, 8]))
                value = int(rng.choice(NUMBERS)) % 2 ** (8 * size)
                content[place : place + size] = value.to_bytes(size, order)
            case 4:
                del content[place : place + int(rng.integers(1, 9))]
            case 5:
                content[place:place] = rng.bytes(int(rng.integers(1, 9)))
            case 6:
                del content[int(rng.integers(0, len(content) + 1)) :]
        if not content:
            break
    return bytes(content)


def check(number: int, files: list[bytes], folder: Path, model: str) -> str:
    """Enhance the file of a number; how that went in a word, `AssertionError` where it went wrong."""
    from undin.cli.batch import Failure, Settings, attempt
    from undin.cli.outputs import Job
    from undin.io import audio

    suffix = KINDS[number % len(KINDS)][0].lower().replace("wavex", "wav")
    job = Job(folder / f"in.{suffix}", folder / f"out.{suffix}", None)
    for path in folder.iterdir():
        path.unlink()
    job.source.write_bytes(mutated(files, number))
    start = time.monotonic()
    outcome = attempt(job, Settings(model, None), lambda seconds: None)
    assert time.monotonic() - start < MAX_SECONDS, "slow"
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


def work(numbers: range, model: str) -> None:
    """Check files one after the other, and print each number before and what became of it behind."""
    from undin import Stream

    Stream(model=model)  # compiled and loaded before anything is timed
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    files = sounds()
    with tempfile.TemporaryDirectory(prefix="undin-fuzz-") as folder:
        for number in numbers:
            print(number, end=" ", flush=True)
            try:
                print(check(number, files, Path(folder), model), flush=True)
            except Exception as error:
                print(f"BAD {type(error).__name__}: {error}".replace("\n", " "), flush=True)


def run(numbers: range, *, model: str, words: Counter, failures: list[str]) -> None:
    """Check files in a process of their own; another one goes on behind a file that crashes or hangs."""
    while numbers:
        command = [sys.executable, __file__, "--work", str(numbers.start), str(numbers.stop), "--model", model]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        last, silent = numbers.start, False
        while True:
            if not select.select([process.stdout], [], [], 60)[0]:
                silent = True
                process.kill()
            line = process.stdout.readline()
            if not line:
                break
            number, _, word = line.strip().partition(" ")
            last = int(number)
            if word:
                words[word.split(":")[0] if word.startswith("BAD") else word] += 1
                if word.startswith("BAD"):
                    failures.append(f"{number} {KINDS[last % len(KINDS)]}: {word}")
                last += 1
        status = process.wait()
        if status == 0 and not silent:
            return
        what = "hangs" if silent else f"ends its process with status {status}"
        failures.append(f"{last} {KINDS[last % len(KINDS)]}: {what}")
        words[what] += 1
        numbers = range(last + 1, numbers.stop)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--model", default="undin-nano")
    parser.add_argument("--one", type=int, help="write the file of this number to standard output")
    parser.add_argument("--work", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        sys.stdout.buffer.write(mutated(sounds(), args.one))
        return 0
    if args.work:
        work(range(*args.work), args.model)
        return 0
    words, failures = Counter(), []
    start, batch = time.monotonic(), max(1, min(1_000, -(-args.count // args.processes)))
    stop = args.start + args.count
    with ThreadPoolExecutor(args.processes) as pool:
        for first in range(args.start, stop, batch):
            numbers = range(first, min(first + batch, stop))
            pool.submit(run, numbers, model=args.model, words=words, failures=failures)
    print(f"{sum(words.values())} files in {time.monotonic() - start:.0f} s:", dict(words.most_common()))
    print("\n".join(failures[:30]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
