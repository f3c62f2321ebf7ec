"""What models make of sounds that are easily taken for something else: hum, tones, held voices, gated and lost calls.

Measures undin's models and those of others in `peers.py`, and writes ``sounds.md``; of models that are named it prints
the table. From the repository's root, with the audio of `../shared` in its place::

    python research/sounds.py [MODEL ...]
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from model_scores import VALID, markdown_table
from peers import MODELS, PEERS, enhance, fetched

from undin.data.corpus import Corpus
from undin.data.held_speech import held_speech
from undin.evaluate import metrics
from undin.io.audio import read
from undin.io.files import replacing

PAGE = Path(__file__).with_name("sounds.md")
RATE_HZ = metrics.SAMPLE_RATE_HZ
SECONDS = 12
LEVEL_DBFS = -32
HUM_HZ = (50, 60, 100, 120, 180, 240, 300)
TONES_HZ = (60, 120, 200, 300, 1000, 2500)
PAIRS = 12
PACKET_SAMPLES, LOST = 320, 0.2

Enhance = Callable[[np.ndarray], np.ndarray]

ABOUT = """\
# Sounds that are easily taken for something else

Measured by `python research/sounds.py`, at 16 kHz. Machines are made by other formulas than those that training has,
and voices that hold are of the speakers of valid, whom no training of undin has heard. A change in dB is of the level,
from what goes in to what comes out: what has no voice should go, and voices should stay. Gains are means of pairs of
valid.
"""


def main() -> None:
    """Measure, and write the page or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="names or files (default: all, and the page is written)"
    )
    parser.add_argument("--jobs", type=int, help="processes (default: one a core)")
    args = parser.parse_args()
    systems = args.models or [*MODELS, *PEERS]
    with tempfile.TemporaryDirectory(prefix="undin") as name, ProcessPoolExecutor(args.jobs) as pool:
        for peer in PEERS.values():
            if peer.name in systems:
                fetched(peer.package, Path(name))
        columns = list(pool.map(partial(column, Path(name)), systems))
    rows = [["", *systems], *([title, *(f"{one[title]:.2f}" for one in columns)] for title in columns[0])]
    text = "\n".join(markdown_table(rows))
    if args.models:
        print(text)
        return
    with replacing(PAGE) as partly:
        partly.write_text(f"{ABOUT}\n{text}\n", encoding="utf-8")


def column(folder: Path, system: str) -> dict[str, float]:
    """All measurements of a model, or of a peer whose package is in a folder."""
    return dict(measured(partial(enhance, system, folder, sample_rate=RATE_HZ)))


def measured(enhance: Enhance) -> Iterator[tuple[str, float]]:
    """Names of measurements and their values."""
    yield from machines(enhance)
    yield from held_voices(enhance)
    yield from zeros(enhance)


def machines(enhance: Enhance) -> Iterator[tuple[str, float]]:
    """By how much what has no voice is turned down."""
    hums = [hum(hz) for hz in HUM_HZ]
    yield "hum, after 2 s, dB", np.mean([change_db(sound, enhance(sound), 2, SECONDS) for sound in hums])
    yield "hum, the worst, dB", max(change_db(sound, enhance(sound), 2, SECONDS) for sound in hums)
    wobbling = hum(180, wobble_hz=2.0)
    yield "drone that wobbles, after 1 s, dB", change_db(wobbling, enhance(wobbling), 1, SECONDS)
    tones = [at_level(np.sin(2 * np.pi * hz * times())) for hz in TONES_HZ]
    yield "tones, after 3 s, the worst, dB", max(change_db(sound, enhance(sound), 3, SECONDS) for sound in tones)
    clicks = keys()
    hiss = 10 ** (-65 / 20) * np.random.default_rng(3).standard_normal(len(clicks))
    yield "clicks out of zeros, dB", change_db(clicks, enhance(clicks), 1, SECONDS)
    yield "the same over hiss, dB", change_db(clicks + hiss, enhance(clicks + hiss), 1, SECONDS)
    pairs = [(clean, clean + scaled(np.resize(hums[3], len(clean)), clean, snr_db=7)) for clean, _ in valid_pairs()]
    yield "speech in hum of 120 Hz at 7 dB, gain in STOI", gain_in(metrics.stoi, pairs, enhance)


