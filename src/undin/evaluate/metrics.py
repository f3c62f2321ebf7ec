"""How good one enhanced signal is: PESQ and what builds on it, STOI, ratios of speech to distortion, DNSMOS, treble,
and what clean speech or noise alone loses.

Every function takes one signal, or one pair, at 16 kHz unless it takes a `sample_rate`. Where a metric has no value (a
silent reference, an utterance too short) it returns NaN and says why by an `UndefinedMetricWarning`, so that one odd
file never ends a long run.
Folders are scored in `score.py`, tables are made in `report.py`.
"""

import warnings
from functools import cache
from pathlib import Path

import numpy as np

from undin.evaluate import composite as hu_loizou
from undin.io.resample import resample

SAMPLE_RATE_HZ = 16_000
SDR_FILTER_SAMPLES = 512
"""Of the filter that BSS-eval takes for no distortion."""
DNSMOS_WINDOW_SECONDS = 9.01
DNSMOS_WINDOW_SAMPLES = int(DNSMOS_WINDOW_SECONDS * SAMPLE_RATE_HZ)
ACTIVITY_FRAME_SECONDS = 0.02
ACTIVITY_HANGOVER_FRAMES = 10
ACTIVITY_MARGIN_DB = 15.9
NOISE_SETTLING_SECONDS = 1.0
SILENCE_DBFS = -80
SILENT_PEAK = 1e-10
"""Below -200 dBFS lies no recording; PESQ raises where one signal is 210 dB below the other."""
TREBLE_HZ = (8_000, 20_000)
TREBLE_FLOOR_DBFS = -100
"""Of the level in each bin: about what rounding to 16 bit leaves there."""


class UndefinedMetricWarning(UserWarning):
    """A metric has no value for this signal; the message is the reason."""


def _undefined(reason: str) -> float:
    warnings.warn(reason, UndefinedMetricWarning, stacklevel=3)
    return float("nan")


def refuse_other_shapes(**signals: np.ndarray) -> None:
    """Raise `ValueError` unless all signals are mono and of one length."""
    shapes = {name: np.shape(signal) for name, signal in signals.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) != 1:
        raise ValueError(f"metrics compare mono signals of one length, got shapes {shapes}")


def _flaw(**signals: np.ndarray) -> str | None:
    """Return why these signals have no score, or None; raise ValueError where their shapes are the caller's mistake."""
    refuse_other_shapes(**signals)
    for name, signal in signals.items():
        if not np.isfinite(signal).all():
            return f"{name} holds NaN or infinity"
        if np.abs(signal).max(initial=0) < SILENT_PEAK:
            return f"{name} is silent"
    return None


