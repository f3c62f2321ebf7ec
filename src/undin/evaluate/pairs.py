"""Which files of two or three folders belong together, checked before anything is scored.

Only headers are read here, so a wrong folder is refused at once and not after minutes of scoring. The scoring is in
`score.py`.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from undin.evaluate.metrics import SAMPLE_RATE_HZ
from undin.io import audio

TRIM_LIMIT_SAMPLES = 256
NAMES_IN_A_MESSAGE = 5


@dataclass(frozen=True)
class Pair:
    """The files of one utterance: `enhanced` is None where no such folder was given, `snr_db` where no index was.

    All have the rate `sample_rate`, Hz.
    """

    id: str
    clean: Path
    noisy: Path
    enhanced: Path | None
    snr_db: float | None
    sample_rate: int
    seconds: float


def find_pairs(
    clean: Path, noisy: Path, *, enhanced: Path | None = None, index: Path | None = None, limit: int | None = None
) -> list[Pair]:
    """Match the files of the folders by name without suffix, in order of name.

    Parameters
    ----------
    clean, noisy : Path
        Folders of mono files with the same names and lengths, all of one rate of 16 kHz or more.
    enhanced : Path, optional
        Folder with the same names; these files may differ by up to 256 samples (one hop) in length.
    index : Path, optional
        CSV with columns `id` and `snr_db`; by default `index.csv` beside the clean folder, where there is one.
    limit : int, optional
        Only the first pairs.

    Raises
    ------
    ValueError
        Names the file that lacks a partner, is not mono, or differs in rate or length.
    """
    clean_files, noisy_files = _audio_files(clean), _audio_files(noisy)
    _refuse_missing(clean_files, noisy_files, folder=noisy)
    _refuse_missing(noisy_files, clean_files, folder=clean)
    ids = sorted(clean_files)[:limit]
    enhanced_files = _audio_files(enhanced) if enhanced else {}
    if enhanced:
        _refuse_missing(ids, enhanced_files, folder=enhanced)
    snr_db = _read_snr_db(ids, index or clean.parent / "index.csv", required=index is not None)

    pairs = []
    sample_rate = _sample_rate(clean_files[ids[0]])
    for id in ids:
        length = _length_samples(clean_files[id], sample_rate)
        _refuse_other_length(noisy_files[id], clean_files[id], length, sample_rate, allowed=0)
        if enhanced:
            _refuse_other_length(enhanced_files[id], clean_files[id], length, sample_rate, allowed=TRIM_LIMIT_SAMPLES)
        pairs.append(
            Pair(
                id=id,
                clean=clean_files[id],
                noisy=noisy_files[id],
                enhanced=enhanced_files.get(id),
                snr_db=snr_db.get(id),
                sample_rate=sample_rate,
                seconds=length / sample_rate,
            )
        )
    return pairs


def _audio_files(folder: Path) -> dict[str, Path]:
    """Return the audio files of a folder by name without suffix."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    files: dict[str, Path] = {}
    for path in audio.find_files(folder):
        if path.stem in files:
            raise ValueError(f"{folder} holds both {files[path.stem].name} and {path.name}: keep one of them")
        files[path.stem] = path
    if not files:
        raise ValueError(f"{folder} holds no audio files")
    return files


def _refuse_missing(wanted, present, *, folder: Path) -> None:
    if missing := sorted(set(wanted) - set(present)):
        names = ", ".join(missing[:NAMES_IN_A_MESSAGE]) + (", …" if len(missing) > NAMES_IN_A_MESSAGE else "")
        raise ValueError(f"{folder} lacks {len(missing)} files that have a partner elsewhere: {names}")


def _sample_rate(path: Path) -> int:
    if (found := audio.read_info(path).sample_rate) < SAMPLE_RATE_HZ:
        raise ValueError(f"{path} has {found} Hz, but scores are defined at {SAMPLE_RATE_HZ}: resample it")
    return found


def _length_samples(path: Path, sample_rate: int) -> int:
    info = audio.read_info(path)
    if info.sample_rate != sample_rate:
        raise ValueError(f"{path} has {info.sample_rate} Hz, but other files have {sample_rate}: resample it")
    if info.channels != 1:
        raise ValueError(f"{path} has {info.channels} channels, but scores are defined for one: split or mix it down")
    return len(audio.read(path)[0]) if info.length_samples is None else info.length_samples


def _refuse_other_length(path: Path, clean: Path, length: int, sample_rate: int, *, allowed: int) -> None:
    if abs((found := _length_samples(path, sample_rate)) - length) > allowed:
        raise ValueError(f"{path} has {found} samples, but its clean partner {clean} has {length}")


def _read_snr_db(ids: list[str], index: Path, *, required: bool) -> dict[str, float]:
    if not required and not index.is_file():
        return {}
    with index.open(newline="", encoding="utf-8") as file:
        try:
            snr_db = {row["id"]: float(row["snr_db"]) for row in csv.DictReader(file)}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{index} needs columns id and snr_db with a number in every row") from error
    if missing := [id for id in ids if id not in snr_db]:
        raise ValueError(f"{index} has no row for {missing[0]}: add it or name another index")
    return snr_db
