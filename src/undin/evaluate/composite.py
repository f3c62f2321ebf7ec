"""Composite measures after Hu and Loizou, "Evaluation of objective quality measures for speech enhancement", IEEE
Transactions on Audio, Speech, and Language Processing 16 (1), 2008, and the segmental SNR that they contain.

Tables of VoiceBank-DEMAND show CSIG, CBAK and COVL with wide-band PESQ, as here. Where the paper leaves a choice, that
of its authors' MATLAB code is taken (P. C. Loizou, "Speech Enhancement: Theory and Practice", second edition, 2013),
which the published numbers come from.
"""

import numpy as np

FRAME_S, HOPS_A_FRAME = 0.03, 4
KEPT_SHARE = 0.95
"""Of the frames of a file, those with the least distortion, over which LLR and WSS are averaged."""
SEGMENT_DB = -10.0, 35.0
LPC_ORDER = 16
EPS = np.finfo(np.float64).eps

BAND_HZ, BAND_WIDTH_HZ = (
    np.array(numbers.split(), float)
    for numbers in (
        "50 120 190 260 330 400 470 540 617.372 703.378 798.717 904.128 1020.38 1148.30 1288.72 1442.54 1610.70 "
        "1794.16 1993.93 2211.08 2446.71 2701.97 2978.04 3276.17 3597.63",
        "70 70 70 70 70 70 70 77.3724 86.0056 95.3398 105.411 116.256 127.914 140.423 153.823 168.154 183.457 199.776 "
        "217.153 235.631 255.255 276.072 298.126 321.465 346.136",
    )
)
"""Centres and widths of 25 critical bands."""
SLOPE_MAX, SLOPE_LOCAL_MAX = 20.0, 1.0
"""Constants of Klatt's weights: dB below the loudest band, and below the nearest peak, at which they halve."""


def composite(clean: np.ndarray, enhanced: np.ndarray, *, pesq: float, sample_rate: int) -> tuple[float, float, float]:
    """CSIG, CBAK and COVL: predicted ratings of the speech, of the background, and of both, 1 to 5 (table VI).

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Reference and signal under test, at least 38 ms long; the level of either counts in CBAK.
    pesq : float
        Of the pair.
    sample_rate : int
        Hz, 10,000 or more.
    """
    llr = _kept_mean(log_likelihood_ratio(clean, enhanced, sample_rate=sample_rate))
    wss = _kept_mean(weighted_spectral_slope(clean, enhanced, sample_rate=sample_rate))
    ssnr = segmental_snr(clean, enhanced, sample_rate=sample_rate)
    csig = 3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * wss
    cbak = 1.634 + 0.478 * pesq - 0.007 * wss + 0.063 * ssnr
    covl = 1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * wss
    csig, cbak, covl = (float(np.clip(rating, 1, 5)) for rating in (csig, cbak, covl))
    return csig, cbak, covl


def segmental_snr(clean: np.ndarray, enhanced: np.ndarray, *, sample_rate: int) -> float:
    """Mean over frames of the SNR, each cut to −10 to 35 dB (section III.A).

    The difference of the signals is the noise, so the level of either counts.
    """
    one, other = (_frames(signal, sample_rate) for signal in (clean, enhanced))
    signal, noise = np.square(one).sum(-1), np.square(one - other).sum(-1)
    return float(np.clip(10 * np.log10(signal / (noise + EPS) + EPS), *SEGMENT_DB).mean())


