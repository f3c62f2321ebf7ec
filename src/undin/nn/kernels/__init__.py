"""C for what torch does slowly on CPUs in training: recurrences of many small steps, and batch norms of few channels.

Each file of C in ``c/training`` is compiled once for every size it is wanted for, as users' models are, and kept in the
user's cache. Where there is no C compiler, torch does the work, with the same results but slower. Its callers:
``nn/recurrent.py``, ``nn/batch_norm.py`` and `BandMix` in ``nn/layers.py``.
"""

import ctypes
import sys
from functools import lru_cache

import torch
from torch import Tensor, nn

from undin.compiler.toolchain.cache import cached_training


def address(tensor: Tensor) -> ctypes.c_void_p:
    """Where the numbers of a contiguous tensor begin; it must have a name, since the address does not keep it alive."""
    assert tensor.is_contiguous()
    return ctypes.c_void_p(tensor.data_ptr())


def kernels_for(layer: nn.Module, x: Tensor, name: str, **sizes: int) -> ctypes.CDLL | None:
    """The functions of a file of ``c/training``, if they may do the work of a layer.

    Parameters
    ----------
    layer : Module
    x : Tensor
        What it reads.
    name : str
        The file's stem.
    **sizes : int
        Its constants, by their names in C but in lower case.

    Returns
    -------
    CDLL or None
        None where torch must do the work: outside training, on another device than a CPU, on other numbers than
        float32, where no C compiler is at hand, or it fails.
    """
    fits = layer.training and x.device.type == "cpu" and x.dtype == torch.float32
    return library(name, **sizes) if fits else None


@lru_cache
def library(name: str, **sizes: int) -> ctypes.CDLL | None:
    """Load the functions of a file of ``c/training``; None, and a word of it, where they cannot be compiled."""
    try:
        return ctypes.CDLL(str(cached_training(name, {size.upper(): value for size, value in sizes.items()})))
    except OSError as error:
        print(f"undin: training without kernels in C, which is slower: {error}", file=sys.stderr)
        return None
