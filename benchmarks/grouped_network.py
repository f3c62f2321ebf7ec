"""A network of the kind that general runtimes waste: some 400 small nodes around a few products.

Grouped recurrent layers after grouped temporal convolutions, as in Rong et al., "GTCRN: A speech enhancement model
requiring ultralow computational resources", ICASSP 2024, with all caches kept in three tensors that slices are read
from and written into. The structure is that of the paper; sizes and code are our own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

BINS, LOW, BANDS = 257, 65, 129
CHANNELS = 16
DILATIONS = (1, 2, 5)
CACHED = sum(2 * dilation for dilation in DILATIONS)
HALF = CHANNELS // 2
MIDDLE = 33
"""Bands in the middle of the network."""


def with_neighbours(x: Tensor) -> Tensor:
    """Each band with the one below and the one above as channels of their own."""
    unfolded = functional.unfold(x, (1, 3), padding=(0, 1))
    return unfolded.reshape(len(x), -1, *x.shape[2:])


class Normed(nn.Module):
    """A convolution or a transposed one, batch norm and activation."""

    def __init__(self, sizes: tuple[int, int], kernel, *, up: bool = False, last: bool = False, **options):
        super().__init__()
        self.conv = (nn.ConvTranspose2d if up else nn.Conv2d)(*sizes, kernel, **options)
        self.norm, self.act = nn.BatchNorm2d(sizes[1]), nn.Tanh() if last else nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class Temporal(nn.Module):
    """Half of the channels through a depthwise convolution over time with a cache and a gain from a GRU, then mixed."""

    def __init__(self, dilation: int):
        super().__init__()
        self.frames = 2 * dilation
        self.widen = Normed((3 * HALF, CHANNELS), 1)
        self.depth = Normed((CHANNELS, CHANNELS), 3, padding=(0, 1), dilation=(dilation, 1), groups=CHANNELS)
        self.point = nn.Conv2d(CHANNELS, HALF, 1)
        self.norm = nn.BatchNorm2d(HALF)
        self.gru = nn.GRU(HALF, CHANNELS, batch_first=True)
        self.gain = nn.Linear(CHANNELS, HALF)

    def forward(self, x: Tensor, past: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mine, other = torch.chunk(x, 2, dim=1)
        recent = torch.cat((past, self.widen(with_neighbours(mine))), dim=2)
        mine = self.norm(self.point(self.depth(recent)))
        energy, h = self.gru(mine.pow(2).mean(-1).transpose(1, 2), h)
        mine = mine * torch.sigmoid(self.gain(energy)).transpose(1, 2)[..., None]
        mixed = torch.stack((mine, other), dim=1).transpose(1, 2).contiguous()
        return mixed.reshape(x.shape), recent[:, :, 1:], h


class Grouped(nn.Module):
    """A GRU for each half of the features."""

    def __init__(self, hidden: int, **options):
        super().__init__()
        self.grus = nn.ModuleList(nn.GRU(HALF, hidden, batch_first=True, **options) for _ in range(2))

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        pairs = zip(self.grus, torch.chunk(x, 2, dim=-1), torch.chunk(h, 2, dim=-1), strict=True)
        results = [gru(part, state.contiguous()) for gru, part, state in pairs]
        return torch.cat([y for y, _ in results], dim=-1), torch.cat([state for _, state in results], dim=-1)


class DualPath(nn.Module):
    """Grouped GRUs along the bands, both ways, then along time for each band."""

    def __init__(self):
        super().__init__()
        self.across, self.along = Grouped(HALF // 2, bidirectional=True), Grouped(HALF)
        self.linears = nn.ModuleList(nn.Linear(CHANNELS, CHANNELS) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm((MIDDLE, CHANNELS), eps=1e-8) for _ in range(2))

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        x = x.permute(0, 2, 3, 1)  # (B, T, F, C)
        rows = x.reshape(-1, MIDDLE, CHANNELS)
        across, _ = self.across(rows, torch.zeros(2, len(rows), HALF))
        x = x + self.norms[0](self.linears[0](across).reshape(x.shape))
        along, h = self.along(x.permute(0, 2, 1, 3).reshape(MIDDLE, -1, CHANNELS), h)
        along = self.linears[1](along).reshape(len(x), MIDDLE, -1, CHANNELS).permute(0, 2, 1, 3)
        return (x + self.norms[1](along)).permute(0, 3, 1, 2), h


class GroupedNetwork(nn.Module):
    """A mask for one frame (B, F, 1, 2) of a complex spectrum."""

    input_shape = (1, BINS, 1, 2)
    states = ((2, 1, CHANNELS, CACHED, MIDDLE), (2, 3, 1, 1, CHANNELS), (2, 1, MIDDLE, CHANNELS))

    def __init__(self):
        super().__init__()
        self.to_bands = nn.Linear(BINS - LOW, BANDS - LOW, bias=False)
        self.to_bins = nn.Linear(BANDS - LOW, BINS - LOW, bias=False)
        down = {"stride": (1, 2), "padding": (0, 2)}
        self.encoder = nn.ModuleList(
            [Normed((9, CHANNELS), (1, 5), **down), Normed((CHANNELS, CHANNELS), (1, 5), groups=2, **down)]
        )
        self.encoder_blocks = nn.ModuleList(Temporal(dilation) for dilation in DILATIONS)
        self.middle = nn.ModuleList(DualPath() for _ in range(2))
        self.decoder_blocks = nn.ModuleList(Temporal(dilation) for dilation in reversed(DILATIONS))
        self.decoder = nn.ModuleList(
            [
                Normed((CHANNELS, CHANNELS), (1, 5), up=True, groups=2, **down),
                Normed((CHANNELS, 2), (1, 5), up=True, last=True, **down),
            ]
        )

    def forward(self, spec: Tensor, caches: Tensor, gains: Tensor, bands: Tensor) -> tuple[Tensor, ...]:
        real, imaginary = spec[..., 0].permute(0, 2, 1), spec[..., 1].permute(0, 2, 1)
        level = torch.sqrt(real**2 + imaginary**2 + 1e-12)
        x = torch.stack((level, real, imaginary), dim=1)
        x = with_neighbours(torch.cat((x[..., :LOW], self.to_bands(x[..., LOW:])), dim=-1))
        caches, gains, bands = caches.clone(), gains.clone(), bands.clone()
        skips = []
        for layer in self.encoder:
            skips.append(x := layer(x))
        for half, blocks in enumerate((self.encoder_blocks, self.decoder_blocks)):
            start = 0
            for i, block in enumerate(blocks):
                x = x + skips.pop() if half else x
                frames = slice(start, start + block.frames)
                x, caches[half][:, :, frames], gains[half][i] = block(x, caches[half][:, :, frames], gains[half][i])
                start += block.frames
                skips += [] if half else [x]
            for i, path in enumerate(self.middle if not half else []):
                x, bands[i] = path(x, bands[i])
        for layer in self.decoder:
            x = layer(x + skips.pop())
        mask = torch.cat((x[..., :LOW], self.to_bins(x[..., LOW:])), dim=-1)
        real, imaginary = real * mask[:, 0] - imaginary * mask[:, 1], imaginary * mask[:, 0] + real * mask[:, 1]
        return torch.stack((real, imaginary), dim=-1).transpose(1, 2), caches, gains, bands
