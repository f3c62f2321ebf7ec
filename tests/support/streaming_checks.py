"""What must hold for everything that streams, whatever it computes; used by the tests of layers and of networks."""

import torch
from torch import Tensor, nn

from undin.nn.batch_norm import BatchNorm
from undin.nn.layers import Streaming

TOLERANCE = 1e-5


def prepared(layer: nn.Module) -> nn.Module:
    """Put a layer in evaluation and give its batch norms statistics and weights that training could have left."""
    generator = torch.Generator().manual_seed(0)
    for module in layer.modules():
        if isinstance(module, BatchNorm):
            for tensor, low, high in (
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 2.0),
                (module.bias.data, -0.5, 0.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    return layer.eval()


@torch.no_grad()
def run(layer: Streaming, x: Tensor, *, time: int, chunk_frames: int) -> tuple[Tensor, Tensor]:
    """Run a layer from a fresh state, some frames (dimension `time`) at once; return output and last state."""
    state = layer.initial_state(x.shape[1] if time == 0 else x.shape[0])
    outputs = []
    for chunk in x.split(chunk_frames, dim=time):
        output, state = layer(chunk, state)
        outputs.append(output)
    return torch.cat(outputs, dim=time), state


def assert_same_in_chunks(layer: Streaming, x: Tensor, *, time: int) -> None:
    """Frames one by one, in twos or in sevens give the output and the state that all at once give."""
    whole, whole_state = run(layer, x, time=time, chunk_frames=x.shape[time])
    assert whole_state.shape == (x.shape[1] if time == 0 else x.shape[0], layer.state_size)
    for chunk_frames in (1, 2, 7):
        output, state = run(layer, x, time=time, chunk_frames=chunk_frames)
        torch.testing.assert_close(output, whole, atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(state, whole_state, atol=TOLERANCE, rtol=TOLERANCE)


def assert_causal(layer: Streaming, x: Tensor, *, time: int) -> None:
    """Other frames from the middle on change the output from there on, and nothing before."""
    middle, frames = x.shape[time] // 2, x.shape[time]
    changed = x.clone()
    changed.narrow(time, middle, frames - middle).normal_(generator=torch.Generator().manual_seed(1))
    before, after = (run(layer, signal, time=time, chunk_frames=frames)[0] for signal in (x, changed))
    assert torch.equal(before.narrow(time, 0, middle), after.narrow(time, 0, middle))
    for frame in range(middle, frames):
        assert not torch.allclose(before.select(time, frame), after.select(time, frame), atol=1e-3)


def assert_trainable(layer: Streaming, x: Tensor) -> None:
    """Every parameter gets a gradient that is finite and not zero everywhere."""
    layer.train()
    generator = torch.Generator().manual_seed(2)
    for _ in range(4):  # with some weights the few units of a narrow layer may all rest
        output, _ = layer(x, layer.initial_state(x.shape[0]))
        # a plain sum would hide what a norm before the output does
        (output * torch.randn(output.shape, generator=generator)).sum().backward()
        for parameter in layer.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, f"{name} has no gradient"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"
        assert parameter.grad.abs().max() > 0, f"the gradient of {name} is zero"