def held_voices(enhance: Enhance) -> Iterator[tuple[str, float]]:
    """By how much voices that hold, and sing, are turned down in each second: they should not be."""
    speech = Corpus.load(VALID.folder / "clean", sample_rate=RATE_HZ)
    held = held_speech(speech, weights=np.full(len(speech.names), 1 / len(speech.names)), seed=1)
    voices = held.samples.view(len(held.names), -1)[:24].numpy() / np.float32(32768)
    changes = []
    for voice in voices:
        output = enhance(voice)
        seconds = [change_db(voice, output, second, second + 1) for second in range(1, len(voice) // RATE_HZ)]
        changes.append(seconds)
    yield "held and sung voices, dB", np.mean(changes)
    yield "their worst second in ten, dB", np.percentile(changes, 10)


def zeros(enhance: Enhance) -> Iterator[tuple[str, float]]:
    """What digital zeros around sound cost."""
    pairs = list(valid_pairs())
    lost = []
    for number, (clean, noisy) in enumerate(pairs):
        came = np.random.default_rng(number).random(-(-len(clean) // PACKET_SAMPLES)) >= LOST
        came = np.repeat(came, PACKET_SAMPLES)[: len(clean)]
        lost.append((clean * came, noisy * came))
    yield "gain in PESQ", gain_in(metrics.pesq_wb, pairs, enhance)
    yield "the same where a fifth of the packets is lost", gain_in(metrics.pesq_wb, lost, enhance)
    noises = [noisy - clean for clean, noisy in pairs]
    yield "noise alone, dB", np.mean([change_db(noise, enhance(noise), 0, SECONDS) for noise in noises])
    gated = [noise * (np.arange(len(noise)) // (RATE_HZ // 2) % 2 == 1) for noise in noises]
    yield (
        "the same, switched off in every other half second, dB",
        np.mean([change_db(noise, enhance(noise), 0, SECONDS) for noise in gated]),
    )


def valid_pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some pairs of valid, clean and noisy."""
    paths = sorted((VALID.folder / "clean").iterdir())
    for path in paths[:: len(paths) // PAIRS][:PAIRS]:
        yield tuple(read(folder / path.name)[0][:, 0] for folder in (path.parent, VALID.folder / "noisy"))


def gain_in(
    metric: Callable[[np.ndarray, np.ndarray], float], pairs: list[tuple[np.ndarray, np.ndarray]], enhance: Enhance
) -> float:
    """The mean of what enhancing brings."""
    return float(np.mean([metric(clean, enhance(noisy)) - metric(clean, noisy) for clean, noisy in pairs]))


def times() -> np.ndarray:
    return np.arange(SECONDS * RATE_HZ) / RATE_HZ


def at_level(sound: np.ndarray) -> np.ndarray:
    return (sound * 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(sound**2))).astype(np.float32)


def hum(hz: float, *, wobble_hz: float = 0.0) -> np.ndarray:
    """Harmonics up to 2.5 kHz."""
    phase = hz * times() + wobble_hz * np.sin(2 * np.pi * 0.7 * times())
    orders = range(1, int(2500 / hz) + 1)
    return at_level(sum(np.sin(2 * np.pi * order * phase + order**2) / order**0.7 for order in orders))


def keys() -> np.ndarray:
    """Two clicks a second."""
    generator = np.random.default_rng(2)
    sound = np.zeros(SECONDS * RATE_HZ)
    for start in generator.integers(RATE_HZ, len(sound) - 2000, 2 * SECONDS):
        decay = np.exp(-np.arange(1600) / generator.uniform(60, 250))
        sound[start : start + 1600] += decay * generator.standard_normal(1600) * generator.uniform(0.3, 1)
    return at_level(sound)


def scaled(noise: np.ndarray, speech: np.ndarray, *, snr_db: float) -> np.ndarray:
    """Noise at some ratio below the active level of speech."""
    level_db = metrics.active_level_dbfs(speech) - snr_db
    return (noise * 10 ** (level_db / 20) / np.sqrt(np.mean(noise**2))).astype(np.float32)


def change_db(before: np.ndarray, after: np.ndarray, first_s: float, last_s: float) -> float:
    """By how much the level changes between two times."""
    part = slice(round(first_s * RATE_HZ), round(last_s * RATE_HZ))
    power = [np.mean(signal[part].astype(np.float64) ** 2) + 1e-12 for signal in (after, before)]
    return float(10 * np.log10(power[0] / power[1]))


if __name__ == "__main__":
    main()
