"""How good the models are and what they cost: measures and writes ``quality.md``, its picture, a table of README.md.

Some minutes a model on two cores, most of them for DNSMOS. Nothing is kept from one run to the next, but where only one
model is new the rows of the others, and the picture, may stay. Usage, from the repository's root, with the audio of
`../shared` in its place::

    python research/quality.py [MODEL ...] [--only MODEL] [--jobs J] [--seconds S] [--files N]

measures all models that come with undin, the baselines in `research/baselines/`, and those given: ONNX files, or
libraries, which are scored but not timed. The tables are made in `quality_tables.py`.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from model_scores import QUARTER, SETS, VALID, markdown_table, mean_and_error, scored, values
from quality_tables import MAX_LOSS_DB, MIN_PESQ_WB, Subject, by_snr, costs, means, overview, promises, targets

import undin
from undin.bench.measure import Measurement, measure
from undin.bench.priority import real_time_priority
from undin.engines.native import is_library
from undin.evaluate.report import GONE_DB
from undin.evaluate.score import SystemScores
from undin.io.files import replacing
from undin.model.loading import find

PAGE = Path(__file__).with_name("quality.md")
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- models: research/quality.py -->", "<!-- end -->"
"""Around the table of models in `README`."""
PICTURE = PAGE.with_suffix(".svg")
BASELINES = Path(__file__).with_name("baselines")
"""Networks of others, trained for comparison with `baselines.py`."""
MARKERS = "osD^vP*X"

ABOUT = f"""\
# Quality

Measured by `{{command}}`, but for what stands under *Others*.

The models learn from the corpora that their cards and metadata list. The speakers and noises of the two sets below are
not among them: neither those of LibriSpeech test-other, nor p232 and p257 of VoiceBank, nor DEMAND. Other speakers of
VCTK are, recorded as those of VoiceBank were, so the clean speech of the quarter is nearer to the training data than
that of valid. None of the models has seen the training set that belongs to VoiceBank-DEMAND.

![PESQ-WB against the time of a hop]({PICTURE.name})
"""

ABOUT_COSTS = """\
A hop is all that is done in C to a hop of samples (16 ms, of models for 48 kHz 10), on one thread; its minimum /
median / 99th percentile, as `undin bench` measures it. *Trained on* counts the audio of all steps, much of it the same
speech in other noise.
"""

ABOUT_SCORES = """\
Mean ± standard error over pairs. Most of that error is the variety of pairs, which are the same for all models, so
models differ for certain at much less. The last column is of differences pair by pair.
"""

ABOUT_SNR = {
    VALID.name: "By SNR of the mixture.",
    QUARTER.name: (
        "These files do not tell their SNR, but every fourth utterance seems to have one of two of the four SNRs that "
        "the whole set has (2.5 to 17.5 dB): the SI-SDR of nearly all noisy files is near 1 dB (p257) or near 16 dB "
        "(p232). So they are parted at the widest gap in it; the two parts differ by speaker too."
    ),
}

ABOUT_PROMISES = f"""\
What must hold beside scores; in bold what does not. *Clean speech* goes in alone, at active levels of −45 / −35 / −25 /
−15 / −5 dBFS: on average over 20 files it must lose less than {MAX_LOSS_DB} dB, and its PESQ-WB against what went in
must be above {MIN_PESQ_WB:g}. *Noise* goes in alone too: the difference of the noisy and the clean file of a pair,
at the level that it has there. After its first second it must lose {GONE_DB} dB on average; voices, as in a cafe, may
be taken for speech. DNSMOS must rise from the noisy input to the enhanced.
"""

OTHERS = """\
## Others

Not measured by this script. The first table was measured on the same two sets by others, with each model as published:

| model | trained on | quarter: PESQ-WB / STOI / SI-SDR | valid |
|---|---|---|---|
| GTCRN | VoiceBank (matched to the quarter) | 2.84 / 0.930 / 19.2 | 1.49 / 0.740 / 4.8 |
| GTCRN | DNS3, hundreds of hours | 2.52 / 0.906 / 15.9 | 1.85 / 0.832 / 10.6 |
| DTLN (123 MMAC/s, 1 M parameters) | DNS1, 500 h | 2.43 / 0.908 / 17.4 | 1.86 / 0.839 / 11.1 |
| RNNoise 0.2 | its own | 2.08 / 0.886 / 12.2 | 1.53 / 0.832 / 7.9 |
| a nested U-Net with LSTM (4,600 MMAC/s) | WSJ0 mixtures | 2.18 / 0.926 / 17.6 | 1.80 / 0.822 / 8.7 |

The second was published, on all 824 pairs of the VoiceBank-DEMAND test set, by models trained on its own training set;
only the row that says so was not:

