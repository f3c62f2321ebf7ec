"""Recipes: what is wrong is named, what is right comes back unchanged."""

import itertools
import json
from pathlib import Path

import pytest

from undin.nn.macs import macs_per_second
from undin.train.recipe import Recipe, load_recipe

pytestmark = pytest.mark.quick

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SHIPPED = sorted(RECIPES.glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_under_its_own_name(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem


@pytest.mark.parametrize(
    ("name", "most_mmacs"), [("undin-nano-48k", 26), ("undin-small-48k", 150), ("undin-base-48k", 500)]
)
def test_full_band_recipes_keep_to_20_ms_and_to_their_size(name, most_mmacs):
    recipe = load_recipe(RECIPES / f"{name}.toml")
    audio = recipe.audio
    assert (audio.window, audio.hop, audio.sample_rate) == (960, 480, 48_000)
    sizes = {"n_fft": audio.n_fft, "sample_rate": audio.sample_rate, "hop": audio.hop}
    assert 0.9 * most_mmacs < macs_per_second(recipe.build_network(), **sizes) / 1e6 < most_mmacs
    assert {"p226", "p229", "blanket48"} <= set(recipe.data.leave_out)  # which valid48 is made of


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("training.batchsize=3", "unknown key 'training.batchsize'; did you mean 'batch_size'?"),
        ("trainig.steps=3", "unknown key 'trainig'; did you mean 'training'?"),
        ("network.band_chanels=3", "unknown key 'network.undin.band_chanels'; did you mean 'band_channels'?"),
        ('network.name="undim"', "unknown network 'undim'; did you mean 'undin'?"),
        ("network.channels=4.5", "'network.undin.channels' must be a whole number, not 4.5"),
        ("loss.si_sdr.power=3", "unknown key 'loss.si_sdr.power'; known are none"),
        ("loss.si_sdd.weight=3", "there is no 'si_sdd'; did you mean 'si_sdr'?"),
        ("loss.compressed_spectrum.powr=3", "unknown key 'loss.compressed_spectrum.powr'; did you mean 'power'?"),
        ('loss=[{name="sisdr"}]', "unknown loss 'sisdr'; did you mean 'si_sdr'?"),
        ("loss=[]", "at least one"),
        ('training.steps="many"', "'training.steps' must be a whole number, not 'many'"),
        ("training.steps=true", "'training.steps' must be a whole number, not True"),
        ("training.steps=0", "training.steps must be positive"),
        ("audio.n_fft=140", "; it would take n_fft = 128 or n_fft = 144"),
        ("audio.n_fft=129", "audio.n_fft must be even, not 129: take 130"),
        ("audio.n_fft=100", "n_fft 100 must not be shorter than window 128"),
        ("audio.hop=60", "window 128 must be hop 60 times two or more, such as 120"),
        ("audio.sample_rate=0", "audio.sample_rate must be positive"),
        ("training.precision=float16", "'training.precision' must be one of 'float32', 'bfloat16', not 'float16'"),
        ("optimiser.betas=[0.9]", "'optimiser.betas' must have 2 values, not 1"),
        ("optimiser.betas=0.9", "'optimiser.betas' must be a list"),
        ('data.speech="folder"', "'data.speech' must be a list, not 'folder'"),
        ('teacher={model="base.pt", share=1.5}', "teacher.share must be above 0 and at most 1, not 1.5"),
        ("data.noise=[]", "speech and noise"),
        ("mixing.snr_dbs=[0, 5]", "unknown key 'mixing.snr_dbs'; did you mean 'snr_db'?"),
        ("mixing=3", "mixing must be a table"),
        ("training", "write section.key=value"),
        ("training.steps.first=1", "'steps' is no section"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_the_nearest_key(recipe_path, override, told):
    with pytest.raises(ValueError) as error:
        load_recipe(recipe_path, overrides=[override])
    assert str(error.value).startswith(f"{recipe_path}: ")
    assert told in str(error.value)


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("[training]\nbatch_size = 3\n")
    with pytest.raises(ValueError, match=r"empty\.toml: the key 'training.steps' is missing"):
        load_recipe(path)


def test_what_is_no_toml_is_named_with_its_line(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("[training\n")
    with pytest.raises(ValueError, match=r"broken\.toml: .*line 1"):
        load_recipe(path)


def test_overrides_reach_every_section(recipe_path):
    recipe = load_recipe(
        recipe_path,
        overrides=[
            "training.steps=7",
            "training.precision=bfloat16",
            "network.blocks=2",
            "loss.si_sdr.weight=0.5",
            "loss.compressed_spectrum.power=0.5",
            "optimiser.learning_rate=1",
            "validation.folder=somewhere",
        ],
    )
    assert (recipe.training.steps, recipe.training.precision) == (7, "bfloat16")
    assert recipe.network.options["blocks"] == 2
    assert recipe.loss[0].options == {"power": 0.5}
    assert recipe.loss[1].weight == 0.5
    assert recipe.optimiser.learning_rate == 1.0
    assert recipe.validation.folder == "somewhere"


def test_a_recipe_survives_json(recipe_path):
    recipe = load_recipe(recipe_path, overrides=["loss.compressed_spectrum.power=0.5", "mixing.snr_db=[0, 5]"])
    assert Recipe.from_table(json.loads(json.dumps(recipe.to_table()))) == recipe


def test_the_learning_rate_warms_up_and_falls_to_the_last(recipe_path):
    recipe = load_recipe(recipe_path, overrides=["training.steps=105", "optimiser.learning_rate=1.0"])
    rates = [recipe.learning_rate(step) for step in range(106)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[55] == pytest.approx((1 + 1e-5) / 2)
    assert rates[105] == pytest.approx(1e-5)
    assert all(earlier >= later for earlier, later in itertools.pairwise(rates[5:]))
