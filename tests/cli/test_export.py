"""`undin export` from the outside: one checkpoint, the mean of several, what the file says, sentences for mistakes."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
import torch
from support import small_recipe

import undin
from undin import cli
from undin.model.commit import commit_of_package
from undin.model.metadata import Metadata
from undin.nn.layers import Streaming
from undin.nn.networks import NETWORKS
from undin.train.checkpoint import Checkpoint, average
from undin.train.processes import Processes
from undin.train.recipe import load_recipe
from undin.train.state import TrainingState
from undin.train.trained import Trained, export_model


def checkpoint(folder, *overrides: str, step: int, start: str | None = None) -> Checkpoint:
    recipe = load_recipe(small_recipe.write(folder), overrides=(f"training.seed={step}", *overrides))
    state = TrainingState(recipe, device=torch.device("cpu"), processes=Processes())
    if start:
        state.initialise(Trained.load(start))
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


def test_a_file_tells_the_commit_of_the_package_its_hours_and_its_data(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # of no matter, wherever it is called
    checkpoint(tmp_path, 'data.description="our own voices"', step=7).save(tmp_path / "one.pt")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "one.pt", "-o", "one.onnx", "--name", "mine", "--licence", "CC0-1.0"]) == 0
    about = Metadata.of_onnx_file(tmp_path / "one.onnx")
    assert (about.name, about.licence, about.commit) == ("mine", "CC0-1.0", commit_of_package())
    assert (about.hours_trained, about.training_data, about.ancestors) == (7.0, "our own voices", ())
    assert export_model(["one.pt"], "again.onnx", name="mine", licence="CC0-1.0") == about


def test_lineage_grows_with_every_start_from_a_model_or_a_checkpoint(tmp_path):
    checkpoint(tmp_path, step=3).save(tmp_path / "first.pt")
    first = export_model([tmp_path / "first.pt"], tmp_path / "first.onnx")
    second = checkpoint(tmp_path, "loss.si_sdr.weight=0.02", step=5, start=str(tmp_path / "first.onnx"))
    second.save(tmp_path / "second.pt")
    third = checkpoint(tmp_path, "optimiser.learning_rate=1e-3", step=9, start=str(tmp_path / "second.pt"))
    third.save(tmp_path / "third.pt")
    about = export_model([tmp_path / "third.pt"], tmp_path / "third.onnx")
    assert about == Metadata.of_onnx_file(tmp_path / "third.onnx")
    oldest, parent = about.ancestors
    assert (oldest.name, oldest.hours_trained, oldest.commit) == ("small", 3.0, first.commit)
    assert oldest.changes == {"loss.si_sdr.weight": 0.01, "training.seed": 3}
    assert (parent.name, parent.hours_trained, parent.commit) == ("small", 5.0, commit_of_package())
    assert parent.changes == {"loss.si_sdr.weight": 0.02, "optimiser.learning_rate": 0.01, "training.seed": 5}
    assert Trained.load(str(tmp_path / "third.onnx")).provenance.ancestors == about.ancestors


def test_a_run_that_is_resumed_keeps_its_start(tmp_path):
    checkpoint(tmp_path, step=3).save(tmp_path / "first.pt")
    started = checkpoint(tmp_path, step=5, start=str(tmp_path / "first.pt"))
    state = TrainingState(load_recipe(tmp_path / "small.toml"), device=torch.device("cpu"), processes=Processes())
    state.restore(started)
    assert state.checkpoint().start == started.start is not None


@pytest.mark.parametrize(("version", "untold"), [(2, ["start", "commit"]), (3, ["commit"])])
def test_a_checkpoint_of_before_is_read_without_what_it_did_not_tell(version, untold, tmp_path):
    checkpoint(tmp_path, step=3).save(tmp_path / "new.pt")
    values = torch.load(tmp_path / "new.pt", weights_only=True)
    for name in untold:
        del values[name]
    torch.save(values | {"format_version": version}, tmp_path / "old.pt")
    assert Checkpoint.load(tmp_path / "old.pt").commit == "unknown"
    assert export_model([tmp_path / "old.pt"], tmp_path / "old.onnx").hours_trained == 3.0


SPOILT = {
    "version": (lambda values: {"format_version": "3"}, "something else"),
    "start": (lambda values: {"start": {}}, "where its weights come from is not told"),
    "ancestors": (lambda values: {"start": {"name": "a", "ancestors": [3]}}, "where its weights come from is not told"),
    "no weights": (lambda values: {"ema": {}, "network": {}}, "not those of"),
    "no tensors": (lambda values: {part: dict.fromkeys(values[part], 1.0) for part in ("ema", "network")}, "not those"),
    "other shapes": (
        lambda values: {
            part: {name: torch.zeros(*tensor.shape, 2) for name, tensor in values[part].items()}
            for part in ("ema", "network")
        },
        "not those of",
    ),
    "list for weights": (lambda values: {"ema": [], "network": []}, "its 'network' is something else"),
    "text for hours": (lambda values: {"hours": "many"}, "its 'hours' is something else"),
    "no recipe": (lambda values: {"recipe": None}, "its 'recipe' is something else"),
    "another recipe": (lambda values: {"recipe": {}}, "'name' is missing|\\[audio\\] (of one )?is"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_spoilt_checkpoints_are_refused_in_one_sentence(tmp_path, what):
    spoil, sentence = SPOILT[what]
    checkpoint(tmp_path, step=3).save(tmp_path / "good.pt")
    values = torch.load(tmp_path / "good.pt", weights_only=True)
    torch.save(values | spoil(values), tmp_path / "bad.pt")
    state = TrainingState(load_recipe(tmp_path / "small.toml"), device=torch.device("cpu"), processes=Processes())
    for read in (
        lambda: Trained.load(str(tmp_path / "bad.pt")),
        lambda: export_model([tmp_path / "bad.pt"], tmp_path / "bad.onnx"),
        lambda: export_model([tmp_path / "bad.pt", tmp_path / "good.pt"], tmp_path / "bad.onnx"),
        lambda: state.restore(Checkpoint.load(tmp_path / "bad.pt")),
    ):
        with pytest.raises(ValueError, match=sentence) as refusal:
            read()
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "bad.onnx").exists()


@pytest.mark.parametrize("part", ["optimisers", "random"])
def test_a_run_is_not_resumed_by_states_of_something_else(tmp_path, part):
    good = checkpoint(tmp_path, step=3)
    state = TrainingState(load_recipe(tmp_path / "small.toml"), device=torch.device("cpu"), processes=Processes())
    for spoilt in {"optimisers": [[{}], []], "random": [{}, {"cpu": torch.zeros(3)}]}[part]:
        with pytest.raises(ValueError, match="the checkpoint's states are not those of"):
            state.restore(replace(good, **{part: spoilt}))


class OneFrameLate(Streaming):
    """The spectrum times two numbers, a frame late: a matrix and a vector, since each has its optimiser."""

    look_ahead_frames = 1

    def __init__(self, *, sample_rate: int, n_fft: int):
        super().__init__()
        self.state_size = n_fft + 2
        self.matrix = torch.nn.Parameter(torch.ones(1, 1))
        self.vector = torch.nn.Parameter(torch.full((1,), 0.5))

    def forward(self, spec: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        frames = torch.cat((state.view(-1, 1, spec.shape[2], 2), spec), dim=1)
        return self.matrix * self.vector * frames[:, :-1], frames[:, -1].flatten(1)


@pytest.mark.parametrize("engine", ["compiled", "onnxruntime"])
def test_latency_comes_from_the_network(tmp_path, monkeypatch, engine):
    monkeypatch.setitem(NETWORKS, "late", OneFrameLate)
    late = checkpoint(tmp_path, 'network={name="late"}', step=1)
    late.save(tmp_path / "late.pt")
    about = export_model([tmp_path / "late.pt"], tmp_path / "late.onnx")
    assert about.latency_samples == 127 + 64
    stream = undin.Stream(16_000, model=undin.load(tmp_path / "late.onnx", engine=engine))
    assert stream.latency_samples == about.latency_samples
    impulse = np.zeros(2_000, np.float32)
    impulse[700] = 1
    output = np.concatenate([stream.process(block) for block in np.split(impulse, 20)])
    expected = np.zeros(2_000, np.float32)
    expected[700 + about.latency_samples] = 0.5
    np.testing.assert_allclose(output, expected, atol=1e-6)


def test_the_loss_of_a_network_that_looks_ahead_is_of_frames_that_line_up(tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "late", OneFrameLate)
    changes = ('network={name="late"}', 'loss=[{name="waveform_mse"}]')
    recipe = load_recipe(small_recipe.write(tmp_path), overrides=changes)
    state = TrainingState(recipe, device=torch.device("cpu"), processes=Processes())
    noisy = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0))
    (right, _), (wrong, _) = state.forward(noisy, 0.5 * noisy), state.forward(noisy, noisy.roll(64, 1) / 2)
    assert right < 1e-10 and wrong > 0.1


@pytest.mark.parametrize(("override", "section"), [("network.blocks=2", "network"), ("audio.hop=32", "audio")])
def test_different_networks_are_refused_in_a_sentence(tmp_path, capsys, override, section):
    checkpoint(tmp_path, step=1).save(tmp_path / "one.pt")
    checkpoint(tmp_path, override, step=2).save(tmp_path / "other.pt")
    command = ["export", str(tmp_path / "one.pt"), str(tmp_path / "other.pt"), "-o", str(tmp_path / "mean.onnx")]
    assert cli.main(command) == 1
    error = capsys.readouterr().err
    assert "undin: error: only checkpoints of one network" in error and f"[{section}]" in error
    assert not (tmp_path / "mean.onnx").exists()


def test_a_model_is_exported_anew_with_all_that_it_says(tmp_path):
    checkpoint(tmp_path, step=3).save(tmp_path / "one.pt")
    first = export_model([tmp_path / "one.pt"], tmp_path / "one.onnx", licence="CC0-1.0")
    command = ["export", str(tmp_path / "one.onnx"), "-o", str(tmp_path / "again.onnx"), "--name", "mine"]
    assert cli.main(command) == 0
    assert Metadata.of_onnx_file(tmp_path / "again.onnx") == replace(first, name="mine")
    for one, twin in zip(weights(tmp_path / "one.onnx"), weights(tmp_path / "again.onnx"), strict=True):
        np.testing.assert_allclose(one, twin, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["undin-nano", "undin-tiny", "-o", "x.onnx"], "export undin-nano, which is a model, alone"),
        (
            ["undin-nano", "-o", "x.tflite", "--format", "onnx"],
            r"of the format onnx must be named *.onnx, not x.tflite",
        ),
        (["undin-nano", "-o", "x.onnx", "--format", "tflite"], r"format tflite must be named *.tflite, not x.onnx"),
        (["undin-nano", "-o", "x", "--format", "tflite"], r"format tflite must be named *.tflite, not x"),
        (["undin-nano", "-o", "x.onnx", "--int8-weights"], "weights in 8 bits are for TFLite"),
    ],
)
def test_what_cannot_be_exported_so_is_told(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", *arguments]) == 1
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_where_the_converter_is_missing_its_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ['litert-torch>=0.10; extra == "tflite"'])
    assert cli.main(["export", "undin-nano", "-o", str(tmp_path / "x.tflite")]) == 1
    assert 'pip install "undin[tflite]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
