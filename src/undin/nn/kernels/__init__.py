"""C for what torch does slowly on CPUs in training: recurrences of many small steps, and batch norms of few channels.

Each file of C in ``c/training`` is compiled once for every size it is wanted for, with the compiler and the headers
that compiled models are made of, and kept in the user's cache. Where there is no C compiler, torch does the work, with
the same results but slower. Its callers: ``nn/recurrent.py``, ``nn/batch_norm.py`` and `BandMix` in ``nn/layers.py``.
"""

import ctypes
import hashlib
import subprocess
import sys
from functools import lru_cache

from torch import Tensor

from undin.compiler.toolchain.build import FLAGS, INCLUDES, C, find_compiler
from undin.compiler.toolchain.cache import this_machine
from undin.io.cache import cache_folder, mark_used
from undin.io.files import replacing

TRAINING = C / "training"


def address(tensor: Tensor) -> ctypes.c_void_p:
    """Where the numbers of a contiguous tensor begin; it must have a name, since the address does not keep it alive."""
    assert tensor.is_contiguous()
    return ctypes.c_void_p(tensor.data_ptr())


@lru_cache
def library(name: str, **sizes: int) -> ctypes.CDLL | None:
    """Load the functions of a file of ``c/training``.

    Parameters
    ----------
    name : str
        The file's stem.
    **sizes : int
        Its constants, by their names in C but in lower case.

    Returns
    -------
    CDLL or None
        None where no C compiler is at hand, or it fails.
    """
    target = this_machine()
    try:
        compiler = find_compiler(target)
        command = [
            *compiler.command,
            *compiler.flags(target, target.variants[-1]),
            *(*FLAGS, *target.flags, "-shared", *INCLUDES),
            *(f"-D{size.upper()}={value}" for size, value in sizes.items()),
            str(TRAINING / f"{name}.c"),
        ]
        place = cache_folder() / _key(command) / target.library.format(name)
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            with replacing(place) as partial:
                subprocess.run([*command, "-o", str(partial)], check=True, capture_output=True, text=True)
        mark_used(place.parent)
        return ctypes.CDLL(str(place))
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().partition("\n")[0]
    except OSError as error:
        reason = str(error)
    print(f"undin: training without kernels in C, which is slower: {reason}", file=sys.stderr)
    return None


def _key(command: list[str]) -> str:
    """What a library depends on: how it is compiled, and all that it may include."""
    digest = hashlib.sha256(repr(command).encode())
    for path in sorted([*C.glob("kernels/*.h"), *TRAINING.glob("*.c")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]
