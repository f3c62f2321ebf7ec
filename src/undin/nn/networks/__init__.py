"""The networks, by the names that recipes use."""

import inspect

from undin.nn.layers import Streaming
from undin.nn.networks.crn import CRN
from undin.nn.networks.mask_rnn import MaskRNN
from undin.nn.networks.nunet_lstm import NUNetLSTM
from undin.nn.networks.nunet_tls import NUNetTLS
from undin.nn.networks.undin import Undin

NETWORKS: dict[str, type[Streaming]] = {
    "undin": Undin,
    "nunet_tls": NUNetTLS,
    "nunet_lstm": NUNetLSTM,
    "mask_rnn": MaskRNN,
    "crn": CRN,
}


MAX_SIZE = 2048
"""Channels, units and layers beyond are a mistake, which would take all memory before anyone is told."""


def build_network(name: str, *, sample_rate: int, n_fft: int, **options) -> Streaming:
    """Build a network by name.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    sample_rate : int
        Hz of the audio.
    n_fft : int
        Size of the transform; spectra have ``n_fft // 2 + 1`` bins.
    **options
        Keyword options of the network's class.

    Raises
    ------
    ValueError
        For an unknown name or option, or a size that no network has, naming it and what there is.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}: choose one of {', '.join(NETWORKS)}")
    known = set(inspect.signature(NETWORKS[name]).parameters) - {"sample_rate", "n_fft"}
    for option in options:
        if option not in known:
            raise ValueError(f"network {name!r} has no option {option!r}: it takes {', '.join(sorted(known))}")
        value = options[option]
        for size in value if isinstance(value, list | tuple) else [value]:
            if isinstance(size, int) and not 0 <= size <= MAX_SIZE:
                raise ValueError(f"network {name!r} takes 0 to {MAX_SIZE} as {option}, not {size}")
    return NETWORKS[name](sample_rate=sample_rate, n_fft=n_fft, **options)