| model | parameters | MMAC/s | PESQ-WB | STOI | SI-SDR |
|---|---|---|---|---|---|
| noisy | | | 1.97 | 0.921 | 8.4 |
| RNNoise 2018 | 60 k | 40 | 2.29 | | |
| DeepFilterNet 2022 / 3 | 1.8 M / 2.1 M | 350 | 2.81 / 3.17 | 0.942 / 0.944 | 16.6 |
| GTCRN | 24 k | 40 | 2.87 | 0.940 | 18.8 |
| GTCRN, trained on DNS3 instead (measured) | 24 k | 40 | 2.50 | 0.914 | 15.7 |
| LiSenNet, streamable | 37 k | 56 | 2.98 | 0.941 | 18.5 |
| FastEnhancer T | 22 k | 60 | 2.99 | 0.940 | 18.6 |
| FastEnhancer B | 92 k | 262 | 3.13 | 0.945 | 19.0 |
| FastEnhancer S | 195 k | 664 | 3.19 | 0.947 | 19.2 |
| FastEnhancer M | 492 k | 2900 | 3.24 | 0.950 | 19.4 |
"""


def main() -> None:
    """Measure everything and write page and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="files, beside the models that come with undin")
    parser.add_argument("--only", metavar="MODEL", help="measure one that the page has, and renew its rows alone")
    parser.add_argument("--jobs", type=int, help="processes that score (default: one a core)")
    parser.add_argument("--seconds", type=float, default=5, help="time to spend on the speed of a model (default: 5)")
    parser.add_argument(
        "--files", type=int, metavar="N", help="score the first pairs alone, and print what is written else"
    )
    args = parser.parse_args()
    if args.only and args.models:
        parser.error("--only measures one model alone: name no others")
    models = [args.only] if args.only else [*undin.models(), *map(str, sorted(BASELINES.glob("*.onnx"))), *args.models]
    scores = {}
    for one in SETS:
        scores[one.name] = scored(models, one, jobs=args.jobs, files=args.files)
        print(f"{one.name}: scored", file=sys.stderr)
    noisy = {name: systems.pop(0) for name, systems in scores.items()}
    subjects = [
        Subject(
            metadata=undin.load(model).metadata,
            speed=speed_of(find(model), seconds=args.seconds),
            scores={name: systems[place] for name, systems in scores.items()},
        )
        for place, model in enumerate(models)
    ]
    command = " ".join(["python research/quality.py", *(Path(model).name for model in args.models)])
    lines = list(page(subjects, noisy, command=command))
    table = list(markdown_table(overview(subjects, noisy)))
    if args.files:
        print("\n".join([*lines, "", *table]))
        return
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    texts = {PAGE: "\n".join(lines), README: "\n".join([before + BEGIN, "", *table, "", END + after])}
    if args.only:
        name = subjects[0].metadata.name
        texts = {path: renewed(path.read_text(encoding="utf-8"), text, name) for path, text in texts.items()}
    else:
        with replacing(PICTURE) as partial:
            draw(subjects, noisy, partial)
    for path, text in texts.items():
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")


def renewed(old: str, new: str, name: str) -> str:
    """A page whose rows of one model are those of a page that was made of this model alone."""
    row = re.compile(rf"^\| {re.escape(name)}( \(\w+\))? \|.*$", re.MULTILINE)
    rows = [match[0] for match in row.finditer(new)]
    if len(rows) != len(row.findall(old)):
        raise ValueError(f"the page has other tables of {name} than are written now: measure all models")
    return row.sub(lambda _: rows.pop(0), old)


def speed_of(path: Path, *, seconds: float) -> Measurement | None:
    """Measure a model as `undin bench` does, with the priority that audio usually has where the user may."""
    if is_library(path):
        return None
    with real_time_priority(inherited=False):  # the compiler waits as usual
        return measure(path, seconds=seconds)


def page(subjects: Sequence[Subject], noisy: dict[str, SystemScores], *, command: str) -> Iterator[str]:
    """The page, line by line; `noisy` goes by the name of the set."""
    yield from [ABOUT.format(command=command), "## Cost", "", ABOUT_COSTS, *markdown_table(costs(subjects)), ""]
    yield from ["## Scores", "", ABOUT_SCORES]
    for one in SETS:
        systems = [noisy[one.name], *(subject.scores[one.name] for subject in subjects)]
        yield from [f"### {one.name[0].upper()}{one.name[1:]}", "", one.about, "", *markdown_table(means(systems)), ""]
        yield from [f"{ABOUT_SNR[one.name]} PESQ-WB / STOI / SI-SDR in dB:", "", *markdown_table(by_snr(systems)), ""]
    yield from ["## What was to be reached", "", "PESQ-WB / STOI / SI-SDR in dB; in bold what is less.", ""]
    yield from [*markdown_table(targets(subjects)), ""]
    yield from ["## Promises", "", ABOUT_PROMISES, *markdown_table(promises(subjects, noisy)), "", OTHERS]


def draw(subjects: Sequence[Subject], noisy: dict[str, SystemScores], path: Path) -> None:
    """Draw PESQ-WB, with its standard error, against the median time of a hop: a panel for each set."""
    # Text stays text, and the same numbers make the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "undin"})
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    timed = [subject for subject in subjects if subject.speed]
    for axes, one in zip(figure.subplots(1, len(SETS), sharex=True), SETS, strict=True):
        floor, _ = mean_and_error(values(noisy[one.name], "pesq_wb"))
        axes.axhline(floor, color="0.5", linestyle="--", linewidth=1)
        axes.annotate("noisy", (0.01, floor), xycoords=("axes fraction", "data"), color="0.4", va="bottom")
        for number, subject in enumerate(timed):
            mean, error = mean_and_error(values(subject.scores[one.name], "pesq_wb"))
            look = {"marker": MARKERS[number % len(MARKERS)], "linestyle": "", "capsize": 3, "color": f"C{number}"}
            axes.errorbar(subject.speed.hop_us.median, mean, error, label=subject.metadata.name, **look)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.margins(y=0.2)
        axes.set_title(one.name, loc="left", fontsize="medium")
        axes.set_xlabel("µs a hop, one thread")
        axes.set_ylabel("PESQ-WB")
        axes.grid(alpha=0.3)
    if timed:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
