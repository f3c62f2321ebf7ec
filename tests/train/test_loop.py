"""The loop: a run that stops, for whatever reason, leaves a checkpoint from which it goes on as if nothing had been."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from undin import cli
from undin.train import loop
from undin.train.checkpoint import Checkpoint
from undin.train.processes import Processes
from undin.train.recipe import Recipe, load_recipe
from undin.train.state import TrainingState
from undin.train.validation import Validator

CPU = torch.device("cpu")
EVEN = ("mixing.speech_level_dbfs=[-20, -20]", "mixing.snr_db=[0, 0]", "optimiser.learning_rate=0.01")
"""Batches of one level and one SNR, so that losses of different steps compare."""


def train(recipe_path, run_folder, *overrides, **options):
    return loop.train(load_recipe(recipe_path, overrides=overrides), run_folder=run_folder, device=CPU, **options)


def logged(run_folder: Path, key: str) -> list[float]:
    lines = map(json.loads, (run_folder / "log.jsonl").read_text().splitlines())
    return [line[key] for line in lines if key in line]


def assert_identical(one, other) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_identical(one[key], other[key])
    elif isinstance(one, list | tuple):
        for item, twin in zip(one, other, strict=True):
            assert_identical(item, twin)
    else:
        assert one == other


@pytest.fixture
def stop_before_step(monkeypatch):
    """Send this process a signal just before it makes the batch of a step."""

    def arrange(step: int, number: signal.Signals) -> None:
        open_mixer = loop.open_mixer

        class Stopping:
            def __init__(self, recipe, **rest):
                self.mixer = open_mixer(recipe, **rest)

            def batch(self, at, batch_size, part):
                if at == step:
                    os.kill(os.getpid(), number)
                return self.mixer.batch(at, batch_size, part)

        monkeypatch.setattr(loop, "open_mixer", Stopping)

    return arrange


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_and_resumed_run_equals_a_straight_one(recipe_path, tmp_path, monkeypatch, stop_before_step, number):
    train(recipe_path, tmp_path / "straight")
    with monkeypatch.context():
        stop_before_step(9, number)
        state = train(recipe_path, tmp_path / "stopped")
    assert state.step == 10
    monkeypatch.undo()
    train(recipe_path, tmp_path / "stopped", resume_from=tmp_path / "stopped/last.pt")
    straight, stopped = (Checkpoint.load(tmp_path / run / "last.pt") for run in ("straight", "stopped"))
    assert straight.step == 20
    assert_identical(vars(straight), vars(stopped))
    assert logged(tmp_path / "straight", "loss") == logged(tmp_path / "stopped", "loss")


def test_training_lowers_the_loss_and_counts_what_it_hears(recipe_path, tmp_path):
    state = train(recipe_path, tmp_path, "training.steps=60", *EVEN)
    losses = logged(tmp_path, "loss")
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert state.hours == pytest.approx(60 * 4 * 0.5 / 3600)
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_finished_pairs_train_as_well(recipe_path, tmp_path):
    generator = np.random.default_rng(0)
    for name in ("clean", "noisy"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
        for index in range(3):
            soundfile.write(tmp_path / "pairs" / name / f"{index}.wav", 0.1 * generator.standard_normal(20000), 16000)
    overrides = ("data.speech=[]", "data.noise=[]", f"data.pairs=['{tmp_path}/pairs']", "training.steps=2")
    assert train(recipe_path, tmp_path / "run", *overrides).step == 2


def test_bfloat16_trains(recipe_path, tmp_path):
    train(recipe_path, tmp_path, "training.precision=bfloat16", "training.steps=60", *EVEN)
    losses = logged(tmp_path, "loss")
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_minutes_end_with_a_checkpoint(recipe_path, tmp_path):
    state = train(recipe_path, tmp_path, "training.steps=1000000", minutes=0.02)
    assert 0 < state.step < 1000000
    assert Checkpoint.load(tmp_path / "last.pt").step == state.step


def test_a_loss_that_explodes_ends_with_a_sentence_and_a_usable_checkpoint(recipe_path, tmp_path):
    overrides = ("optimiser.learning_rate=1e30", "schedule.warm_up_steps=0", "training.save_every=1")
    with pytest.raises(FloatingPointError, match="finite"):
        train(recipe_path, tmp_path, *overrides)
    for tensor in Checkpoint.load(tmp_path / "last.pt").build_network().state_dict().values():
        assert torch.isfinite(tensor).all()


def test_a_disk_that_takes_no_more_ends_with_a_sentence_and_a_usable_checkpoint(recipe_path, tmp_path):
    train(recipe_path, tmp_path, "training.steps=5")
    size = (tmp_path / "last.pt").stat().st_size
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, unlimited[1]))
    try:
        with pytest.raises(OSError, match=r"cannot write .*last\.pt") as error:
            train(recipe_path, tmp_path, resume_from=tmp_path / "last.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert error.value.errno == errno.EFBIG
    assert Checkpoint.load(tmp_path / "last.pt").step == 5
    assert not list(tmp_path.glob("*.part"))


def test_two_processes_equal_one_with_the_double_batch(recipe_path, tmp_path):
    arguments = ["train", str(recipe_path), "--device", "cpu", "--set", "training.steps=6", "-o"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "undin"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*torchrun, *arguments, str(tmp_path / "two")], check=True, timeout=120, env=environment)
    train(recipe_path, tmp_path / "one", "training.steps=6")
    for key in ("loss", "gradient_norm"):
        one, two = (logged(tmp_path / run, key) for run in ("one", "two"))
        assert len(one) == 6
        # Adam turns the rounding of a gradient near zero into a step of full size, so the two drift apart slowly
        assert two[:2] == pytest.approx(one[:2], rel=2e-5)
        assert two == pytest.approx(one, rel=1e-3)


@pytest.fixture
def validation(tmp_path, made_up_pairs) -> list[str]:
    """Changes of a recipe: validate on two pairs, twice a run."""
    return [f"validation.folder='{made_up_pairs}'", "validation.count=2", "training.validate_every=10"]


def test_validation_scores_the_average_and_keeps_the_best(recipe_path, tmp_path, validation):
    train(recipe_path, tmp_path / "run", *validation)
    pesq = logged(tmp_path / "run", "pesq_wb")
    assert len(pesq) == 2
    assert all(1 < value < 4.7 for value in pesq)
    best = Checkpoint.load(tmp_path / "run/best.pt")
    assert best.step == 10 * (1 + pesq.index(max(pesq)))
    assert best.best_score == best.scores["pesq_wb"] == max(pesq)


def test_without_pesq_the_loss_chooses_the_best(recipe_path, tmp_path, validation, monkeypatch):
    with monkeypatch.context() as bare_machine:
        bare_machine.setitem(sys.modules, "pesq", None)
        bare_machine.setitem(sys.modules, "torch.utils.tensorboard", None)
        train(recipe_path, tmp_path / "run", *validation, *EVEN)
    losses = logged(tmp_path / "run", "validation_loss")
    assert len(losses) == 2
    assert not logged(tmp_path / "run", "pesq_wb") and len(logged(tmp_path / "run", "si_sdr")) == 2
    assert not list((tmp_path / "run").glob("events*"))
    best = Checkpoint.load(tmp_path / "run/best.pt")
    assert (best.step, best.best_score) == (10 * (1 + losses.index(min(losses))), -min(losses))

    train(recipe_path, tmp_path / "run", *validation, "training.steps=21", resume_from=tmp_path / "run/last.pt")
    best = Checkpoint.load(tmp_path / "run/best.pt")
    assert best.step == 21 and best.best_score == best.scores["pesq_wb"]


def test_the_validation_loss_is_the_weighted_loss_of_whole_files(recipe_path, tmp_path, monkeypatch):
    for package in ("pesq", "pystoi"):
        monkeypatch.setitem(sys.modules, package, None)
    waves = {}
    for name, level in (("clean", 0.1), ("noisy", 0.2)):
        (tmp_path / "valid" / name).mkdir(parents=True)
        waves[name] = level * np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32)
        for index, wave in enumerate(waves[name]):
            soundfile.write(tmp_path / "valid" / name / f"{index}.wav", wave, 16000, subtype="FLOAT")
    table = load_recipe(recipe_path).to_table() | {"loss": [{"name": "waveform_mse", "weight": 3.0}]}
    recipe = Recipe.from_table(table | {"validation": {"folder": str(tmp_path / "valid")}})
    state = TrainingState(recipe, device=CPU, processes=Processes())
    noisy, clean = (torch.from_numpy(waves[name]) for name in ("noisy", "clean"))
    spec, _ = state.ema(state.spectrum.analyse(noisy), state.ema.initial_state(2))
    error = state.spectrum.synthesise(spec, samples=8000) - clean
    with closing(Validator(recipe)) as validator:
        scores = validator.validate(state.ema, state.spectrum)
    assert scores["validation_loss"] == pytest.approx(3 * torch.square(error).mean().item(), rel=1e-4)
    assert scores.keys() == {"validation_loss", "si_sdr"}


UNCHANGED = ("optimiser.learning_rate=0", "schedule.final_learning_rate=0", "training.steps=1")


@pytest.mark.parametrize("form", ["checkpoint", "model"])
def test_fine_tuning_starts_from_the_averaged_network_alone(recipe_path, tmp_path, form):
    first = train(recipe_path, tmp_path / "first")
    start = tmp_path / "first/last.pt"
    if form == "model":
        start = tmp_path / "first.onnx"
        assert cli.main(["export", str(tmp_path / "first/last.pt"), "-o", str(start)]) == 0
    second = train(recipe_path, tmp_path / "second", f"training.init='{start}'", *UNCHANGED)
    assert second.step == 1
    spec = second.spectrum.analyse(torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)) * 0.1)
    (before, _), (after, _) = (state.ema(spec, state.ema.initial_state(2)) for state in (first, second))
    # but for the one batch that the norms have seen since
    assert (after - before).square().mean() < 0.01 * before.square().mean()


def test_hours_go_on_where_the_weights_come_from(recipe_path, tmp_path):
    first = train(recipe_path, tmp_path / "first")
    second = train(recipe_path, tmp_path / "second", f"training.init='{tmp_path}/first/last.pt'", *UNCHANGED)
    assert second.hours == pytest.approx(first.hours * 1.05)


def test_a_network_starts_as_a_smaller_one(recipe_path, tmp_path):
    small = train(recipe_path, tmp_path / "small")
    larger = "network.channels=6", "network.band_channels=7", "network.blocks=2", "network.depth=2"
    large = train(recipe_path, tmp_path / "large", *larger, f"training.init='{tmp_path}/small/last.pt'", *UNCHANGED)
    spec = large.spectrum.analyse(torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)) * 0.1)
    (wanted, _), (found, _) = (state.ema(spec, state.ema.initial_state(2)) for state in (small, large))
    assert (found - wanted).square().mean() < 0.05 * wanted.square().mean()


def test_a_teacher_has_its_share_of_the_loss(recipe_path, tmp_path):
    train(recipe_path, tmp_path / "teacher", "training.seed=3", "training.steps=2")
    checkpoint = tmp_path / "teacher/last.pt"
    by_teacher = load_recipe(recipe_path, overrides=[f"teacher.model='{checkpoint}'", "teacher.share=0.25"])
    student, alone = (
        TrainingState(recipe, device=CPU, processes=Processes()) for recipe in (by_teacher, load_recipe(recipe_path))
    )
    noisy, clean = torch.randn(2, 4, 8000, generator=torch.Generator().manual_seed(0)) * 0.1
    teacher = Checkpoint.load(checkpoint).build_network()
    taught_spec, _ = teacher(student.spectrum.analyse(noisy), teacher.initial_state(4))
    taught = student.spectrum.synthesise(taught_spec, samples=8000).detach()
    (_, losses), (_, of_clean), (_, of_taught) = (
        state.forward(noisy, target) for state, target in ((student, clean), (alone, clean), (alone, taught))
    )
    torch.testing.assert_close(losses, 0.75 * of_clean + 0.25 * of_taught)


def test_a_teacher_of_another_analysis_is_refused(recipe_path, tmp_path):
    train(recipe_path, tmp_path / "teacher", "training.steps=1")
    with pytest.raises(ValueError, match=r"teacher's \[audio\]"):
        train(recipe_path, tmp_path / "run", f"teacher.model='{tmp_path}/teacher/last.pt'", "audio.hop=32")


def test_a_checkpoint_of_another_network_is_refused(recipe_path, tmp_path):
    train(recipe_path, tmp_path / "first", "training.steps=1")
    last = tmp_path / "first/last.pt"
    with pytest.raises(ValueError, match=r"the checkpoint's \[network\] is"):
        train(recipe_path, tmp_path / "second", "network.blocks=2", resume_from=last)
    with pytest.raises(ValueError, match="a network cannot start as one with more weights"):
        train(recipe_path, tmp_path / "second", "network.channels=3", f"training.init='{last}'")
    with pytest.raises(ValueError, match=r"the start's \[audio\] is"):
        train(recipe_path, tmp_path / "second", "audio.hop=32", f"training.init='{last}'")


def test_what_is_no_checkpoint_is_refused(recipe_path, tmp_path):
    damaged = tmp_path / "damaged.pt"
    train(recipe_path, tmp_path / "first", "training.steps=1")
    whole = (tmp_path / "first" / "last.pt").read_bytes()
    for content in (b"", b"no checkpoint", b"PK\x03\x04 cut off", *(whole[: len(whole) * n // 7] for n in range(1, 7))):
        damaged.write_bytes(content)
        cure = (
            "cut off or damaged: copy it anew, or take another" if content[:2] == b"PK" else "give last.pt or best.pt"
        )
        with pytest.raises(ValueError, match=rf"damaged\.pt is no checkpoint.*{cure}"):
            train(recipe_path, tmp_path / "run", resume_from=damaged)


@pytest.mark.parametrize("value", [{"state_dict": {"weight": torch.zeros(3)}}, [1, 2], torch.zeros(3), Fraction(1, 2)])
def test_a_checkpoint_of_something_else_is_told_from_ours(recipe_path, tmp_path, value):
    torch.save(value, tmp_path / "foreign.pt")
    with pytest.raises(
        ValueError, match=r"foreign\.pt is no checkpoint of undin train.*give last\.pt or best\.pt of a run"
    ):
        train(recipe_path, tmp_path / "run", resume_from=tmp_path / "foreign.pt")


def test_a_batch_that_does_not_divide_among_the_processes_is_refused():
    processes = loop.join(CPU)
    with processes as alone:
        alone.count = 3
        with pytest.raises(ValueError, match="batch_size"):
            alone.part(4)
