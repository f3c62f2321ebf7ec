"""A training step of a batch norm, alone or by half; apart from its test, so that new processes can import it."""

from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from undin.nn.batch_norm import BatchNorm


def step(x: Tensor) -> dict[str, Tensor]:
    """Output, statistics and input gradient of a batch norm for ``x (B, C, T, F)``."""
    norm = BatchNorm(x.shape[1])
    x = x.clone().requires_grad_()
    output = norm(x)
    (output**3).sum().backward()
    return {"output": output.detach(), "gradient": x.grad, "mean": norm.running_mean, "variance": norm.running_var}


def half_step(rank: int, x: Tensor, folder: Path) -> None:
    """One of two processes: meet the other in a folder, take the step with half of ``x``, leave the outcome there."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    torch.save(step(x.chunk(2)[rank]), folder / f"{rank}.pt")
    dist.destroy_process_group()
