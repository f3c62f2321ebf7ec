"""A larger network that starts as what a smaller one has learnt.

Chen, Goodfellow & Shlens, "Net2Net: accelerating learning via knowledge transfer", ICLR 2016, in its idea: the larger
network computes the smaller one's function, and has room. Here the room is filled with fresh weights, not with copies:
features that are new are heard by the new ones alone, and layers that are new add next to nothing at first.
"""

import torch
from torch import Tensor, nn

from undin.nn.batch_norm import BatchNorm
from undin.nn.networks.undin import Undin

NEW_LAYER_SCALE = 0.05
"""Of the norm that ends a new residual layer. At zero a rectifier behind it would let no gradient through."""


@torch.no_grad()
def grow(small: Undin, large: Undin) -> None:
    """Write what a network has learnt into a larger one with fresh weights, in place.

    Parameters
    ----------
    small, large : Undin
        In no option may the large one have less, and in `squeeze`, `past_frames` and `neighbours` they must agree.

    Raises
    ------
    ValueError
        The weights of one do not fit into the other's, or it is a network whose layers are not residual.
    """
    if not (isinstance(small, Undin) and isinstance(large, Undin)):
        raise ValueError("only a network 'undin' can start as a smaller one: the layers of others are not residual")
    seen = [(one.contrast.decay, one.contrast.neighbours) for one in (small, large)]
    if seen[0] != seen[1]:
        raise ValueError("a network can only start as one that has the same past_frames and neighbours")
    learnt, modules = dict(small.named_modules()), dict(large.named_modules())
    if missing := [name for name in learnt if name not in modules]:
        raise ValueError(f"a network cannot start as one with more layers: it has no {missing[0]}")
    for name, module in modules.items():
        if name in learnt:
            _fill(module, learnt[name], name)
        elif isinstance(module, BatchNorm):
            module.weight.fill_(NEW_LAYER_SCALE)


def _fill(module: nn.Module, learnt: nn.Module, name: str) -> None:
    """Write the weights and running statistics of one module, without its children, into a larger one."""
    tensors = *module.named_parameters(recurse=False), *module.named_buffers(recurse=False)
    for key, room in tensors:
        known = getattr(learnt, key)
        if any(more < less for more, less in zip(room.shape, known.shape, strict=True)):
            raise ValueError(
                f"a network cannot start as one with more weights: {name}.{key} has {tuple(room.shape)}, "
                f"and there it has {tuple(known.shape)}"
            )
        if room.ndim:
            _write(known, room, *_axes(module))


def _axes(module: nn.Module) -> tuple[int, int, int]:
    """Which axis of a module's weights counts what comes out, which what goes in, and how many gates share the former.

    Where nothing is mixed, as in norms, the second is -1.
    """
    if isinstance(module, nn.GRU):
        return 0, 1, 3
    if isinstance(module, nn.ConvTranspose2d):
        return 1, 0, 1
    if isinstance(module, nn.Conv2d | nn.Linear):
        return 0, 1, 1
    return 0, -1, 1


def _write(known: Tensor, room: Tensor, outputs: int, inputs: int, gates: int) -> None:
    """Put known weights first in a larger tensor, and make known outputs deaf to new inputs."""
    if gates > 1:
        for part, place in zip(known.chunk(gates), room.chunk(gates), strict=True):
            _write(part, place, outputs, inputs, 1)
        return
    if inputs >= 0 and room.ndim > 1:
        room.narrow(outputs, 0, known.shape[outputs]).zero_()
    room[tuple(slice(size) for size in known.shape)] = known
