"""What the messages between the processes of a training step cost by themselves, with nothing computed between them.

A step sends the sums of each batch norm, forth and back, and the gradients. Usage, with ``torchrun`` before it, on
network namespaces by ``benchmarks/nodes.sh``::

    torchrun --nproc-per-node 2 benchmarks/messages.py [RECIPE.toml] [--steps N]
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from undin.nn.batch_norm import BatchNorm, _over_processes
from undin.train.loop import choose_device
from undin.train.processes import join
from undin.train.recipe import load_recipe

WARM_UP_STEPS = 5


def main() -> None:
    """Measure and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", type=Path, default=Path("recipes/undin-tiny.toml"))
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    network = load_recipe(args.recipe, overrides=[]).build_network()
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    count = sum(parameter.numel() for parameter in parameters)
    with join(choose_device("cpu")) as processes:
        norms_ms, gradients_ms = [], []
        for _ in range(WARM_UP_STEPS + args.steps):
            start = time.perf_counter()
            for norm in [*norms, *norms]:
                _over_processes(torch.ones(2, norm.num_features, dtype=torch.float64))
            middle = time.perf_counter()
            processes.average_gradients(parameters)
            norms_ms.append(1000 * (middle - start))
            gradients_ms.append(1000 * (time.perf_counter() - middle))
        if processes.is_first:
            print(
                f"a step of {args.recipe.stem}: {2 * len(norms)} messages of batch norms "
                f"**{statistics.median(norms_ms[WARM_UP_STEPS:]):.1f} ms**, {count} gradients "
                f"**{statistics.median(gradients_ms[WARM_UP_STEPS:]):.1f} ms** (medians)"
            )


if __name__ == "__main__":
    main()
