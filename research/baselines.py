"""How the networks of others compare, trained alike: measures and writes ``baselines.md``.

The question is what LSTMs at the bottlenecks of a nested U-Net are worth against dilated convolutions over past frames.
Took 34 minutes on two cores busy with training. Usage, from the repository's root, with the audio of `../shared` in its
place::

    python research/baselines.py [--jobs J] [--seconds S] [--files N]
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from model_card import COLUMNS
from model_scores import SETS, markdown_table, mean_and_error, score_cells, scored, values
from quality import speed_of

import undin
from undin.bench.measure import Measurement
from undin.evaluate.score import SystemScores
from undin.io.files import replacing
from undin.model.loading import find
from undin.model.metadata import Metadata
from undin.nn import networks
from undin.nn.export import export
from undin.nn.macs import macs_per_second, parameters

PAGE = Path(__file__).with_name("baselines.md")
TRAINED = Path(__file__).with_name("baselines")
BY_CONVOLUTIONS, BY_LSTMS = "nunet-tls", "nunet-lstm"
MODELS = {
    BY_CONVOLUTIONS: str(TRAINED / "nunet-tls.onnx"),
    BY_LSTMS: "nunet-lstm",
    "mask-rnn": str(TRAINED / "mask-rnn.onnx"),
    "crn": str(TRAINED / "crn.onnx"),
}
"""What `undin.load` takes, by the name of the recipe."""

ABOUT = """\
# Baselines

Measured by `python research/baselines.py`.

`nunet_tls` is a nested U-Net that carries time in convolutions over past frames, dilated at its bottlenecks;
`nunet_lstm` is the same with LSTMs there and all convolutions over single frames. `mask_rnn` has two LSTMs between mel
bands, `crn` two between a convolutional encoder and decoder. All learnt the same mixtures in the same order, with the
same losses and optimiser, by `recipes/`, at widths of 50 to 75 MMAC/s.

A hop is all that is done in C to 16 ms of sound, on one thread: minimum / median / 99th percentile, as `undin bench`
measures it. The arena is working memory that streams of a thread share. Scores are mean ± standard error.
"""

ABOUT_FULL_WIDTH = """\
Widths as published, weights as they were made: time and memory alone.
"""


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, help="processes that score (default: one a core)")
    parser.add_argument("--seconds", type=float, default=10, help="time to spend on the speed of a model (default: 10)")
    parser.add_argument("--files", type=int, metavar="N", help="score the first pairs alone, and print the page")
    args = parser.parse_args()
    about = {name: undin.load(model).metadata for name, model in MODELS.items()}
    trained = {name: speed_of(find(model), seconds=args.seconds) for name, model in MODELS.items()}
    full_width = {name: at_full_width(about[name], seconds=args.seconds) for name in (BY_CONVOLUTIONS, BY_LSTMS)}
    lines = [ABOUT, "## As trained", ""]
    lines += [*markdown_table(costs(trained, trained=about)), ""]
    on = {}
    for one in SETS:
        _, *on[one.name] = scored(list(MODELS.values()), one, jobs=args.jobs, files=args.files)
        lines += [f"{one.name[0].upper()}{one.name[1:]}:", "", *markdown_table(scores(on[one.name])), ""]
    lines += ["## At full width", "", ABOUT_FULL_WIDTH, *markdown_table(costs(full_width)), ""]
    lines += [f"## {BY_LSTMS} in parts of {BY_CONVOLUTIONS}", ""]
    lines += [*markdown_table(ratios({"as trained": trained, "at full width": full_width})), ""]
    lines += ["Its scores less those of the other, pair by pair, mean ± standard error:", ""]
    lines += [*markdown_table(differences(on)), ""]
    if args.files:
        print("\n".join(lines))
        return
    with replacing(PAGE) as partial:
        partial.write_text("\n".join(lines), encoding="utf-8")


def at_full_width(trained: Metadata, *, seconds: float) -> Measurement:
    """Measure a model's network with its default widths and fresh weights."""
    name = json.loads(trained.recipe)["network"]["name"]
    network = networks.build_network(name, sample_rate=trained.sample_rate, n_fft=trained.n_fft).eval()
    about = replace(
        trained,
        state_size=network.state_size,
        parameters=parameters(network),
        macs_per_second=macs_per_second(network, n_fft=trained.n_fft, sample_rate=trained.sample_rate, hop=trained.hop),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{trained.name}.onnx")
        export(network, about, path)
        return speed_of(path, seconds=seconds)


def costs(speeds: dict[str, Measurement], *, trained: dict[str, Metadata] | None = None) -> Iterator[list[str]]:
    """Size, time and memory; with the metadata of `trained` models how long each was trained."""
    yield [
        *("model", "parameters", "MMAC/s", "µs a hop", "real-time factor", "instructions", "state, bytes"),
        *("arena, bytes", "trained on, h")[: None if trained else 1],
    ]
    for name, one in speeds.items():
        yield [
            *(name, f"{one.parameters:,}", f"{1e-6 * one.macs_per_second:.1f}", str(one.hop_us)),
            *(f"{one.real_time_factor:.5f}", one.variant, f"{one.state_bytes:,}", f"{one.arena_bytes:,}"),
            *([f"{trained[name].hours_trained:.0f}"] if trained else []),
        ]


def scores(systems: Sequence[SystemScores]) -> Iterator[list[str]]:
    """Scores over a whole set."""
    yield ["model", *COLUMNS.values()]
    for one in systems:
        yield [one.name, *score_cells(one, COLUMNS)]


def differences(on: dict[str, Sequence[SystemScores]]) -> Iterator[list[str]]:
    """What LSTMs score more than dilated convolutions, by set."""
    yield ["", *COLUMNS.values()]
    for name, systems in on.items():
        by_name = {one.name: one for one in systems}
        gains = (values(by_name[BY_LSTMS], column) - values(by_name[BY_CONVOLUTIONS], column) for column in COLUMNS)
        cells = (mean_and_error(gain) for gain in gains)
        yield [name.split(",")[0], *(f"{mean:.3f} ± {error:.3f}" for mean, error in cells)]


def ratios(widths: dict[str, dict[str, Measurement]]) -> Iterator[list[str]]:
    """What LSTMs take of what dilated convolutions take; of times the median and, in brackets, the minimum."""
    yield ["", "hop", "state", "arena", "multiply-accumulates"]
    for title, speeds in widths.items():
        lstms, convolutions = speeds[BY_LSTMS], speeds[BY_CONVOLUTIONS]
        minimum, median = (
            getattr(lstms.hop_us, kind) / getattr(convolutions.hop_us, kind) for kind in ("minimum", "median")
        )
        parts = (
            getattr(lstms, kind) / getattr(convolutions, kind)
            for kind in ("state_bytes", "arena_bytes", "macs_per_second")
        )
        yield [title, f"{median:.2f} ({minimum:.2f})", *(f"{part:.2f}" for part in parts)]


if __name__ == "__main__":
    main()
