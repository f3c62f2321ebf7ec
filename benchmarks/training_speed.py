"""How fast a recipe trains: seconds of audio per second, and where the time of a step goes.

Runs on made-up corpora, so it measures this machine and not its disk. Usage, from the repository's root::

    python benchmarks/training_speed.py [RECIPE.toml] [--set key=value …] [--device cuda] [--threads N] [--steps N]
    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 benchmarks/training_speed.py --threads 1
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import trange

from undin.cli import add_set
from undin.data.corpus import FULL_SCALE, Corpus
from undin.data.mixing import Mixer
from undin.train.loop import choose_device
from undin.train.processes import Processes, join
from undin.train.recipe import Recipe, load_recipe
from undin.train.state import TrainingState

STAGES = ("mixing", "forward and loss", "backward", "optimiser and average")
WARM_UP_STEPS = 3


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", type=Path, default=Path("recipes/undin-tiny.toml"))
    add_set(parser, metavar="SECTION.KEY=VALUE", help="change keys of the recipe")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe, device = load_recipe(args.recipe, overrides=args.set), choose_device(args.device)
    with join(device) as processes:
        seconds = measure(recipe, device=device, processes=processes, steps=args.steps)
    if not processes.is_first:
        return
    audio_seconds = recipe.hours_per_step * 3600
    print(
        f"{recipe.name} on {device.type}, processes: {processes.count}, threads: {torch.get_num_threads()}, batches of "
        f"{recipe.training.batch_size} × {recipe.data.segment_seconds:g} s: "
        f"**{audio_seconds / sum(seconds.values()):.0f} times real time** (median step)\n"
    )
    print("| stage | ms a step | share |\n|---|---|---|")
    for stage, duration in seconds.items():
        print(f"| {stage} | {1000 * duration:.1f} | {duration / sum(seconds.values()):.0%} |")


def measure(recipe: Recipe, *, device: torch.device, processes: Processes, steps: int) -> dict[str, float]:
    """Return the median seconds of every stage of a training step."""
    state = TrainingState(recipe, device=device, processes=processes)
    rows = processes.part(recipe.training.batch_size)
    corpora = [_bursts(recipe.audio.sample_rate, seed=seed) for seed in (0, 1)]
    mixer = Mixer(
        *corpora,
        recipe.mixing,
        sample_rate=recipe.audio.sample_rate,
        segment_samples=recipe.segment_samples,
        seed=recipe.training.seed,
        device=device,
    )
    times = []
    for step in trange(WARM_UP_STEPS + steps, disable=None if processes.is_first else True):
        marks = [_now(device)]
        noisy, clean = mixer.batch(step, recipe.training.batch_size, part=rows)
        marks.append(_now(device))
        total, _ = state.forward(noisy, clean)
        marks.append(_now(device))
        total.backward()
        marks.append(_now(device))
        state.update()
        marks.append(_now(device))
        times.append(np.diff(marks))
    return dict(zip(STAGES, np.median(times[WARM_UP_STEPS:], axis=0).tolist(), strict=True))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _bursts(sample_rate: int, *, seed: int, files: int = 40, file_seconds: int = 10) -> Corpus:
    """Noise that comes and goes a few times a second, as syllables do."""
    generator = np.random.default_rng(seed)
    samples = file_seconds * sample_rate
    swell = np.sin(2 * np.pi * 2 * np.arange(samples) / sample_rate) ** 4
    audio = generator.standard_normal((files, samples), dtype=np.float32) * swell * 0.1 * FULL_SCALE
    lengths = torch.full((files,), samples)
    names = tuple(f"{index}/bursts" for index in range(files))
    samples = torch.from_numpy(audio.clip(-FULL_SCALE, FULL_SCALE).astype(np.int16)).flatten()
    return Corpus(samples, lengths.cumsum(0) - lengths, lengths, names, sample_rate)


if __name__ == "__main__":
    main()