def at_16_khz(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """A signal (N,) at the rate at which most scores are defined."""
    return resample(signal, sample_rate, SAMPLE_RATE_HZ)


def pesq_wb(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Perceived quality by wide-band PESQ (ITU-T P.862.2).

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test, 16 kHz; the level of either does not matter.

    Returns
    -------
    float
        MOS-LQO, 1.04 (bad) to 4.64 (identical); NaN for signals under 0.25 s or without an utterance.
    """
    return _pesq(clean, enhanced, mode="wb")


def pesq_nb(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Perceived quality by narrow-band PESQ (ITU-T P.862, mapped after P.862.1): what a telephone lets through.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test, 16 kHz; the level of either does not matter.

    Returns
    -------
    float
        MOS-LQO, 1.02 (bad) to 4.55 (identical); NaN as in `pesq_wb`.
    """
    return _pesq(clean, enhanced, mode="nb")


def _pesq(clean: np.ndarray, enhanced: np.ndarray, *, mode: str) -> float:
    from pesq import BufferTooShortError, NoUtterancesError, pesq

    if flaw := _flaw(clean=clean, enhanced=enhanced):
        return _undefined(flaw)
    try:
        return float(pesq(SAMPLE_RATE_HZ, clean, enhanced, mode))
    except BufferTooShortError:
        return _undefined("shorter than the 0.25 s that PESQ needs")
    except NoUtterancesError:
        return _undefined("PESQ finds no utterance")


def composite(clean: np.ndarray, enhanced: np.ndarray, *, pesq: float) -> tuple[float, float, float]:
    """Predicted ratings of speech, background and the whole after Hu and Loizou (TASLP 2008): CSIG, CBAK and COVL.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test, 16 kHz. The level of either counts in CBAK.
    pesq : float
        Their PESQ; wide-band, as tables of VoiceBank-DEMAND have it.

    Returns
    -------
    csig, cbak, covl : float
        1 (bad) to 5; all NaN without PESQ.
    """
    flaw = _flaw(clean=clean, enhanced=enhanced) or (np.isnan(pesq) and "it needs PESQ, which has no value")
    if flaw:
        return (_undefined(flaw),) * 3
    return hu_loizou.composite(clean, enhanced, pesq=pesq, sample_rate=SAMPLE_RATE_HZ)


def ssnr(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Segmental SNR (Hu and Loizou, TASLP 2008, section III.A), a mean over frames of 30 ms, each of −10 to 35 dB.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test, 16 kHz. The level of either counts.

    Returns
    -------
    float
        Decibels; NaN for silence, and for signals under 38 ms.
    """
    if flaw := _flaw(clean=clean, enhanced=enhanced):
        return _undefined(flaw)
    if len(clean) < hu_loizou.least_samples(SAMPLE_RATE_HZ):
        return _undefined("shorter than the 38 ms that a segmental SNR needs")
    return hu_loizou.segmental_snr(clean, enhanced, sample_rate=SAMPLE_RATE_HZ)


def stoi(clean: np.ndarray, enhanced: np.ndarray, *, extended: bool = False) -> float:
    """Predicted intelligibility by STOI (Taal et al., TASLP 2011) or ESTOI (Jensen and Taal, TASLP 2016).

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test, 16 kHz.
    extended : bool
        ESTOI, which also follows noises that come and go.

    Returns
    -------
    float
        About 0 (lost) to 1 (all understood); NaN with less than 0.4 s of speech.
    """
    import pystoi

    if flaw := _flaw(clean=clean, enhanced=enhanced):
        return _undefined(flaw)
    too_short = "less than the 0.4 s of speech that STOI needs"
    if len(clean) < 0.4 * SAMPLE_RATE_HZ:
        return _undefined(too_short)
    with warnings.catch_warnings():
        # pystoi warns of too little speech and returns 1e-5, which would pass for a score
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(pystoi.stoi(clean, enhanced, SAMPLE_RATE_HZ, extended=extended))
        except RuntimeWarning:
            return _undefined(too_short)


def si_sdr(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al., ICASSP 2019, eq. 5).

    The mean is not removed: a constant that a network adds is a distortion like any other.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test.

    Returns
    -------
    float
        Decibels; infinite for a scaled copy, NaN where either signal is silent.
    """
    if flaw := _flaw(clean=clean, enhanced=enhanced):
        return _undefined(flaw)
    reference = np.asarray(clean, dtype=np.float64)
    estimate = np.asarray(enhanced, dtype=np.float64)
    target = (estimate @ reference) / (reference @ reference) * reference
    distortion = estimate - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (distortion @ distortion)))


def sdr(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Signal-to-distortion ratio of BSS-eval for one source (Vincent et al., TASLP 2006, eq. 3.2 to 3.7 and 11).

    Any filter of 512 samples on the clean signal is no distortion, so gain, polarity, a short delay and an equaliser do
    not count.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test.

    Returns
    -------
    float
        Decibels; NaN where either signal is silent.
    """
    if flaw := _flaw(clean=clean, enhanced=enhanced):
        return _undefined(flaw)
    length = len(clean) + SDR_FILTER_SAMPLES - 1
    n_fft = 2 ** int(np.ceil(np.log2(length + SDR_FILTER_SAMPLES)))
    reference, estimate = (np.fft.rfft(np.asarray(signal, np.float64), n_fft) for signal in (clean, enhanced))
    correlation = np.fft.irfft(np.abs(reference) ** 2)[:SDR_FILTER_SAMPLES]
    crossed = np.fft.irfft(estimate * reference.conj())[:SDR_FILTER_SAMPLES]
    lags = np.abs(np.subtract.outer(np.arange(SDR_FILTER_SAMPLES), np.arange(SDR_FILTER_SAMPLES)))
    correlation[0] *= 1 + 1e-10  # of signals without treble the equations have more than one solution
    impulse_response = np.linalg.solve(correlation[lags], crossed)
    target = np.fft.irfft(np.fft.rfft(impulse_response, n_fft) * reference)
    distortion = np.fft.irfft(estimate) - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (distortion @ distortion)))


@cache
def _dnsmos_session():
    """The network of the `speechmos` package on one thread.

    The package's own wrapper is left aside: it imports librosa, which it does not declare, takes every core, and
    computes P.808 scores beside.
    """
    import onnxruntime
    import speechmos

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    weights = Path(speechmos.__file__).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


# Raw network output to the MOS scale, per score from the highest power down (microsoft/DNS-Challenge, dnsmos_local.py).
DNSMOS_POLYNOMIALS = {
    "sig": (-0.08397278, 1.22083953, 0.0052439),
    "bak": (-0.13166888, 1.60915514, -0.39604546),
    "ovrl": (-0.06766283, 1.11546468, 0.04602535),
}


def dnsmos(enhanced: np.ndarray) -> dict[str, float]:
    """Predicted listener ratings without a reference, by DNSMOS P.835 (Reddy et al., ICASSP 2022).

    As in the authors' script, signals under 9.01 s are repeated and longer ones averaged over windows a second apart.
    Samples beyond [−1, 1] are clipped, as a sound card would.

    Parameters
    ----------
    enhanced : ndarray, shape (N,)
        Signal under test, 16 kHz. Its level counts.

    Returns
    -------
    dict
        `sig` (speech), `bak` (background) and `ovrl` (overall), each on the MOS scale 1 to 5; NaN without signal.
    """
    if flaw := _flaw(enhanced=enhanced):
        return dict.fromkeys(DNSMOS_POLYNOMIALS, _undefined(flaw))
    audio = np.clip(enhanced, -1, 1).astype(np.float32)
    if len(audio) < DNSMOS_WINDOW_SAMPLES:
        # whole repetitions, doubling, so that longer inputs than one window arise just as in the authors' script
        audio = np.tile(audio, 2 ** int(np.ceil(np.log2(DNSMOS_WINDOW_SAMPLES / len(audio)))))
    session = _dnsmos_session()
    # The script leaves out a last window that would fit, and those (from 7 to 23 s) whose end it computes one sample
    # short because a product of floats rounds down. Published scores have it so.
    seconds = range(max(1, len(audio) // SAMPLE_RATE_HZ - 9))
    bounds = ((i * SAMPLE_RATE_HZ, int((i + DNSMOS_WINDOW_SECONDS) * SAMPLE_RATE_HZ)) for i in seconds)
    windows = (audio[np.newaxis, start:end] for start, end in bounds if end - start == DNSMOS_WINDOW_SAMPLES)
    raw = np.array([session.run(None, {"input_1": window})[0][0] for window in windows])
    return {
        name: float(np.polyval(polynomial, raw[:, column]).mean())
        for column, (name, polynomial) in enumerate(DNSMOS_POLYNOMIALS.items())
    }


def has_treble(sample_rate: int) -> bool:
    """Whether audio of a rate, Hz, can hold all that `treble` compares."""
    return sample_rate >= 2 * TREBLE_HZ[1]


def treble(clean: np.ndarray, enhanced: np.ndarray, *, sample_rate: int) -> tuple[float, float]:
    """Compare what lies between 8 and 20 kHz, where PESQ and STOI are deaf, while someone speaks.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,), float32 in [−1, 1]
        Reference and signal under test.
    sample_rate : int
        Hz.

    Returns
    -------
    lsd_db : float
        Log-spectral distance (Gray and Markel, TASSP 1976): the root mean square over frequency of the difference of
        levels, in the mean of all frames of 20 ms.
    level_db : float
        Level of `enhanced` over that of `clean`.
    Both NaN where the rate has no such treble, or either signal is silent or holds no speech.
    """
    flaw = _flaw(clean=clean, enhanced=enhanced)
    if not has_treble(sample_rate):
        flaw = f"audio at {sample_rate} Hz does not reach {TREBLE_HZ[1]} Hz"
    active = np.zeros(0, bool) if flaw else active_frames(clean, sample_rate=sample_rate)
    if not active.any():
        undefined = _undefined(flaw or "no active speech")
        return undefined, undefined
    frame = round(ACTIVITY_FRAME_SECONDS * sample_rate)
    frequency_hz = np.fft.rfftfreq(frame, 1 / sample_rate)
    inside = (frequency_hz >= TREBLE_HZ[0]) & (frequency_hz < TREBLE_HZ[1])
    window = np.hanning(frame)
    spectra = (
        np.fft.rfft(signal[: len(active) * frame].reshape(-1, frame)[active] * window)[:, inside]
        for signal in (clean, enhanced)
    )
    # a sine of full scale has a power of 1/2, and 0 dBFS that of 1
    reference, tested = (2 * np.abs(spectrum / window.sum()) ** 2 for spectrum in spectra)
    floor = 10 ** (TREBLE_FLOOR_DBFS / 10)
    distance_db = 10 * np.log10((reference + floor) / (tested + floor))
    lsd_db = np.sqrt(np.mean(distance_db**2, axis=1)).mean()
    return float(lsd_db), float(10 * np.log10((tested.sum() + floor) / (reference.sum() + floor)))


def _frame_power(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    frame = round(ACTIVITY_FRAME_SECONDS * sample_rate)
    frames = np.asarray(signal[: len(signal) // frame * frame], dtype=np.float64).reshape(-1, frame)
    return np.mean(frames**2, axis=1)


def active_frames(speech: np.ndarray, *, sample_rate: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Mark the frames of 20 ms in which someone speaks.

    ITU-T P.56 on frames: a frame is active while its power exceeds a threshold and for 200 ms after, where the
    threshold lies 15.9 dB under the mean power of the active frames. The same rule as `undin.data.level`, which mixes
    by it, but without torch; a test holds them together.

    Parameters
    ----------
    speech : ndarray, shape (N,)
        Clean speech.
    sample_rate : int
        Hz.

    Returns
    -------
    ndarray of bool, shape (N // frame,)
    """
    power = _frame_power(speech, sample_rate)
    padded = np.pad(power, (ACTIVITY_HANGOVER_FRAMES, 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, ACTIVITY_HANGOVER_FRAMES + 1)
    held = windows.max(axis=-1)[: len(power)]
    active = held > 0
    for _ in range(10):  # a fixed point, reached within a few rounds
        if not active.any():
            break
        active = held > power[active].mean() * 10 ** (-ACTIVITY_MARGIN_DB / 10)
    return active


def active_level_dbfs(speech: np.ndarray, *, sample_rate: int = SAMPLE_RATE_HZ) -> float:
    """Level of the speech-active frames, in dB of mean power against a constant 1; NaN for silence."""
    active = active_frames(speech, sample_rate=sample_rate)
    if not active.any():
        return _undefined("no active speech")
    return float(10 * np.log10(_frame_power(speech, sample_rate)[active].mean()))


def level_loss_db(clean: np.ndarray, enhanced: np.ndarray, *, sample_rate: int = SAMPLE_RATE_HZ) -> float:
    """Level that the speech-active frames of clean input lose on their way through a network.

    Parameters
    ----------
    clean : ndarray, shape (N,)
        Clean speech as it went in.
    enhanced : ndarray, shape (N,)
        What came out, aligned with it.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        Decibels, 0 for an untouched signal and positive for a loss; infinite where nothing comes out, NaN where
        `clean` holds no speech.
    """
    refuse_other_shapes(clean=clean, enhanced=enhanced)
    if not np.isfinite(enhanced).all():
        return _undefined("enhanced holds NaN or infinity")
    active = active_frames(clean, sample_rate=sample_rate)
    if not active.any():
        return _undefined("clean holds no active speech")
    before, after = (_frame_power(signal, sample_rate)[active].mean() for signal in (clean, enhanced))
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(before / after))


def noise_attenuation_db(noise: np.ndarray, enhanced: np.ndarray, *, sample_rate: int = SAMPLE_RATE_HZ) -> float:
    """Level that noise without speech loses on its way through a network, its first second aside.

    In that second a network that starts afresh learns what the noise is like.

    Parameters
    ----------
    noise : ndarray, shape (N,)
        Noise as it went in.
    enhanced : ndarray, shape (N,)
        What came out, aligned with it.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        Decibels, 0 for an untouched signal; infinite where nothing comes out, NaN where no noise above -80 dBFS is
        left after the second.
    """
    refuse_other_shapes(noise=noise, enhanced=enhanced)
    settled = round(NOISE_SETTLING_SECONDS * sample_rate)
    before, after = (np.square(signal[settled:], dtype=np.float64).sum() for signal in (noise, enhanced))
    if not np.isfinite([before, after]).all():
        return _undefined("the noise or what is left of it holds NaN or infinity")
    if before <= 10 ** (SILENCE_DBFS / 10) * max(0, len(noise) - settled):
        return _undefined("there is no noise after the first second")
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(before / after))
