"""Sound examples: recordings before and after undin, with their spectrograms, and whose they are.

`examples/noisy.wav` is the repository's own. The others are out of the audio beside it, `../shared/data`, under
licences that let them be shown if their makers are named. They are never part of the repository: where that audio is
missing the page does without them, and says so.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import soundfile

import undin
from undin.model.loading import DEFAULT
from undin.plot import save_before_after

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"

LIBRISPEECH = (
    "LibriSpeech (V. Panayotov, G. Chen, D. Povey, S. Khudanpur; openslr.org/12), test-other, read for LibriVox,"
    " CC BY 4.0"
)
VOICEBANK = (
    "Noisy speech database for training speech enhancement algorithms and TTS models (C. Valentini-Botinhao,"
    " University of Edinburgh, doi.org/10.7488/ds/2117), CC BY 4.0"
)
ESC_10 = "of ESC-10 (K. J. Piczak, github.com/karolpiczak/ESC-50, CC BY 3.0)"

TERMS = {
    "Apache-2.0": "Apache-2.0.txt, beside this file",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC BY of freesound.org": "https://creativecommons.org/licenses/by/3.0/",
    "CC0": "https://creativecommons.org/publicdomain/zero/1.0/",
}


@dataclass(frozen=True)
class Example:
    """A noisy recording.

    Parameters
    ----------
    title : str
        What is heard.
    path : Path
        Where it lies.
    source : str
        Works that it is made of, their makers and licences.
    """

    title: str
    path: Path
    source: str

    @property
    def name(self) -> str:
        """Of its files."""
        return re.sub(r"\W+", "-", self.title.lower())


def _mixed(title: str, number: str, snr_db: int, utterance: str, noise: str) -> Example:
    """A pair of `valid`: an utterance of LibriSpeech in a noise of ESC-10."""
    mixed = f"mixed at {snr_db} dB and a level of our choice"
    source = f"speech {utterance} of {LIBRISPEECH}; noise {noise}, of freesound.org, {ESC_10}; {mixed}"
    return Example(title, SHARED / "valid" / "noisy" / f"{number}.flac", source)


def _voicebank(title: str, name: str) -> Example:
    path = SHARED / "test" / "voicebank_demand_quarter" / "noisy" / f"{name}.flac"
    return Example(title, path, f"{name} of the test set of the {VOICEBANK}; brought to 16 kHz")


EXAMPLES = [
    Example("An office", ROOT / "examples" / "noisy.wav", "made by examples/make_noisy.py out of nothing, Apache-2.0"),
    _mixed("A helicopter", "011", 0, "1688-142285-0000", "Helicopter - inside - Takeoff, by senorstudy, CC0"),
    _mixed("A chainsaw", "037", 5, "533-1066-0001", "Chainsaw Cutting.wav, by lonemonk, CC BY"),
    _mixed("Rain", "007", 5, "533-1066-0003", "EXT_RainInPuddle.wav, by jongrubbs, CC0"),
    _mixed("A dog", "055", -5, "2609-156975-0000", "Barking, by unfa, CC BY"),
    _voicebank("VoiceBank-DEMAND, a man", "p232_204"),
    _voicebank("VoiceBank-DEMAND, a woman", "p257_379"),
]


def make(folder: Path) -> str:
    """Write sounds and pictures into a folder, with their licences beside them, and return the page that shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    there = [example for example in EXAMPLES if example.path.is_file()]
    page = [
        "# Before and after",
        f"What `{DEFAULT}`, the default, makes of recordings: an office that never was, made by a script, and voices of"
        " people in noise out of the world. Start the one while the other plays: it takes over at the same moment.",
    ]
    for example in there:
        page += [f"## {example.title}", figure(example, folder), f"{example.source[0].upper()}{example.source[1:]}."]
    if len(there) < len(EXAMPLES):
        missing = ", ".join(example.title for example in EXAMPLES if example not in there)
        page.append(f"Left out, since the audio they are made of was not beside the repository: {missing}.")
    (folder / "LICENCES.txt").write_text(licences(there), encoding="utf-8")
    shutil.copy(ROOT / "LICENSE", folder / "Apache-2.0.txt")
    page.append(
        'The sounds lie in the folder `sounds` of this site, <a href="../sounds/LICENCES.txt">licences</a> with them.'
    )
    return "\n\n".join(page) + "\n"


def licences(examples: list[Example]) -> str:
    """Whose the sounds are, and under what terms."""
    lines = [f"{example.name}-before.flac, {example.name}-after.flac: {example.source}." for example in examples]
    lines.append(f"Each -after is the -before, changed by undin {undin.__version__}, model {DEFAULT}.")
    return "\n\n".join([*lines, *(f"{name}: {place}" for name, place in TERMS.items())]) + "\n"


def figure(example: Example, folder: Path) -> str:
    """Two players below their spectrograms, as HTML; their files are written."""
    noisy, sample_rate = soundfile.read(example.path, dtype="float32")
    before, after = (folder / f"{example.name}-{moment}.flac" for moment in ("before", "after"))
    soundfile.write(before, noisy, sample_rate)
    soundfile.write(after, undin.enhance(noisy, sample_rate=sample_rate), sample_rate)
    picture = folder / f"{example.name}.png"
    save_before_after(before, after, picture=picture)
    players = "".join(
        f'<label>{moment}<audio controls preload="none" src="../sounds/{path.name}"></audio></label>\n'
        for moment, path in (("before", before), ("after", after))
    )
    return (
        f'<figure class="sound">\n<img src="../sounds/{picture.name}" loading="lazy" width="1680" height="945"'
        f' alt="Spectrograms before and after: {example.title}">\n<div>{players}</div>\n</figure>'
    )
