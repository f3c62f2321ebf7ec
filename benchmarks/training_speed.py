"""How fast a recipe trains: seconds of audio per second, and where the time of a step goes.

Runs on made-up corpora, so it measures this machine and not its disk. Usage, from the repository's root::

    python benchmarks/training_speed.py [RECIPE.toml] [--set key=value …] [--device cuda] [--threads N] [--steps N]
    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 benchmarks/training_speed.py --threads 1
    python benchmarks/training_speed.py --operators

The last counts what a GPU would be told to do in a step, on any machine; see `operator_calls`.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from tqdm import trange

from undin.cli import add_set
from undin.data.corpus import FULL_SCALE, Corpus
from undin.data.mixing import Mixer
from undin.nn import kernels
from undin.train.loop import choose_device
from undin.train.processes import Processes, join
from undin.train.recipe import Recipe, load_recipe
from undin.train.state import TrainingState

STAGES = ("mixing", "forward and loss", "backward", "optimiser and average")
WARM_UP_STEPS = 3
COUNTED_STEPS = 8
RECURRENT = ("aten::gru", "aten::lstm", "aten::rnn_tanh", "aten::rnn_relu")
"""One call each on GPUs, and one for the gradients; on CPUs many for every frame."""


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", type=Path, default=Path("recipes/undin-tiny.toml"))
    add_set(parser, metavar="SECTION.KEY=VALUE", help="change keys of the recipe")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--operators", action="store_true", help="count operator calls instead of time")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe, device = load_recipe(args.recipe, overrides=args.set), choose_device(args.device)
    if args.operators:
        return print_operator_calls(recipe)
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
    times = []
    stages = training_steps(recipe, device=device, processes=processes)
    for _ in trange(WARM_UP_STEPS + steps, disable=None if processes.is_first else True):
        marks = [_now(device)]
        for stage in next(stages):
            stage()
            marks.append(_now(device))
        times.append(np.diff(marks))
    return dict(zip(STAGES, np.median(times[WARM_UP_STEPS:], axis=0).tolist(), strict=True))


def training_steps(
    recipe: Recipe, *, device: torch.device, processes: Processes, files: int = 40
) -> Iterator[tuple[Callable[[], None], ...]]:
    """Train on made-up corpora without end: the `STAGES` of step after step, to be called in order."""
    state = TrainingState(recipe, device=device, processes=processes)
    rows = processes.part(recipe.training.batch_size)
    corpora = [_bursts(recipe.audio.sample_rate, seed=seed, files=files) for seed in (0, 1)]
    mixer = Mixer(
        *corpora,
        # here is no vowel to hold, nor a corpus of a name
        replace(recipe.mixing, held_speech_share=0.0, corpus_shares={}),
        sample_rate=recipe.audio.sample_rate,
        segment_samples=recipe.segment_samples,
        seed=recipe.training.seed,
        device=device,
    )

    def mix() -> None:
        nonlocal noisy, clean
        noisy, clean = mixer.batch(state.step, recipe.training.batch_size, part=rows)

    def forward() -> None:
        nonlocal total
        total, _ = state.forward(noisy, clean)

    noisy = clean = total = None
    while True:
        yield mix, forward, lambda: total.backward(), state.update


def print_operator_calls(recipe: Recipe) -> None:
    """Print a Markdown table: operator calls of every stage, as on a GPU and with the kernels in C."""
    as_on_gpu, in_c = (operator_calls(recipe, kernels_in_c=in_c, steps=COUNTED_STEPS) for in_c in (False, True))
    print(f"{recipe.name}, operator calls a step: **{sum(as_on_gpu.values()):.0f}** (mean of {COUNTED_STEPS} steps)\n")
    print("| stage | as on a GPU | with the kernels in C |\n|---|---|---|")
    for stage in STAGES:
        print(f"| {stage} | {as_on_gpu[stage]:.0f} | {in_c[stage]:.0f} |")


def operator_calls(recipe: Recipe, *, kernels_in_c: bool, steps: int) -> dict[str, float]:
    """Count the operators that a step calls in every stage, as the profiler of torch sees them: means over steps.

    What counts is what a GPU would be told to do: operators that read or write numbers and have a kernel of their own.
    Not counted are views, memory that is only reserved, what is made of other operators, which count themselves, and
    kernels in C. Operators over lists (``_foreach…``, fused Adam) are one call, and a recurrence over all frames is two
    in the forward stage, of which one stands for its gradients. Mixing calls the more, the more speeds are in a batch;
    how long segments are hardly matters, nor how large the network is in anything but layers.
    """
    library = kernels.library if kernels_in_c else lambda *_, **__: None
    calls = np.zeros(len(STAGES))
    with mock.patch.object(kernels, "library", library):
        stages = training_steps(recipe, device=torch.device("cpu"), processes=Processes(), files=4)
        for stage in next(stages):  # once without counting what is made once
            stage()
        for _ in range(steps):
            with profile(activities=[ProfilerActivity.CPU]) as profiler:
                for name, stage in zip(STAGES, next(stages), strict=True):
                    with record_function(name):
                        stage()
            events = profiler.events()
            inside = _nodes_of_recurrences(events)
            calls += [sum(_calls(event, inside) for event in events if event.name == name) for name in STAGES]
    return dict(zip(STAGES, (calls / steps).tolist(), strict=True))


def _calls(event: FunctionEvent, inside: set[int]) -> int:
    """Calls that an event of the profiler is or contains; `inside` are the nodes of autograd that are left out."""
    if event.name in RECURRENT:
        return 2
    if _computes(event.name):
        return 1
    if event.name.startswith("autograd::") and event.sequence_nr in inside:
        return 0
    return sum(_calls(child, inside) for child in event.cpu_children)


def _nodes_of_recurrences(events: list[FunctionEvent]) -> set[int]:
    """Sequence numbers of the nodes of autograd that recurrences make, from their own to that of what comes next."""
    forward = [event for event in events if event.sequence_nr >= 0 and not event.name.startswith("autograd::")]
    nodes = set()
    for recurrence in forward:
        if recurrence.name in RECURRENT:
            later = [event for event in forward if event.time_range.start > recurrence.time_range.end]
            following = min(later, key=lambda event: event.time_range.start)
            nodes.update(range(recurrence.sequence_nr, following.sequence_nr))
    return nodes


@lru_cache
def _computes(name: str) -> bool:
    """Whether a GPU has a kernel for an operator: as here, but for some that here are made of others."""
    name = name.removeprefix("aten::")
    if name.startswith("_foreach") or name in ("_convolution", "convolution_backward", "copy_"):
        return True
    packet = getattr(torch.ops.aten, name, None)
    if packet is None or name.startswith(("empty", "resize", "set_")):
        return False
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    views = any(value.alias_info and not value.alias_info.is_write for o in overloads for value in o._schema.returns)
    names = [overload.name() for overload in overloads if torch._C._dispatch_has_kernel(overload.name())]
    return not views and any(torch._C._dispatch_has_kernel_for_dispatch_key(each, "CPU") for each in names)


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
