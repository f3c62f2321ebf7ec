"""Draw what a model does to six clips of valid, and write the numbers that belong to them into ``listening.md``.

The clips are chosen by `RULES`. What is seen in the pictures stands in the page too, written by hand: look at it again
when the model is another. Two minutes. Usage, from the repository's root, with the audio of `../shared` in its place::

    python research/listening.py [MODEL]
"""

import argparse
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from artefacts import BANDS_HZ, BIN_HZ, HOP_SAMPLES, SAMPLE_RATE_HZ, Artefacts, Scene, to_db
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from model_scores import VALID, markdown_table
from PIL import Image

import undin
from undin.evaluate.metrics import pesq_wb
from undin.evaluate.pairs import Pair, find_pairs
from undin.evaluate.score import mean_and_spread
from undin.io import audio
from undin.io.files import replacing
from undin.model.loading import DEFAULT, Model

PAGE = Path("research/listening.md")
PICTURES = PAGE.with_suffix("")
BEGIN, END = "<!-- written by research/listening.py -->", "<!-- written by hand -->"
SHOWN_SECONDS = 6
RANGE_DB = 60
LEVELS = matplotlib.colormaps["magma"].resampled(20)
FATES = {"no speech": "white", "speech": "0.75", "speech that is lost": "#d62728", "noise that is left": "#1f77b4"}
EDGE_COLOUR = "#2ca02c"


@dataclass(frozen=True)
class Clip:
    """One pair, and what the model made of it."""

    pair: Pair
    noise: str
    scene: Scene
    artefacts: Artefacts
    noisy_pesq_wb: float
    enhanced_pesq_wb: float

    @property
    def gain(self) -> float:
        """By how much PESQ has risen."""
        return self.enhanced_pesq_wb - self.noisy_pesq_wb


def _edges(clip: Clip) -> float:
    of = clip.artefacts
    return (of.lost_at_beginnings + of.lost_at_ends) / 2 - of.lost_in_middles


RULES: dict[str, tuple[str, Callable[[Clip], float]]] = {
    "best": ("gains most PESQ", lambda clip: clip.gain),
    "worst": ("gains least PESQ", lambda clip: -clip.gain),
    "speech-lost": ("loses the largest share of speech", lambda clip: clip.artefacts.lost),
    "edges": ("loses most at beginnings and ends of words, against their middles", _edges),
    "musical": ("has most new peaks a second", lambda clip: clip.artefacts.peaks_per_second),
}
"""Title and what is largest in the clip that is chosen; a clip that is chosen already leaves its place to the next."""
MIDDLE = "middle", "gains as much PESQ as the clip in the middle"


