"""Which files of two or three folders belong together, and why some cannot be scored.

Only headers are read here, so a wrong folder is refused at once and not after minutes of scoring. What the files hold
is read in `tasks.py`, the scoring is in `score.py`.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from undin.evaluate.metrics import SAMPLE_RATE_HZ
from undin.io import audio
from undin.io.folder import find_files

TRIM_LIMIT_SAMPLES = 256
"""An enhanced file may be shorter or longer by a hop: tools leave out the last one, or fill it."""


@dataclass(frozen=True)
class Pair:
    """The files of one utterance: `enhanced` is None where no such folder was given, `snr_db` where no index was.

    They are scored at `sample_rate`, Hz; `samples` of the clean one is what its header promises at that rate.
    """

    id: str
    clean: Path
    noisy: Path
    enhanced: Path | None
    snr_db: float | None
    sample_rate: int
    samples: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples / self.sample_rate


def find_pairs(
    clean: Path, noisy: Path, *, enhanced: Path | None = None, index: Path | None = None, limit: int | None = None
) -> list[Pair]:
    """Match files as `match` does; a pair that cannot be scored is a `ValueError` with the reason."""
    pairs, odd = match(clean, noisy, enhanced=enhanced, index=index, limit=limit)
    for reason in odd.values():
        raise ValueError(reason)
    return pairs


def match(
    clean: Path,
    noisy: Path,
    *,
    enhanced: Path | None = None,
    index: Path | None = None,
    limit: int | None = None,
    sample_rate: int | None = None,
    most_lag_s: float = 0.0,
) -> tuple[list[Pair], dict[str, str]]:
    """Match the files of folders by name without suffix, or, if no name fits, by the number behind ``fileid_``.

    Parameters
    ----------
    clean, noisy : Path
        Folders of mono files of the same lengths, all of one rate of 16 kHz or more.
    enhanced : Path, optional
        Folder with the same names; these files may differ by up to 256 samples (one hop) in length.
    index : Path, optional
        CSV with columns `id` and `snr_db`; by default `index.csv` beside the clean folder, where there is one.
    limit : int, optional
        Only the first, in order of name.
    sample_rate : int, optional
        To which all files will be brought, Hz, whatever their own; by default they must have one.
    most_lag_s : float
        By how much lengths may differ besides, because signals will be aligned.

    Returns
    -------
    pairs : list of Pair
        In order of name, at least one.
    odd : dict
        By name, why others cannot be scored: no partner, not mono, another rate or length, damaged or empty.

    Raises
    ------
    ValueError
        A folder is missing or holds no audio, the index has no number for a pair, or no pair can be scored.
    """
    folders = {"clean": clean, "noisy": noisy} | ({"enhanced": enhanced} if enhanced else {})
    files = {role: _audio_files(folder) for role, folder in folders.items()}
    if any(not files["clean"].keys() & of_role.keys() for of_role in files.values()):
        files = {role: _by_number(of_role) for role, of_role in files.items()}
    ids = sorted(files["clean"].keys() | files["noisy"].keys())[:limit]
    snr_db = _read_snr_db(ids, index or clean.parent / "index.csv", required=index is not None)

    odd: dict[str, str] = {}
    headers: dict[str, dict[str, tuple[Path, audio.AudioInfo]]] = {}
    for id in ids:
        try:
            headers[id] = {role: _header(folder, files[role].get(id, []), id) for role, folder in folders.items()}
        except (OSError, ValueError) as error:
            odd[id] = str(error)
    rates = Counter(header["clean"][1].sample_rate for header in headers.values())
    rate = sample_rate or (rates.most_common(1)[0][0] if rates else SAMPLE_RATE_HZ)
    pairs = []
    for id, header in headers.items():
        try:
            samples = {role: _samples(*of_role, rate, resamples=bool(sample_rate)) for role, of_role in header.items()}
            paths = {role: path for role, (path, _) in header.items()}
            for role, trimmed in (("noisy", 0), ("enhanced", TRIM_LIMIT_SAMPLES)):
                most = trimmed + round(most_lag_s * rate) + bool(sample_rate)  # which rounds lengths
                if role in samples and abs(samples[role] - samples["clean"]) > most:
                    raise ValueError(
                        f"{paths[role]} has {samples[role]} samples, but its clean partner {paths['clean']} has "
                        f"{samples['clean']}"
                    )
        except (OSError, ValueError) as error:
            odd[id] = str(error)
            continue
        pairs.append(
            Pair(
                id=id,
                clean=paths["clean"],
                noisy=paths["noisy"],
                enhanced=paths.get("enhanced"),
                snr_db=snr_db.get(id),
                sample_rate=rate,
                samples=samples["clean"],
            )
        )
    if not pairs:
        reason = next(iter(odd.values()))
        raise ValueError(reason if len(odd) == 1 else f"none of {len(odd)} pairs can be scored: {reason}")
    return pairs, odd


def _audio_files(folder: Path) -> dict[str, list[Path]]:
    """The audio files of a folder by name without suffix, which more than one may have."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    files: dict[str, list[Path]] = {}
    for path in find_files(folder):
        files.setdefault(path.stem, []).append(path)
    if not files:
        raise ValueError(f"{folder} holds no audio files")
    return files


def _by_number(files: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """The same files by the number at the end of their names, as the DNS challenge has it: ``clean_fileid_7.wav``."""
    numbered: dict[str, list[Path]] = {}
    for name, paths in files.items():
        found = re.search(r"fileid_0*(\d+)$", name)
        numbered.setdefault(f"fileid_{found[1]}" if found else name, []).extend(paths)
    return numbered


def _header(folder: Path, paths: list[Path], id: str) -> tuple[Path, audio.AudioInfo]:
    """The one file of a name, and what its header says."""
    if not paths:
        raise ValueError(f"{folder} lacks {id}, which has a partner elsewhere")
    if len(paths) > 1:
        raise ValueError(f"{folder} holds both {paths[0].name} and {paths[1].name}: keep one of them")
    info = audio.read_info(paths[0])
    if info.channels != 1:
        raise ValueError(
            f"{paths[0]} has {info.channels} channels, but scores are defined for one: split or mix it down"
        )
    return paths[0], info


def _samples(path: Path, info: audio.AudioInfo, sample_rate: int, *, resamples: bool) -> int:
    """How long a file is at the rate at which it is scored."""
    if not resamples:
        if info.sample_rate != sample_rate:
            raise ValueError(
                f"{path} has {info.sample_rate} Hz, but other files have {sample_rate}: "
                "resample it, or all (--resample)"
            )
        if info.sample_rate < SAMPLE_RATE_HZ:
            raise ValueError(
                f"{path} has {info.sample_rate} Hz, but scores are defined at {SAMPLE_RATE_HZ}: "
                "resample it, or all (--resample)"
            )
    samples = len(audio.read(path)[0]) if info.length_samples is None else info.length_samples
    if not samples:
        raise ValueError(f"{path} is empty")
    return round(samples * sample_rate / info.sample_rate)


def _read_snr_db(ids: Iterable[str], index: Path, *, required: bool) -> dict[str, float]:
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
