"""Small streaming networks as others write them: what torch exports of them must compile.

Each takes a frame and its states and returns an output and the next states. They are made of the blocks that published
networks use, not copies of any.
"""

import io
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.grouped_network import GroupedNetwork

BINS = 33
CHANNELS = 8


class ConvGRU(nn.Module):
    """Convolutions over time and frequency with a cache of past frames, a GRU over all bands, a mask."""

    states = ((1, 1, 2, BINS), (1, 1, 24))

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, CHANNELS, (3, 5), stride=(1, 2), padding=(0, 2))
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.second = nn.Conv2d(CHANNELS, 4, (1, 3), stride=(1, 2), padding=(0, 1))
        self.gru = nn.GRU(4 * 9, 24, batch_first=True)
        self.last = nn.Linear(24, BINS)

    def forward(self, x: Tensor, past: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        recent = torch.cat((past, x), dim=2)
        y = functional.elu(self.norm(self.first(recent)))
        y = functional.leaky_relu(self.second(y), 0.2)
        y = y.permute(0, 2, 1, 3).flatten(2)
        y, h = self.gru(y, h)
        return x * torch.sigmoid(self.last(y)).unsqueeze(1), recent[:, :, 1:], h


class BandGRU(nn.Module):
    """A bidirectional GRU over frequency and a GRU over time for each band, with norms and residuals."""

    states = ((1, BINS, CHANNELS),)

    def __init__(self):
        super().__init__()
        self.widen = nn.Conv2d(1, CHANNELS, 1)
        self.across = nn.GRU(CHANNELS, 6, batch_first=True, bidirectional=True)
        self.across_out = nn.Linear(12, CHANNELS)
        self.across_norm = nn.LayerNorm((BINS, CHANNELS), eps=1e-8)
        self.along = nn.GRU(CHANNELS, CHANNELS, batch_first=True)
        self.along_out = nn.Linear(CHANNELS, CHANNELS)
        self.along_norm = nn.LayerNorm(CHANNELS)
        self.narrow = nn.Conv2d(CHANNELS, 1, 1)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        y = self.widen(x).permute(0, 2, 3, 1)  # (B, T, F, C)
        batch, frames, bands, channels = y.shape
        across, _ = self.across(y.reshape(batch * frames, bands, channels))
        y = y + self.across_norm(self.across_out(across).reshape(y.shape))
        along = y.permute(0, 2, 1, 3).reshape(batch * bands, frames, channels)
        along, h = self.along(along, h)
        along = self.along_out(along).reshape(batch, bands, frames, channels).permute(0, 2, 1, 3)
        y = y + self.along_norm(along)
        return torch.tanh(self.narrow(y.permute(0, 3, 1, 2))) * x, h


class BandLSTM(nn.Module):
    """LSTMs: one over all bands, one bidirectional over frequency."""

    states = ((2, 1, 20), (2, 1, 20))

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(BINS, 20, num_layers=2, batch_first=True)
        self.across = nn.LSTM(1, 5, batch_first=True, bidirectional=True)
        self.last = nn.Linear(20 + 10 * BINS, BINS)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        frame = x.squeeze(1)
        y, (h, c) = self.lstm(frame, (h, c))
        across, _ = self.across(frame.permute(1, 2, 0).transpose(0, 2))
        y = torch.cat((y, across.reshape(1, 1, -1)), dim=-1)
        return (torch.clamp(self.last(y), -1, 1) * frame).unsqueeze(1), h, c


class BandAttention(nn.Module):
    """Attention over frequency with two heads, and over the last frames with cached keys and values."""

    states = ((1, 4, BINS, CHANNELS), (1, 4, BINS, CHANNELS))

    def __init__(self):
        super().__init__()
        self.widen = nn.Conv2d(1, CHANNELS, 1)
        self.project = nn.Linear(CHANNELS, 3 * CHANNELS)
        self.joined = nn.Linear(CHANNELS, CHANNELS)
        self.norm = nn.InstanceNorm2d(CHANNELS, affine=True, track_running_stats=False)
        self.recent = nn.Linear(CHANNELS, 3 * CHANNELS)
        self.slope = nn.PReLU(CHANNELS)
        self.narrow = nn.Conv2d(CHANNELS, 1, 1)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        y = self.widen(x).permute(0, 2, 3, 1)
        heads = self.project(y).reshape(1, BINS, 3, 2, CHANNELS // 2)
        query, key, value = (heads[:, :, i].transpose(1, 2) for i in range(3))  # (1, 2, F, C / 2)
        weights = torch.softmax(query @ key.transpose(-2, -1) / (CHANNELS // 2) ** 0.5, dim=-1)
        y = y + self.joined((weights @ value).transpose(1, 2).reshape(y.shape))
        query, key, value = self.recent(y).chunk(3, dim=-1)
        keys, values = torch.cat((keys[:, 1:], key), dim=1), torch.cat((values[:, 1:], value), dim=1)
        weights = torch.softmax(torch.einsum("btfc,bsfc->bfts", query, keys), dim=-1)
        y = y + torch.einsum("bfts,bsfc->btfc", weights, values)
        return self.narrow(self.slope(self.norm(y.permute(0, 3, 1, 2)))), keys, values


class UpDown(nn.Module):
    """An encoder and decoder with skip connections: transposed convolution, sub-pixel convolution, nearest resizing."""

    states = ((1, CHANNELS, 1, 18),)

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, CHANNELS, (1, 5), stride=(1, 2), padding=(0, 4))
        self.pool = nn.MaxPool2d((1, 3), stride=(1, 3))
        self.up = nn.ConvTranspose2d(
            2 * CHANNELS, CHANNELS, (2, 3), stride=(1, 2), padding=(1, 0), output_padding=(0, 1)
        )
        self.group = nn.GroupNorm(2, CHANNELS)
        self.sub_pixel = nn.Conv2d(CHANNELS, 4, (1, 3), padding=(0, 1))
        self.last = nn.ConvTranspose2d(1 + CHANNELS, 1, (1, 5), stride=(1, 2), padding=(0, 4))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, ...]:
        wide = functional.silu(self.down(x))  # (1, C, 1, 19)
        y = wide[..., :18]
        both = torch.cat((past, y), dim=2)
        low = self.pool(both)  # (1, C, 2, 6)
        low = torch.cat((low, functional.adaptive_avg_pool2d(y, 1).expand(-1, -1, 2, 6)), dim=1)
        high = functional.hardswish(self.group(self.up(low)))  # (1, C, 1, 14)
        high = functional.interpolate(high, scale_factor=(1, 3), mode="nearest")[..., 2:21]
        fine = functional.pixel_shuffle(self.sub_pixel(wide), 2)  # (1, 1, 2, 38)
        fine = functional.avg_pool2d(functional.pad(fine, (1, 1)), (2, 3), stride=(2, 2), ceil_mode=True)[..., :19]
        y = self.last(torch.cat((fine, functional.gelu(high + wide)), dim=1))
        return torch.where(y > 0, y, y * 0.25) + x, both[:, :, 1:]


class GroupedRNN(nn.Module):
    """RNNs for groups of the channels, a shuffle between them, channel attention by a mean over bands."""

    states = ((2, 1, 2, 12),)

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(BINS, 24)
        self.layers = nn.ModuleList([nn.ModuleList([nn.GRU(12, 12), nn.RNN(12, 12)]) for _ in range(2)])
        self.weigh = nn.Conv1d(1, 1, 5, padding=2)
        self.last = nn.Linear(24, BINS)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        y = self.first(x.reshape(1, 1, BINS))
        states = []
        for i, layer in enumerate(self.layers):
            parts = torch.chunk(y, 2, dim=-1)
            results = [cell(part, h[i, :, j : j + 1]) for j, (cell, part) in enumerate(zip(layer, parts))]  # noqa: B905
            states.append(torch.cat([state for _, state in results], dim=1))
            y = torch.cat([part for part, _ in results], dim=-1)
            y = y.reshape(1, 1, 2, 12).transpose(2, 3).reshape(1, 1, 24)
        y = y * torch.sigmoid(self.weigh(y))
        level = torch.log(torch.mean(y * y, dim=-1, keepdim=True) + 1e-6)
        y = self.last(y) + torch.norm(y, dim=-1, keepdim=True) + torch.exp(level.clamp(max=1.0))
        return torch.minimum(y.reshape(x.shape), torch.abs(x) ** 0.7), torch.stack(states)


def shuffled(x: Tensor) -> Tensor:
    """Channels of two groups in turn."""
    return x.reshape(len(x), 2, x.shape[1] // 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


class DepthwiseNet(nn.Module):
    """Depthwise-separable blocks with dilation over time, their caches in one state that slices are written into."""

    states = ((1, CHANNELS, 6, BINS),)

    def __init__(self):
        super().__init__()
        self.widen = nn.Conv2d(1, CHANNELS, (1, 3), padding=(0, 1))
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.Conv2d(CHANNELS, CHANNELS, (3, 3), padding=(0, 1), dilation=(d, 1), groups=CHANNELS),
                    nn.BatchNorm2d(CHANNELS),
                    nn.PReLU(),
                    nn.Conv2d(CHANNELS, CHANNELS, 1, groups=2),
                ]
            )
            for d in (1, 2)
        )
        self.narrow = nn.Conv2d(CHANNELS, 1, 1)

    def forward(self, x: Tensor, caches: Tensor) -> tuple[Tensor, ...]:
        y, caches, start = self.widen(x), caches.clone(), 0
        for (depth, norm, slope, point), d in zip(self.blocks, (1, 2)):  # noqa: B905
            recent = torch.cat((caches[:, :, start : start + 2 * d], y), dim=2)
            caches[:, :, start : start + 2 * d] = recent[:, :, 1:]
            y = shuffled(point(slope(norm(depth(recent))))) + y
            start += 2 * d
        return self.narrow(y), caches


