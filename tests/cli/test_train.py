"""`undin train` from the outside: arguments, exit status, sentences."""

import pytest
from support import small_recipe

from undin import cli
from undin.train.checkpoint import Checkpoint


@pytest.fixture
def recipe_path(tmp_path):
    return small_recipe.write(tmp_path)


pytest_plugins = ()


def test_training_resuming_and_refusing(recipe_path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["train", str(recipe_path), "--device", "cpu"]
    assert cli.main([*command, "--set", "training.steps=2", "network.blocks=1"]) == 0
    last = tmp_path / "runs/small/last.pt"
    assert Checkpoint.load(last).step == 2

    assert cli.main(command) == 1
    assert "continue it with --resume" in capsys.readouterr().err

    assert cli.main([*command, "--resume", "--set", "training.steps=4"]) == 0
    assert Checkpoint.load(last).step == 4

    assert cli.main([*command, "-o", "tuned", "--init", str(last), "--set", "training.steps=1", "--threads", "1"]) == 0
    assert Checkpoint.load(tmp_path / "tuned/last.pt").step == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "training.stepps=2"], "unknown key 'training.stepps'; did you mean 'steps'?"),
        (["--resume", "nowhere.pt"], "nowhere.pt: there is no such checkpoint"),
        (["--set", 'data.speech=["nowhere"]'], "nowhere is not a folder"),
    ],
)
def test_mistakes_end_with_a_sentence(recipe_path, tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", str(recipe_path), "--device", "cpu", *arguments]) == 1
    error = capsys.readouterr().err
    assert "undin: error: " in error
    assert told in error
    assert "Traceback" not in error


def test_an_exploding_loss_ends_with_a_sentence(recipe_path, tmp_path, capsys):
    arguments = ["-o", str(tmp_path), "--set", "optimiser.learning_rate=1e30", "schedule.warm_up_steps=0"]
    assert cli.main(["train", str(recipe_path), "--device", "cpu", *arguments]) == 1
    assert "undin: error: the loss" in capsys.readouterr().err
