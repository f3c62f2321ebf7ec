"""undin's own network: frequency-only convolutions around gated recurrences shared by the sub-bands.

The network sees each bin of the spectrum, and how far it stands out from its own past and from its neighbours.
Convolutions run over frequency alone and squeeze each frame from bins to a few sub-bands; time lives in GRUs whose
weights all sub-bands share, so the state is a few kB and a step has next to nothing to shift. Between the GRUs the
sub-bands exchange what they know. The way back up adds the features of the way down, and ends in a complex mask.

At 48 kHz that is so below 8 kHz. What lies above is joined to a few bands on the ear's scale, which stand beside the
bands of the convolutions from there on and end in one gain each: the treble costs little, and hears all that is below.

Read `layers.py` for the parts, `recipes/undin-*.toml` for the sizes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.nn.contrast import Contrast
from undin.nn.layers import (
    BandMix,
    Flow,
    Normed,
    Streaming,
    channels_second,
    complex_product,
    compressed_features,
    time_major,
    total_state,
)
from undin.nn.mel import mel_bands
from undin.nn.recurrent import Recurrent
from undin.nn.steadiness import Steadiness


class ConvBlock(nn.Module):
    """A residual convolution over three neighbouring bands, features ``(B, C, T, F)``."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = Normed(nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False), rectify=True)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(B, C, T, F)``."""
        return x + self.conv(x)


