"""Draw scores: one panel a metric, one line a system, over SNR where an index gave it (needs matplotlib)."""

from collections.abc import Sequence
from pathlib import Path

from undin.evaluate.report import summarise
from undin.evaluate.score import SystemScores
from undin.evaluate.tasks import NOISY

UNITS = (
    {"pesq_wb": "PESQ-WB (MOS-LQO)", "pesq_nb": "PESQ-NB (MOS-LQO)", "stoi": "STOI", "estoi": "ESTOI"}
    | {"si_sdr": "SI-SDR (dB)", "sdr": "SDR (dB)", "ssnr": "segmental SNR (dB)"}
    | {rating: f"{rating.upper()} (1 to 5)" for rating in ("csig", "cbak", "covl")}
    | {
        "treble_lsd_db": "8 to 20 kHz, log-spectral distance (dB)",
        "treble_level_db": "8 to 20 kHz, level over clean speech (dB)",
    }
    | {f"dnsmos_{score}": f"DNSMOS {score.upper()} (MOS)" for score in ("sig", "bak", "ovrl")}
)
PANELS_PER_ROW = 4


def save_plot(systems: Sequence[SystemScores], path: Path) -> None:
    """Write the picture in the format that the suffix of `path` names.

    Lines join the means of each SNR; without an index every system is a bar. Whiskers are the standard error of the
    mean.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    columns = list(systems[0].files[0].values)
    rows = -(-len(columns) // PANELS_PER_ROW)
    width = min(len(columns), PANELS_PER_ROW)
    figure, axes = pyplot.subplots(rows, width, figsize=(3.4 * width, 3 * rows), squeeze=False, layout="constrained")
    for axis, column in zip(axes.flat, columns, strict=False):
        for place, scores in enumerate(systems):
            overall, *by_snr = summarise(scores)
            color = "gray" if scores.name == NOISY else f"C{place - 1}"
            points = by_snr or [overall]
            mean = [summary.mean[column] for summary in points]
            error = [
                summary.spread[column] / max(1, summary.pairs - summary.undefined[column]) ** 0.5 for summary in points
            ]
            if by_snr:
                snr_db = [summary.snr_db for summary in points]
                axis.errorbar(snr_db, mean, error, color=color, marker="o", capsize=2, label=scores.name)
                axis.set_xticks(snr_db)
                axis.set_xlabel("SNR of the input (dB)")
            else:
                axis.bar(place, mean, yerr=error, color=color, capsize=4, label=scores.name)
                axis.set_xticks([])
        axis.set_ylabel(UNITS[column])
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(columns) :]:
        axis.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if len(columns) < axes.size:
        axes.flat[-1].legend(handles, labels, loc="center", frameon=False)
    else:
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
