"""Layers stream exactly, see no future, and compute what they say."""

import pytest
import torch
import torch.multiprocessing as multiprocessing
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batch_norm_step import half_step, step
from support.streaming_checks import TOLERANCE, assert_causal, assert_same_in_chunks, prepared, run
from torch.nn import functional

from undin.nn.attention import TimeFrequencyAttention
from undin.nn.contrast import Contrast
from undin.nn.convolutions import CausalConv, SubPixelConv, TransposedConv
from undin.nn.norms import FrameNorm, RunningNorm
from undin.nn.recurrent import FullBandRecurrent, Recurrent
from undin.nn.steadiness import Steadiness

BATCH, CHANNELS, BANDS, FRAMES = 2, 4, 6, 40

LAYERS = {
    "conv": lambda: CausalConv(CHANNELS, 3, bands=BANDS),
    "conv_time": lambda: CausalConv(CHANNELS, 3, bands=BANDS, kernel=(3, 5), stride=2, norm=True),
    "conv_dilated": lambda: CausalConv(CHANNELS, 6, bands=BANDS, kernel=(2, 3), dilation=(8, 2), groups=2),
    "transposed": lambda: TransposedConv(CHANNELS, 3, bands=BANDS, kernel=(1, 4), norm=True),
    "transposed_time": lambda: TransposedConv(CHANNELS, 3, bands=BANDS, kernel=(3, 3)),
    "sub_pixel": lambda: SubPixelConv(CHANNELS, 3, bands=BANDS, kernel=(2, 3), factor=4),
    "attention": lambda: TimeFrequencyAttention(CHANNELS, BANDS, reduced=2, pool_frames=5),
    "contrast": lambda: Contrast(BANDS, frames=9, neighbours=2),
    "steadiness": lambda: Steadiness(BANDS, frames=5),
    "running_norm": lambda: RunningNorm(CHANNELS, BANDS, time_constant_frames=9.5),
    "full_band": lambda: FullBandRecurrent("lstm", CHANNELS, BANDS, hidden=5, layers=2),
    "gru": lambda: Recurrent("gru", CHANNELS, 3, bands=BANDS),
    "lstm": lambda: Recurrent("lstm", CHANNELS, 3, bands=BANDS, layers=2),
    "rnn": lambda: Recurrent("rnn", CHANNELS, 3, bands=BANDS),
}


def features(frames: int = FRAMES) -> torch.Tensor:
    return torch.randn(BATCH, CHANNELS, frames, BANDS, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=LAYERS)
def layer_input_time(request):
    """A layer, its input and the dimension of its frames."""
    torch.manual_seed(0)
    layer = prepared(LAYERS[request.param]())
    if isinstance(layer, Recurrent):
        return layer, features().permute(2, 0, 3, 1), 0
    if isinstance(layer, Contrast):
        return layer, features()[:, 0].exp(), 1
    if isinstance(layer, Steadiness):
        return layer, features()[:, :2].permute(0, 2, 3, 1), 1
    return layer, features(), 2


def test_chunks_do_not_matter(layer_input_time):
    layer, x, time = layer_input_time
    assert_same_in_chunks(layer, x, time=time)


def test_later_input_does_not_change_earlier_output(layer_input_time):
    layer, x, time = layer_input_time
    assert_causal(layer, x, time=time)


