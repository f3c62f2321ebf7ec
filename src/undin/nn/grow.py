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
    learnt = dict(small.named_modules())
    for name, module in large.named_modules():
        if name not in learnt:
            if isinstance(module, BatchNorm):
                module.weight.fill_(NEW_LAYER_SCALE)
            continue
        for kind, tensors in (("parameter", module._parameters), ("buffer", module._buffers)):
            for key, room in tensors.items():
                if room is not None and room.ndim:
                    known = getattr(learnt[name], key)
                    if any(more < less for more, less in zip(room.shape, known.shape, strict=True)):
                        raise ValueError(
                            f"a network cannot start as one with more weights: the {kind} {name}.{key} has "
                            f"{tuple(room.shape)}, and there it has {tuple(known.shape)}"
                        )
                    _write(known, room, *_axes(module))
    missing = [name for name in learnt if name not in dict(large.named_modules())]
    if missing:
        raise ValueError(f"a network cannot start as one with more layers: it has no {missing[0]}")


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
