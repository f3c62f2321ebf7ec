"""Recurrent cells over time: in every band by itself, or over all bands at once.

In training on CPUs a GRU runs in C, forward and backward, several times faster than torch's (``c/training/gru.c``).
Everywhere else, in export too, it is torch's own.
"""

import ctypes

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from undin.nn.kernels import address, kernels_for
from undin.nn.layers import Streaming, channels_second, time_major

RECURRENT_CELLS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class Recurrent(Streaming):
    """A stack of GRU, LSTM or plain RNN cells over time, its weights shared by all bands.

    Parameters
    ----------
    cell : {"gru", "lstm", "rnn"}
    size_in, hidden : int
        Features a band brings, and units of each cell.
    bands : int
        Bands that run side by side with the same weights, each with its own state.
    layers : int
        Cells stacked on each other.
    """

    def __init__(self, cell: str, size_in: int, hidden: int, *, bands: int = 1, layers: int = 1):
        super().__init__()
        if cell not in RECURRENT_CELLS:
            raise ValueError(f"unknown recurrent cell {cell!r}: choose one of {', '.join(RECURRENT_CELLS)}")
        self.cells = RECURRENT_CELLS[cell](size_in, hidden, layers)
        self.parts = 2 if cell == "lstm" else 1
        self.shape = (layers, bands, hidden)
        self.state_size = self.parts * layers * bands * hidden

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map time-major ``(T, B, bands, size_in)`` to ``(T, B, bands, hidden)``.

        Time comes first because PyTorch's cells run about three times faster on CPU so than batch first.
        """
        frames, batch, bands, _ = x.shape
        layers, _, hidden = self.shape
        # (B, parts · layers · bands · hidden) → (parts, layers, B · bands, hidden), as the cells want it.
        state = state.view(batch, self.parts, layers, bands, hidden).permute(1, 2, 0, 3, 4)
        state = state.reshape(self.parts, layers, batch * bands, hidden)
        x = x.reshape(frames, batch * bands, -1)
        one_gru = isinstance(self.cells, nn.GRU) and layers == 1
        kernels = kernels_for(self, x, "gru", hidden=hidden) if one_gru else None
        if kernels is not None:
            x = _GRU.apply(x, state[0, 0], *self.cells.parameters(), kernels)
            last = x[-1][None, None]
        else:
            x, last = self.cells(x, tuple(state) if self.parts == 2 else state[0])
            last = torch.stack(last) if self.parts == 2 else last[None]
        last = last.view(self.parts, layers, batch, bands, hidden).permute(2, 0, 1, 3, 4)
        return x.view(frames, batch, bands, hidden), last.reshape(batch, -1)


class _GRU(torch.autograd.Function):
    """GRUs over all frames: the recurrence in C (``c/training/gru.c``), the large products for all frames in torch.

    Cho et al., "Learning phrase representations using RNN encoder–decoder for statistical machine translation", EMNLP
    2014, in torch's form, whose reset gate comes after the product.
    """

    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        state: Tensor,
        w_input: Tensor,
        w_recurrent: Tensor,
        b_input: Tensor,
        b_recurrent: Tensor,
        kernels: ctypes.CDLL,
    ):
        frames, count, size_in = x.shape
        hidden = w_recurrent.shape[1]
        x, state = x.contiguous(), state.contiguous()
        inputs = torch.addmm(b_input, x.view(-1, size_in), w_input.t())
        output, saved = x.new_empty(frames, count, hidden), x.new_empty(frames, count, 4 * hidden)
        kernels.undin_gru_forward(
            frames, count, *map(address, (inputs, w_recurrent, b_recurrent, state, output, saved))
        )
        ctx.save_for_backward(x, state, w_input, w_recurrent, output, saved)
        ctx.kernels = kernels
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        x, state, w_input, w_recurrent, output, saved = ctx.saved_tensors
        frames, count, hidden = output.shape
        gradient = gradient.contiguous()
        d_inputs, d_new = x.new_empty(frames * count, 3 * hidden), x.new_empty(frames * count, hidden)
        d_state = torch.empty_like(state)
        ctx.kernels.undin_gru_backward(
            *(frames, count),
            *map(address, (gradient, w_recurrent, state, output, saved, d_inputs, d_new, d_state)),
        )
        # the hidden parts of the gates have the gradients of the inputs, but for that of the new state
        d_recurrent = d_inputs[:, : 2 * hidden], d_new
        before = output[:-1].view(-1, hidden)
        d_w_recurrent = torch.cat([d[:count].t() @ state + d[count:].t() @ before for d in d_recurrent])
        ones = x.new_ones(frames * count)  # a product is several times faster here than a sum
        d_b_input = ones @ d_inputs
        return (
            (d_inputs @ w_input).view(x.shape),
            d_state,
            d_inputs.t() @ x.view(-1, x.shape[2]),
            d_w_recurrent,
            d_b_input,
            torch.cat((d_b_input[: 2 * hidden], ones @ d_new)),
            None,
        )


class FullBandRecurrent(Streaming):
    """Recurrent cells that read all channels and bands of a frame as one vector and return as many features.

    Parameters
    ----------
    cell : {"gru", "lstm", "rnn"}
    channels, bands : int
        C and F of the features.
    hidden : int
        Units of each cell; unless they are as many as the features, a linear layer leads back to the features.
    layers : int
        Cells stacked on each other.
    """

    def __init__(self, cell: str, channels: int, bands: int, *, hidden: int, layers: int = 1):
        super().__init__()
        features = channels * bands
        self.recurrent = Recurrent(cell, features, hidden, layers=layers)
        self.state_size = self.recurrent.state_size
        self.project = nn.Identity() if hidden == features else nn.Linear(hidden, features)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, T, F)`` to the same shape."""
        x = time_major(x)
        y, state = self.recurrent(x.flatten(2)[:, :, None], state)
        return channels_second(self.project(y).view(x.shape)), state
