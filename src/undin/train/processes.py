"""The processes of one training run: one, or several started by ``torchrun``, each on its part of every batch.

They may be on several machines, which need no disk in common. Averages travel through ``torch.distributed``: gloo
between CPUs, NCCL between GPUs. With a single process every call here does nothing. Batch statistics inside networks
span the processes by themselves (``nn/batch_norm.py``).
"""

import os
from collections.abc import Callable, Iterable, Iterator
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
    rank_here : int
        Which it is of those on its machine.
    node, nodes : int
        Which machine this is, from 0, and how many there are.
    """

    def __init__(self, rank: int = 0, count: int = 1, *, rank_here: int = 0, node: int = 0, nodes: int = 1):
        self.rank, self.count, self.rank_here = rank, count, rank_here
        self.node, self.nodes = node, nodes
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

    @contextmanager
    def first_here_first(self) -> Iterator[None]:
        """Let the first process of each machine do the block of the `with` before the others of that machine do it."""
        if self.rank_here:
            self.barrier()
        yield
        if not self.rank_here:
            self.barrier()

    def newest(self, step: int | None, load: Callable[[], bytes]) -> bytes | None:
        """Return what the process with the most steps loads, in all processes; None where none has any.

        Parameters
        ----------
        step : int or None
            Of what this process could load; None if there is nothing here.
        load : function
            Called in one of the processes with the most steps.
        """
        if self.count == 1:
            return None if step is None else load()
        steps: list[int | None] = [None] * self.count
        dist.all_gather_object(steps, step, group=self._control)
        found = [(one, -rank) for rank, one in enumerate(steps) if one is not None]
        if not found:
            return None
        owner = -max(found)[1]
        loaded = [load() if self.rank == owner else None]
        dist.broadcast_object_list(loaded, src=owner, group=self._control)
        return loaded[0]

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
        yield Processes(
            dist.get_rank(),
            count,
            rank_here=int(os.environ.get("LOCAL_RANK", "0")),
            node=int(os.environ.get("GROUP_RANK", "0")),
            nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")),
        )
    finally:
        dist.destroy_process_group()