class SubBandBlock(Streaming):
    """A GRU over time in every sub-band, then a mix across the sub-bands, each added to its input.

    Parameters
    ----------
    channels : int
        C, also the units of the GRU.
    bands : int
        Sub-bands K, which share the GRU's weights.
    """

    def __init__(self, channels: int, bands: int):
        super().__init__()
        self.recurrent = Recurrent("gru", channels, channels, bands=bands)
        self.state_size = self.recurrent.state_size
        self.project = Normed(nn.Linear(channels, channels, bias=False))
        self.mix = Normed(BandMix(channels, bands), rectify=True)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Transform time-major ``(T, B, K, C)``."""
        y, state = self.recurrent(x, state)
        x = x + self.project(y)
        return x + self.mix(x), state


class Treble(nn.Module):
    """The bins from a frequency up as a few bands: what the network sees of them, and gains for them.

    Parameters
    ----------
    channels : int
        C, features of every band.
    first_bin : int
        Of ``n_fft // 2``, the first that belongs to the treble.
    bands : int
        K, evenly spaced in mel up to half the sample rate.
    sample_rate : int
        Hz.
    n_fft : int
        Size of the transform.
    """

    def __init__(self, channels: int, *, first_bin: int, bands: int, sample_rate: int, n_fft: int):
        super().__init__()
        to_bands, to_bins = mel_bands(
            sample_rate=sample_rate,
            n_fft=n_fft,
            bands=bands,
            low_hz=first_bin * sample_rate / n_fft,
            high_hz=sample_rate / 2,
        )
        self.register_buffer("to_bands", torch.from_numpy(to_bands[first_bin:-1]), persistent=False)
        self.register_buffer("to_bins", torch.from_numpy(to_bins[:, first_bin:-1]), persistent=False)
        self.stem = Normed(nn.Conv2d(3, channels, 1, bias=False), rectify=True)
        self.gain = nn.Conv2d(channels, 1, 1)

    def magnitude(self, spec: Tensor, power: float, *, floor: float = 1e-12) -> Tensor:
        """Return the root mean square ``(B, T, K)`` of the treble ``(B, T, F, 2)`` in each band, raised to a power."""
        return (spec.square().sum(-1) @ self.to_bands + floor).pow(power / 2)

    def gains(self, x: Tensor) -> Tensor:
        """Turn features ``(B, C, T, K)`` into a gain between 0 and 1 for each bin of the treble, ``(B, T, F)``."""
        return torch.sigmoid(self.gain(x))[:, 0] @ self.to_bins


class Undin(Streaming):
    """Map a noisy spectrum to a clean one by a complex mask, and by real gains in its treble.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_fft : int
        Size of the transform. The bin at half the sample rate is set to zero.
    channels : int
        Features of every band on the way down and up, which are 4 bins wide.
    depth : int
        Residual convolutions on each way.
    band_channels : int
        Features of every sub-band, and units of the GRUs.
    squeeze : int
        Bands that become one sub-band: 2 or 4.
    blocks : int
        Recurrent blocks.
    past_frames, neighbours : int
        What each bin of the input is compared with, as in `Contrast`.
    steady_frames : int
        Over how many the bins up to `steady_hz` are asked whether their phase turns as a machine's, as in `Steadiness`;
        0 leaves the question out.
    treble_bands : int
        Bands that stand for all bins from `treble_hz` up; 0 gives every bin a mask.
    treble_hz : float
        Where the mask ends and the treble begins.
    """

    compression = 0.3
    bins_per_band = 4
    steady_hz = 4000.0
    """Hum has little above, and the state grows by six floats a bin."""

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int,
        channels: int = 20,
        depth: int = 1,
        band_channels: int = 24,
        squeeze: int = 2,
        blocks: int = 2,
        past_frames: int = 64,
        neighbours: int = 16,
        steady_frames: int = 0,
        treble_bands: int = 0,
        treble_hz: float = 8000.0,
    ):
        super().__init__()
        self.bins = round(treble_hz * n_fft / sample_rate) if treble_bands else n_fft // 2
        bands, rest = divmod(self.bins, self.bins_per_band)
        sub_bands, rest_of_bands = divmod(bands + treble_bands, squeeze)
        if rest or rest_of_bands:
            raise ValueError(
                f"n_fft {n_fft} cannot be squeezed into whole sub-bands of {4 * squeeze} bins: {self.bins} bins below "
                f"the treble and {treble_bands} bands above"
            )
        if treble_bands and not self.bins < n_fft // 2:
            raise ValueError(f"there is no treble above {treble_hz:g} Hz at a sample rate of {sample_rate} Hz")
        stem_kernel, stem_padding = (1, 2 * self.bins_per_band), (0, self.bins_per_band // 2)
        squeeze_kernel, squeeze_padding = (1, 2 * squeeze), (0, squeeze // 2)

        self.treble = None
        if treble_bands:
            self.treble = Treble(
                channels, first_bin=self.bins, bands=treble_bands, sample_rate=sample_rate, n_fft=n_fft
            )
        self.contrast = Contrast(self.bins + treble_bands, frames=past_frames, neighbours=neighbours)
        self.steadiness = None
        if steady_frames:
            self.steadiness = Steadiness(
                min(self.bins, round(self.steady_hz * n_fft / sample_rate)), frames=steady_frames
            )
        seen = 6 if steady_frames else 5
        self.stem = Normed(
            nn.Conv2d(seen, channels, stem_kernel, (1, self.bins_per_band), stem_padding, bias=False), rectify=True
        )
        self.down_blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(depth)))
        self.squeeze = Normed(
            nn.Conv2d(channels, band_channels, squeeze_kernel, (1, squeeze), squeeze_padding, bias=False), rectify=True
        )
        self.blocks = nn.ModuleList(SubBandBlock(band_channels, sub_bands) for _ in range(blocks))
        self.state_size = total_state(self.keepers())
        self.expand = Normed(
            nn.ConvTranspose2d(band_channels, channels, squeeze_kernel, (1, squeeze), squeeze_padding, bias=False)
        )
        self.skip = Normed(nn.Conv2d(channels, channels, 1, bias=False))
        self.up_blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(depth)))
        self.mask = nn.ConvTranspose2d(channels, 2, stem_kernel, (1, self.bins_per_band), stem_padding)

    def keepers(self) -> list[Streaming]:
        """Return the layers that keep state, in the order of their parts in it."""
        return [self.contrast, *([self.steadiness] if self.steadiness else []), *self.blocks]

    def forward(self, spec: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance ``spec (B, T, F, 2)`` from ``state (B, state_size)``; return the same shapes."""
        flow = Flow(self.keepers(), state)
        noisy, treble = spec[:, :, : self.bins], spec[:, :, self.bins : -1]
        x = compressed_features(noisy, self.compression)
        magnitude = x[..., 2]
        if self.treble:
            magnitude = torch.cat((magnitude, self.treble.magnitude(treble, self.compression)), dim=2)
        contrast = flow(self.contrast, magnitude)
        seen = [x, contrast[:, :, : self.bins]]
        if self.steadiness:
            steady = flow(self.steadiness, noisy[:, :, : self.steadiness.bins])
            seen.append(functional.pad(steady, (0, self.bins - self.steadiness.bins))[..., None])
        x = self.stem(_features(*seen))
        if self.treble:
            above = self.treble.stem(_features(magnitude[:, :, self.bins :, None], contrast[:, :, self.bins :]))
            x = torch.cat((x, above), dim=3)
        x = down = self.down_blocks(x)

        x = time_major(self.squeeze(x))
        for block in self.blocks:
            x = flow(block, x)
        x = self.expand(channels_second(x))

        x = self.up_blocks(torch.relu(x + self.skip(down)))
        if self.treble:
            bands = self.bins // self.bins_per_band
            x, above = x[..., :bands], x[..., bands:]
            treble = treble * self.treble.gains(above)[..., None]
        enhanced = complex_product(noisy, self.mask(x).permute(0, 2, 3, 1))
        if self.treble:
            enhanced = torch.cat((enhanced, treble), dim=2)
        return functional.pad(enhanced, (0, 0, 0, 1)), flow.state()


def _features(*parts: Tensor) -> Tensor:
    """Join ``(B, T, F, C)`` along C and rearrange to ``(B, C, T, F)`` in channels-last memory."""
    return torch.cat(parts, dim=-1).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
