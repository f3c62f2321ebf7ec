"""The processes of one training run: one, or several started by ``torchrun``, each on its part of every batch.

Averages travel through ``torch.distributed``: gloo between CPUs, NCCL between GPUs. With a single process every call
here does nothing. Batch statistics inside networks span the processes by themselves (``nn/layers.py``).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Processes:
    """This process among its peers.

    Attributes
    ----------
    rank, count : int
        Which process this is, from 0, and how many there are. The first one writes files and prints.
    """

    def __init__(self, rank: int = 0, count: int = 1):
        self.rank, self.count = rank, count
        # a question to all that must not wait for a GPU travels over gloo, whatever the tensors use; an answer takes as
        # long as the first process needs to decode all audio
        self._control = dist.new_group(backend="gloo", timeout=timedelta(days=1)) if count > 1 else None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def part(self, batch_size: int) -> slice:
        """Return the rows of a batch that are this process's.

        Raises
        ------
        ValueError
            The batch does not divide into equal parts.
        """
        if batch_size % self.count:
            raise ValueError(f"a batch of {batch_size} does not divide among {self.count} processes; change batch_size")
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def average_(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its mean over all processes."""
        if self.count > 1:
            dist.all_reduce(tensor)
            tensor /= self.count
        return tensor

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace all gradients by their means over all processes, in one message."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.average_(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [part.view_as(old) for part, old in zip(parts, gradients, strict=True)])

    def barrier(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            dist.barrier(group=self._control)

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process."""
        if self.count == 1:
            return flag
        flags = torch.tensor(int(flag))
        dist.all_reduce(flags, op=dist.ReduceOp.MAX, group=self._control)
        return bool(flags)


@contextmanager
def join(device: torch.device) -> Iterator[Processes]:
    """Meet the processes that ``torchrun`` started, or be alone without it; part from them at the end."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), count)
    finally:
        dist.destroy_process_group()
