"""What a folder of audio is worth for training: numbers for every file, why some are unusable, and what others have.

It reads and judges, it changes nothing. What is unusable here training passes over, for the same reason: both load by
``recording.py``. `cli/data.py` prints what this finds.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undin.data.bandwidth import FULL_BAND, bandwidth_hz
from undin.data.corpus import Corpus, audio_files, to_int16
from undin.data.level import SILENCE_DBFS, SILENCE_POWER, frame_power
from undin.data.recording import Recording
from undin.data.weights import floor_db, weights_by_length

USUAL_RATES_HZ = 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000
LIKE_HALF_A_RATE = 0.05
"""How near to half of a lower rate a band ends that a resampler cut."""
MIN_FLOOR_DB = 30
"""Pauses that lie less below speech teach to keep noise; the recipes of full band leave such files out."""
MAX_SILENCE = 0.5


@dataclasses.dataclass(frozen=True)
class FileReport:
    """Numbers of one file; None where the file is too damaged to tell.

    Attributes
    ----------
    path : str
    sample_rate : int, Hz
    channels : int
    seconds : float
        Duration.
    clipping_share : float, 0 to 1
        Samples that are clipped, of all channels.
    active_level_dbfs : float
        Active level after ITU-T P.56 of the channels' mean.
    silence_share : float, 0 to 1
        Frames of 20 ms below −70 dBFS.
    snr_db : float
        Rough estimate, 0 dB or more; makes sense for speech only.
    floor_db : float
        How far the pauses lie below the speech, as `mixing.speech_clean_above_db` takes it; None in short files.
    band_hz : float
        Up to which frequency there is any sound.
    problem : str or None
        Why the file is unusable.
    notes : tuple of str
        What a usable file has beside sound, and what training makes of it: what, a colon, how much.
    """

    path: str
    sample_rate: int | None = None
    channels: int | None = None
    seconds: float | None = None
    clipping_share: float | None = None
    active_level_dbfs: float | None = None
    silence_share: float | None = None
    snr_db: float | None = None
    floor_db: float | None = None
    band_hz: float | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()


def check_folder(folder: str | Path) -> Iterator[FileReport]:
    """Report on every audio file below `folder`, in sorted order; `ValueError` where there is none."""
    paths = audio_files(folder)
    with ThreadPoolExecutor() as pool:
        yield from pool.map(check_file, paths)


@dataclasses.dataclass(frozen=True)
class FolderShare:
    """How much of a training would be of one folder among others, were all of them its speech, or its noise.

    Attributes
    ----------
    name : str
    hours : float
    voices : int
        Folders with files in them, each of which training takes for a voice.
    of_speech, of_noise : float, 0 to 1
        Without `mixing.corpus_shares`.
    """

    name: str
    hours: float
    voices: int
    of_speech: float
    of_noise: float


def folder_shares(reports: Sequence[FileReport], folder: str | Path) -> list[FolderShare]:
    """What each folder right below `folder` has of all that training would hear, the largest share of speech first."""
    usable = [report for report in reports if report.seconds and not report.problem]
    if not usable:
        return []
    seconds = np.array([report.seconds for report in usable])
    paths = [report.path for report in usable]
    owners = np.array([Path(path).relative_to(folder).parts[:-1][:1] or (".",) for path in paths])[:, 0]
    speech, noise = (weights_by_length(seconds, paths, group_by_folder=by_folder) for by_folder in (True, False))
    shares = []
    for name in np.unique(owners):
        own = np.flatnonzero(owners == name)
        shares.append(
            FolderShare(
                str(name),
                hours=seconds[own].sum() / 3600,
                voices=len({Path(paths[index]).parent for index in own}),
                of_speech=speech[own].sum() / speech.sum(),
                of_noise=noise[own].sum() / noise.sum(),
            )
        )
    return sorted(shares, key=lambda share: -share.of_speech)


def check_file(path: Path) -> FileReport:
    """Report on one file; damage is a problem in the report, never an exception."""
    try:
        recording = Recording.load(path)
    except (OSError, ValueError) as error:
        return FileReport(str(path), problem=str(error).removeprefix(f"{path}: "))
    rate = recording.sample_rate
    corpus = _alone(recording, str(path))
    power = frame_power(torch.from_numpy(recording.audio), sample_rate=rate)
    floor = float(floor_db(corpus)[0])
    report = FileReport(
        str(path),
        rate,
        recording.channels,
        len(recording.audio) / rate,
        clipping_share=recording.clipping_share,
        active_level_dbfs=recording.active_level_dbfs,
        silence_share=(power < 10 ** (SILENCE_DBFS / 10)).float().mean().item(),
        snr_db=estimate_snr_db(power, active_level_dbfs=recording.active_level_dbfs),
        floor_db=floor if math.isfinite(floor) else None,
        band_hz=float(bandwidth_hz(corpus)[0]),
        problem=recording.problem,
    )
    return report if report.problem else dataclasses.replace(report, notes=tuple(_notes(recording, report)))


def _alone(recording: Recording, name: str) -> Corpus:
    """A corpus of one file, at its own rate."""
    samples = torch.from_numpy(to_int16(recording.audio, recording.sample_rate, sample_rate=recording.sample_rate))
    start, length = torch.zeros(1, dtype=torch.int64), torch.tensor([len(samples)])
    return Corpus(samples, start, length, (name,), recording.sample_rate)


def _notes(recording: Recording, report: FileReport) -> Iterator[str]:
    if recording.offset:
        yield f"offset: a constant of {recording.offset:.2g}, which is taken out"
    if recording.is_opposed:
        yield "antiphase: channels cancel each other, as with reversed polarity, and are turned round"
    if (peak := np.abs(recording.audio).max()) > 1:
        yield f"over full scale: peaks at {peak:.3g}, and is turned down"
    if report.silence_share > MAX_SILENCE:
        yield f"silence: {report.silence_share:.0%} of the time, of which no more than pauses are heard"
    if report.floor_db is not None and report.floor_db < MIN_FLOOR_DB:
        yield f"noise floor: pauses are {report.floor_db:.0f} dB below the rest, too little for clean speech"
    nyquist_hz = recording.sample_rate / 2
    if report.band_hz < FULL_BAND * nyquist_hz:
        lower = [rate for rate in USUAL_RATES_HZ if abs(2 * report.band_hz / rate - 1) < LIKE_HALF_A_RATE]
        of = f"nothing above {report.band_hz / 1000:.1f} of {nyquist_hz / 1000:g} kHz"
        if lower := [rate for rate in lower if rate < recording.sample_rate]:
            yield f"resampled from below: {of}, as of {lower[0]} Hz"
        else:
            yield f"low-pass: {of}"


def estimate_snr_db(power: Tensor, *, active_level_dbfs: float) -> float:
    """Signal-to-noise ratio, taking the quietest fifth of the frames for the noise.

    In the manner of NIST's STNR, which reads noise and speech off the histogram of frame energies; here the speech is
    the active level less that noise. On the 100 validation files its means for −5, 0, 5, 10, 15 dB are 10, 7, 10, 17,
    18 dB, with deviations of 11, 6, 6, 8, 5 dB, and 31 dB for the clean ones: it tells noisy recordings from clean ones
    and no more, since it misses sounds that come and go, and trimmed files have few pauses.

    Parameters
    ----------
    power : Tensor, shape (frames,)
        As `level.frame_power` gives it.
    active_level_dbfs : float
        As `level.active_level_dbfs` gives it.

    Returns
    -------
    float, dB, 0 or more
    """
    quietest = power.sort().values[: max(1, len(power) // 5)].mean().item() + SILENCE_POWER
    return 10 * math.log10(max(10 ** (active_level_dbfs / 10) / quietest - 1, 1.0))