def main() -> None:
    """Choose, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=DEFAULT, help="name or file (default: %(default)s)")
    model = undin.load(parser.parse_args().model)
    clips = read_clips(model)
    chosen = choose(clips)
    shown = {rule: excerpt(clip.scene) for rule, clip in chosen.items()}
    PICTURES.mkdir(exist_ok=True)
    for rule, clip in chosen.items():
        with replacing(PICTURES / f"{rule}.png") as partial:
            partial.write_bytes(picture(clip, frames=shown[rule]))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    lines = [BEGIN, "", *numbers(model, clips, chosen, shown), "", END]
    with replacing(PAGE) as partial:
        partial.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def read_clips(model: Model) -> list[Clip]:
    """Enhance, measure and score all pairs of valid."""
    with (VALID.folder / "index.csv").open(newline="", encoding="utf-8") as file:
        noises = {row["id"]: row["noise"] for row in csv.DictReader(file)}
    clips = []
    for pair in find_pairs(VALID.folder / "clean", VALID.folder / "noisy"):
        clean, noisy = (audio.read(path)[0][:, 0] for path in (pair.clean, pair.noisy))
        enhanced = undin.enhance(noisy, sample_rate=SAMPLE_RATE_HZ, model=model)
        scene = Scene(clean, noisy, enhanced)
        scores = pesq_wb(clean, noisy), pesq_wb(clean, enhanced)
        clips.append(Clip(pair, noises[pair.id], scene, scene.measure(), *scores))
    return clips


def choose(clips: Sequence[Clip]) -> dict[str, Clip]:
    """Choose six different clips by `RULES`, and by `MIDDLE`."""
    chosen: dict[str, Clip] = {}
    for rule, (_, value) in RULES.items():
        free = [clip for clip in clips if clip not in chosen.values() and not np.isnan(value(clip))]
        chosen[rule] = max(free, key=value)
    free = [clip for clip in clips if clip not in chosen.values()]
    middle = np.median([clip.gain for clip in clips])
    chosen[MIDDLE[0]] = min(free, key=lambda clip: abs(clip.gain - middle))
    return chosen


def excerpt(scene: Scene) -> slice:
    """Frames of the seconds in which most bins are lost or left."""
    marked = np.cumsum(np.concatenate(([0], (scene.lost | scene.left).sum(axis=0))))
    length = min(SHOWN_SECONDS * SAMPLE_RATE_HZ // HOP_SAMPLES, len(marked) - 1)
    start = int(np.argmax(marked[length:] - marked[:-length]))
    return slice(start, start + length)


def picture(clip: Clip, *, frames: slice) -> bytes:
    """Draw clean, noisy and enhanced speech one below the other, and what became of their bins, as a PNG."""
    scene, seconds_a_frame = clip.scene, HOP_SAMPLES / SAMPLE_RATE_HZ
    extent = (frames.start * seconds_a_frame, frames.stop * seconds_a_frame, 0, SAMPLE_RATE_HZ / 2000)
    look = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
    figure = Figure(figsize=(8.4, 7.2), dpi=100, layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, sharey=True)
    for panel, name in zip(axes, ("clean", "noisy", "enhanced"), strict=False):
        level_db = to_db(getattr(scene, name)[:, frames])
        image = panel.imshow(level_db, cmap=LEVELS, vmin=scene.top_db - RANGE_DB, vmax=scene.top_db, **look)
        panel.set_title(name, loc="left", fontsize=10)
    figure.colorbar(image, ax=axes[:3], label="dB, 0 for a sine of full scale", pad=0.01, aspect=40)
    fates = np.select([scene.left, scene.lost, scene.speech], [3, 2, 1])[:, frames]
    axes[3].imshow(fates, cmap=ListedColormap(list(FATES.values())), vmin=0, vmax=3, **look)
    axes[3].set_title("what became of it", loc="left", fontsize=10)
    for title, colour in list(FATES.items())[1:]:
        axes[3].plot([], [], "s", color=colour, label=title)
    bins, places = np.nonzero(scene.peaks[:, frames])
    peaks = (frames.start + places + 0.5) * seconds_a_frame, BIN_HZ[bins] / 1000
    axes[3].plot(*peaks, "k.", markersize=3, label="peak that is new")
    axes[3].legend(loc="lower right", bbox_to_anchor=(1, 0.96), ncols=4, fontsize=8, frameon=False)
    for panel in axes:
        panel.set_ylabel("kHz")
        for frame in {edge for word in scene.words for edge in word if frames.start < edge < frames.stop}:
            panel.axvline(frame * seconds_a_frame, color=EDGE_COLOUR, linewidth=1)
    axes[0].set_title(f"valid {clip.pair.id}, SNR {clip.pair.snr_db:g} dB", loc="right", fontsize=10)
    axes[3].set_xlabel("s")
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    pixels = Image.open(drawn).convert("RGB")
    pixels.quantize(palette=palette(), dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()


def palette() -> Image.Image:
    """The colours of the pictures and some greys for letters: few of them make small files."""
    names = [*LEVELS.colors, *FATES.values(), EDGE_COLOUR, *(f"{grey / 8}" for grey in range(9))]
    colours = np.array([to_rgb(name) for name in names])
    holder = Image.new("P", (1, 1))
    holder.putpalette(np.rint(255 * colours).astype(np.uint8).tobytes())
    return holder


def numbers(model: Model, clips: Sequence[Clip], chosen: dict[str, Clip], shown: dict[str, slice]) -> Iterator[str]:
    """What the page says in numbers, line by line."""
    about, reasons = model.metadata, {rule: reason for rule, (reason, _) in RULES.items()} | dict([MIDDLE])
    yield f"Of {about.name}, trained on {about.hours_trained:.0f} h of audio, commit {about.commit}."
    yield ""
    rows = [["clip", "chosen because it", "noise", "SNR, dB", "PESQ-WB", "seconds shown"]]
    for rule, clip in chosen.items():
        start, end = (frame * HOP_SAMPLES / SAMPLE_RATE_HZ for frame in (shown[rule].start, shown[rule].stop))
        scores = f"{clip.noisy_pesq_wb:.2f} → {clip.enhanced_pesq_wb:.2f}"
        times = f"{start:.1f} to {end:.1f} of {clip.pair.seconds:.1f}"
        rows.append([clip.pair.id, reasons[rule], clip.noise, f"{clip.pair.snr_db:g}", scores, times])
    yield from [*markdown_table(rows), ""]
    bands = [f"lost {band}" for band in BANDS_HZ]
    parts = ["at beginnings", "in middles", "at ends"]
    rows = [
        ["", "speech lost", *bands, *parts, "level lost, dB", "noise left, dB", "attenuated, dB", "new peaks a second"]
    ]
    rows += [[clip.pair.id, *cells([clip.artefacts])] for clip in chosen.values()]
    for snr_db in sorted({clip.pair.snr_db for clip in clips}):
        at_snr = [clip.artefacts for clip in clips if clip.pair.snr_db == snr_db]
        rows.append([f"all {len(at_snr)} at {snr_db:g} dB", *cells(at_snr)])
    rows.append([f"all {len(clips)}", *cells([clip.artefacts for clip in clips])])
    yield from markdown_table(rows)


def cells(all_of: Sequence[Artefacts]) -> list[str]:
    """Means of what is defined."""
    bands = [[of.lost_by_band[band] for of in all_of] for band in BANDS_HZ]
    names = ("lost_at_beginnings", "lost_in_middles", "lost_at_ends")
    shares = [[of.lost for of in all_of], *bands, *([getattr(of, name) for of in all_of] for name in names)]
    levels = [
        [getattr(of, name) for of in all_of] for name in ("loss_db", "left_db", "attenuated_db", "peaks_per_second")
    ]
    means = [mean_and_spread(values)[0] for values in (*shares, *levels)]
    return ["" if np.isnan(mean) else f"{100 * mean:.0f} %" for mean in means[:7]] + [
        f"{mean:.1f}" for mean in means[7:]
    ]


if __name__ == "__main__":
    main()