@settings(deadline=None, max_examples=40)
@given(
    kernel=st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 5, 7])),
    stride=st.integers(1, 4),
    dilation=st.tuples(st.integers(1, 5), st.sampled_from([1, 2])),
    bands=st.integers(1, 12),
    chunk_frames=st.integers(1, 9),
)
def test_any_convolution_streams(kernel, stride, dilation, bands, chunk_frames):
    try:
        layer = CausalConv(2, 3, bands=bands, kernel=kernel, stride=stride, dilation=dilation)
    except ValueError as error:
        assert "would skip" in str(error)
        assert kernel[1] < stride
        return
    x = torch.randn(1, 2, 11, bands)
    whole, _ = run(layer, x, time=2, chunk_frames=11)
    assert whole.shape == (1, 3, 11, -(-bands // stride)) == (1, 3, 11, layer.bands_out)
    chunks, _ = run(layer, x, time=2, chunk_frames=chunk_frames)
    torch.testing.assert_close(chunks, whole, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_transposed_convolution_over_time_is_torchs():
    layer = TransposedConv(CHANNELS, 3, bands=BANDS, kernel=(3, 3))
    output, _ = run(layer, features(), time=2, chunk_frames=FRAMES)
    # taps are stacked from the oldest frame to the present one, torch's kernel starts with the present one
    kernel = layer.conv.weight.unflatten(0, (3, CHANNELS))[:, :, :, 0].flip(0).permute(1, 2, 0, 3)
    expected = functional.conv_transpose2d(
        features(), kernel, layer.conv.bias, stride=(1, 2), padding=(0, 1), output_padding=(0, 1)
    )
    torch.testing.assert_close(output, expected[:, :, :FRAMES], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_sub_pixel_convolution_deals_channels_out_over_bands():
    layer = SubPixelConv(CHANNELS, 3, bands=BANDS, factor=2)
    output, _ = run(layer, features(), time=2, chunk_frames=FRAMES)
    low, high = layer.conv.conv(features()).chunk(2, dim=1)
    torch.testing.assert_close(output[..., 0::2], low)
    torch.testing.assert_close(output[..., 1::2], high)


@torch.no_grad()
def test_attention_pools_the_last_frames_and_silence_before_them():
    layer = TimeFrequencyAttention(CHANNELS, BANDS, reduced=2, pool_frames=5)
    x = features()
    output, _ = run(layer, x, time=2, chunk_frames=FRAMES)
    for frame in (0, 3, 4, 20):
        frame_mean = x[:, :, frame : frame + 1].mean(3, keepdim=True)
        band_mean = x[:, :, max(0, frame - 4) : frame + 1].sum(2, keepdim=True) / 5
        frame_gain = torch.sigmoid(layer.time_expand(torch.relu(layer.time_reduce(frame_mean))))
        band_gain = torch.sigmoid(layer.band_expand(torch.relu(layer.band_reduce(band_mean) + layer.band_bias)))
        expected = x[:, :, frame : frame + 1] * frame_gain * band_gain
        torch.testing.assert_close(output[:, :, frame : frame + 1], expected, atol=TOLERANCE, rtol=0)


def test_running_norm_follows_its_definition():
    layer = RunningNorm(1, 1, time_constant_frames=20)
    x = 5 + 2 * torch.randn(50, generator=torch.Generator().manual_seed(0))
    output, _ = run(layer, x.view(1, 1, -1, 1), time=2, chunk_frames=50)
    total = weight = spread = 0.0
    for frame, value in enumerate(x.tolist()):
        total, weight = layer.decay * total + value, layer.decay * weight + 1
        deviation = value - total / weight
        spread = layer.decay * spread + deviation**2
        expected = deviation / (spread / weight + layer.floor) ** 0.5
        assert output[0, 0, frame, 0].item() == pytest.approx(expected, abs=1e-4)


def test_running_norm_forgets_level_and_spread():
    layer = RunningNorm(CHANNELS, BANDS, time_constant_frames=100)
    x = features(frames=1000)
    output, _ = run(layer, 30 * x - 70, time=2, chunk_frames=1000)
    settled = output[:, :, 500:]
    assert settled.mean().abs() < 0.1
    assert 0.9 < settled.std() < 1.1


def test_contrast_divides_by_past_and_by_neighbours_at_any_level():
    layer = Contrast(BANDS, frames=10, neighbours=2)
    x = features()[:, 0].exp()
    output, _ = run(layer, x, time=1, chunk_frames=FRAMES)
    frame, band = 20, 1
    weights = 0.9 ** torch.arange(frame, -1, -1)
    past = (weights @ x[0, : frame + 1, band]) / weights.sum()
    around = x[0, frame, 0:4].mean()  # on the left there is one neighbour
    expected = x[0, frame, band] / torch.stack([past, around])
    torch.testing.assert_close(output[0, frame, band], expected, atol=TOLERANCE, rtol=0)
    louder, _ = run(layer, 30 * x, time=1, chunk_frames=FRAMES)
    torch.testing.assert_close(louder, output, atol=TOLERANCE, rtol=TOLERANCE)


def test_steadiness_tells_what_turns_evenly_at_any_level():
    frame, generator = torch.arange(200), torch.Generator().manual_seed(0)
    scatter = torch.randn(200, generator=generator)
    phase = torch.stack((0.7 * frame, 0.7 * frame + 0.002 * frame**2, 0.7 * frame + 0.4 * scatter, 9 * scatter), dim=-1)
    spec = torch.stack((phase.cos(), phase.sin()), dim=-1)[None]
    output, _ = run(Steadiness(4, frames=10), spec, time=1, chunk_frames=50)
    steady, gliding, jittering, noise = output[0, 100:].T
    assert min(steady.min(), gliding.min()) > 0.9
    assert noise.max() < 0.06 < jittering.median() < 0.5
    loud, _ = run(Steadiness(4, frames=10), 1000 * spec, time=1, chunk_frames=50)
    torch.testing.assert_close(loud, output, atol=1e-3, rtol=0)
    zeros, _ = run(Steadiness(4, frames=10), 0 * spec, time=1, chunk_frames=50)
    assert zeros.max() < 0.03


def test_frame_norm_is_group_norm_of_single_frames():
    norm = FrameNorm(CHANNELS, BANDS)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    x = features()
    expected = torch.cat([functional.group_norm(x[:, :, [t]], 1, norm.weight, norm.bias) for t in range(FRAMES)], dim=2)
    torch.testing.assert_close(norm(x), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CausalConv(1, 1, bands=8, kernel=(1, 1), stride=2), "would skip"),
        (lambda: CausalConv(1, 1, bands=8, kernel=(1, 2)), "odd number"),
        (lambda: TransposedConv(1, 1, bands=8, kernel=(1, 1), factor=2), "leaves gaps"),
        (lambda: RunningNorm(1, 1, time_constant_frames=0), "must be positive"),
        (lambda: Recurrent("gnu", 1, 1), "unknown recurrent cell 'gnu'"),
    ],
)
def test_impossible_layers_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_batch_norm_in_two_processes_is_one_with_the_double_batch(tmp_path):
    multiprocessing.spawn(half_step, (features(), tmp_path), nprocs=2)
    halves = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    whole = step(features())
    for name in ("output", "gradient"):
        torch.testing.assert_close(torch.cat([half[name] for half in halves]), whole[name], atol=TOLERANCE, rtol=1e-4)
    for name in ("mean", "variance"):
        for half in halves:
            torch.testing.assert_close(half[name], whole[name], atol=TOLERANCE, rtol=0)