def log_likelihood_ratio(clean: np.ndarray, enhanced: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Of every frame (section III.B, eq. 4): the residual that the enhanced signal's linear prediction leaves of the
    clean one, over that of its own, as a natural logarithm."""
    one, other = (_autocorrelation(_frames(signal, sample_rate)) for signal in (clean, enhanced))
    lags = np.abs(np.subtract.outer(np.arange(LPC_ORDER + 1), np.arange(LPC_ORDER + 1)))
    residual = [np.einsum("fi,fij,fj->f", filter, one[:, lags], filter) for filter in map(_predictor, (other, one))]
    return np.log(residual[0] / residual[1])


def weighted_spectral_slope(clean: np.ndarray, enhanced: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Of every frame: the distance of the slopes of critical-band spectra, weighted near peaks (section III.B, eq. 6;
    Klatt, "Prediction of perceived phonetic distance from critical-band spectra", ICASSP 1982)."""
    bands_db = [_bands_db(_frames(signal, sample_rate), sample_rate) for signal in (clean, enhanced)]
    slopes = [np.diff(band_db, axis=-1) for band_db in bands_db]
    weight = sum(_slope_weights(band_db, slope) for band_db, slope in zip(bands_db, slopes, strict=True)) / 2
    return (weight * (slopes[0] - slopes[1]) ** 2).sum(-1) / weight.sum(-1)


def least_samples(sample_rate: int) -> int:
    """Length of a signal that has one frame at a rate in Hz."""
    length = round(FRAME_S * sample_rate)
    return length + length // HOPS_A_FRAME


def _kept_mean(distances: np.ndarray) -> float:
    return float(np.sort(distances)[: round(len(distances) * KEPT_SHARE)].mean())


def _frames(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """Windowed frames (F, n) but the last; a constant keeps digital silence from dividing by zero."""
    length = round(FRAME_S * sample_rate)
    hop = length // HOPS_A_FRAME
    count = int(len(signal) / hop - length / hop)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(signal, np.float64) + EPS, length)[::hop][:count]
    return frames * np.hanning(length + 2)[1:-1]


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Lags 0 to `LPC_ORDER` of each frame."""
    length = frames.shape[-1]
    return np.stack([(frames[:, : length - lag] * frames[:, lag:]).sum(-1) for lag in range(LPC_ORDER + 1)], axis=-1)


def _predictor(correlation: np.ndarray) -> np.ndarray:
    """Prediction error filters (F, `LPC_ORDER` + 1) by the Levinson-Durbin recursion."""
    filter = np.zeros_like(correlation)
    filter[:, 0], error = 1, correlation[:, 0].copy()
    for order in range(1, LPC_ORDER + 1):
        reflection = -(filter[:, :order] * correlation[:, order:0:-1]).sum(-1) / error
        filter[:, : order + 1] += reflection[:, None] * filter[:, order::-1]
        error *= 1 - reflection**2
    return filter


def _bands_db(frames: np.ndarray, sample_rate: int) -> np.ndarray:
    """Levels of critical bands (F, 25), dB, from spectra of twice the length of a frame and more."""
    n_fft = 2 ** int(np.ceil(np.log2(2 * frames.shape[-1])))
    centre, width = (2 * hz / sample_rate * (n_fft // 2) for hz in (BAND_HZ, BAND_WIDTH_HZ))
    exponent = -11 * ((np.arange(n_fft // 2) - np.floor(centre)[:, None]) / width[:, None]) ** 2
    filters = np.exp(exponent) * (BAND_WIDTH_HZ[0] / BAND_WIDTH_HZ)[:, None]
    filters[filters <= np.exp(-30 / (2 * 2.303))] = 0
    power = np.abs(np.fft.rfft(frames, n_fft)[:, :-1]) ** 2
    return 10 * np.log10(np.maximum(power @ filters.T, 1e-10))


def _slope_weights(band_db: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Weights (F, 24), the more, the nearer a band is to the loudest of all and to the peak that its slope leads to."""
    peak, rises = band_db[:, :-1].copy(), slope > 0
    for band in range(slope.shape[-1] - 2, -1, -1):  # the last band from which a rise goes on
        same = rises[:, band] & rises[:, band + 1]
        peak[same, band] = peak[same, band + 1]
    for band in range(1, slope.shape[-1]):  # the first band from which a fall goes on
        same = ~rises[:, band] & ~rises[:, band - 1]
        peak[same, band] = peak[same, band - 1]
    below = band_db[:, :-1]
    to_loudest = SLOPE_MAX / (SLOPE_MAX + band_db.max(-1, keepdims=True) - below)
    return to_loudest * SLOPE_LOCAL_MAX / (SLOPE_LOCAL_MAX + peak - below)