@torch.jit.script
def louder(x: Tensor) -> Tensor:
    """A branch that only the signal decides."""
    if bool(x.abs().mean() > 0.5):
        return torch.log1p(x.abs())
    else:
        return 0.5 * torch.sqrt(x.abs() + 0.1)


class Detector(nn.Module):
    """A detector of voices: one half of a state for what an LSTM leaves and one for its cell, and a real branch."""

    states = ((2, 1, 16),)

    def __init__(self):
        super().__init__()
        self.frames = nn.Conv1d(1, CHANNELS, 8, stride=4, bias=False)
        self.cell = nn.LSTMCell(CHANNELS, 16)
        self.voice = nn.Linear(16, 1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        padded = functional.pad(louder(x).flatten(1), (0, 3), mode="reflect")
        features = torch.relu(self.frames(padded.unsqueeze(1))).mean(2)
        h, c = self.cell(features, (state[0], state[1]))
        return torch.sigmoid(self.voice(h)), torch.stack((h, c))


class GroupedLinear(nn.Module):
    """A linear layer for each group of features, as an Einsum."""

    def __init__(self, inputs: int, outputs: int, groups: int):
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.randn(groups, inputs // groups, outputs // groups) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.unflatten(-1, (self.groups, -1))
        return torch.einsum("btgi,gih->btgh", parts, self.weight).flatten(2)


class PaddedEncoder(nn.Module):
    """Pads before convolutions, depthwise ones among them, grouped linear layers around a GRU, a path past it."""

    states = ((1, 1, 2, BINS), (1, 1, 24))

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.ConstantPad2d((1, 1, 0, 0), 0.0), nn.Conv2d(1, CHANNELS, 3), nn.ReLU())
        depth = nn.Conv2d(CHANNELS, CHANNELS, (1, 3), stride=(1, 2), groups=CHANNELS, bias=False)
        point = nn.Conv2d(CHANNELS, 4, 1, bias=False)
        self.second = nn.Sequential(nn.ConstantPad2d((1, 1, 0, 0), 0.0), depth, point, nn.BatchNorm2d(4), nn.ReLU())
        self.narrow = GroupedLinear(4 * 17, 24, 4)
        self.gru = nn.GRU(24, 24, batch_first=True)
        self.widen = GroupedLinear(24, BINS + 3, 4)

    def forward(self, x: Tensor, past: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        recent = torch.cat((past, x), dim=2)
        y = self.second(self.first(recent)).permute(0, 2, 3, 1).flatten(2)
        y = torch.relu(self.narrow(y))
        z, h = self.gru(y, h)
        return x * torch.sigmoid(self.widen(z + y))[..., :BINS].unsqueeze(1), recent[:, :, 1:], h


NETWORKS = {
    network.__name__: network
    for network in (
        ConvGRU,
        BandGRU,
        BandLSTM,
        BandAttention,
        UpDown,
        GroupedRNN,
        DepthwiseNet,
        GroupedNetwork,
        Detector,
        PaddedEncoder,
    )
}


def exported(network: nn.Module, *, opset: int = 17) -> bytes:
    """The ONNX file of a network in evaluation: inputs ``x, state_0, …``, outputs ``y, next_0, …``."""
    names = [f"state_{i}" for i in range(len(network.states))]
    x = torch.zeros(getattr(network, "input_shape", (1, 1, 1, BINS)))
    example = (x, *(torch.zeros(shape) for shape in network.states))
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated
        torch.onnx.export(
            network,
            example,
            file,
            input_names=["x", *names],
            output_names=["y", *(name.replace("state", "next") for name in names)],
            opset_version=opset,
            dynamo=False,
        )
    return file.getvalue()


def seeded(network: type[nn.Module]) -> nn.Module:
    """With random weights and statistics."""
    torch.manual_seed(1)
    made = network().eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return made
