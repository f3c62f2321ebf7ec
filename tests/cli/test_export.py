"""`undin export` from the outside: one checkpoint, the mean of several, and sentences for mistakes."""

from dataclasses import replace

import onnx
import onnx.numpy_helper
import pytest
import small_recipe
import torch

from undin import cli
from undin.train.checkpoint import Checkpoint, average
from undin.train.processes import Processes
from undin.train.recipe import load
from undin.train.state import TrainingState


def checkpoint(folder, *overrides: str, step: int) -> Checkpoint:
    recipe = load(small_recipe.write(folder), overrides=(f"training.seed={step}", *overrides))
    state = TrainingState(recipe, device=torch.device("cpu"), processes=Processes())
    state.step, state.hours = step, float(step)
    return state.checkpoint()


def weights(path) -> list:
    return [onnx.numpy_helper.to_array(weight) for weight in onnx.load(path).graph.initializer]


def test_the_mean_of_equal_checkpoints_is_that_checkpoint(tmp_path):
    one = checkpoint(tmp_path, step=1)
    mean = average([one, replace(one, step=2), replace(one, step=0)])
    assert mean.step == 2
    assert one.ema.keys() == mean.ema.keys()
    for name, tensor in one.ema.items():
        assert torch.equal(tensor, mean.ema[name]) and tensor.dtype == mean.ema[name].dtype


def test_weights_and_running_statistics_are_averaged(tmp_path):
    one, other = checkpoint(tmp_path, step=1), checkpoint(tmp_path, step=3)
    for name, tensor in other.ema.items():
        if name.endswith("running_var"):
            tensor += 4
    mean = average([one, other])
    assert any(name.endswith("running_var") for name in mean.ema)
    for name, tensor in mean.ema.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (one.ema[name] + other.ema[name]) / 2)
    assert (mean.step, mean.hours, mean.recipe) == (3, 3.0, other.recipe)


def test_several_checkpoints_become_one_model(tmp_path):
    one, other = checkpoint(tmp_path, step=1), checkpoint(tmp_path, step=3)
    average([one, other]).save(tmp_path / "mean.pt")
    one.save(tmp_path / "one.pt")
    other.save(tmp_path / "other.pt")
    for name, checkpoints in (("mean", ["mean"]), ("both", ["one", "other"])):
        command = ["export", *(str(tmp_path / f"{file}.pt") for file in checkpoints)]
        assert cli.main([*command, "-o", str(tmp_path / f"{name}.onnx")]) == 0
    mean, both = (weights(tmp_path / f"{name}.onnx") for name in ("mean", "both"))
    assert len(mean) == len(both) > 0
    assert all((weight == twin).all() for weight, twin in zip(mean, both, strict=True))


@pytest.mark.parametrize(("override", "section"), [("network.blocks=2", "network"), ("audio.hop=32", "audio")])
def test_different_networks_are_refused_in_a_sentence(tmp_path, capsys, override, section):
    checkpoint(tmp_path, step=1).save(tmp_path / "one.pt")
    checkpoint(tmp_path, override, step=2).save(tmp_path / "other.pt")
    command = ["export", str(tmp_path / "one.pt"), str(tmp_path / "other.pt"), "-o", str(tmp_path / "mean.onnx")]
    assert cli.main(command) == 1
    error = capsys.readouterr().err
    assert "undin: error: only checkpoints of one network" in error and f"[{section}]" in error
    assert not (tmp_path / "mean.onnx").exists()
