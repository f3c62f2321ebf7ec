"""The cards of the models that come with undin are forms, filled in from the metadata; their scores are numbers."""

import json
import re
from dataclasses import replace
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

import undin
from undin.model.lineage import by_key
from undin.model.loading import WEIGHTS
from undin.model.metadata import Metadata

SCORE = r"\d+\.\d+ ± \d+\.\d+"


@pytest.fixture
def model_card(monkeypatch):
    """The script, whose neighbours in its folder are imported as when it runs."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "research")
    import model_card

    return model_card


def table(name: str, title: str) -> list[dict[str, str]]:
    """The rows of the first table in a section of a card, by the names in its head."""
    card = (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    lines = card.partition(f"## {title}\n")[2].splitlines()
    lines = takewhile(lambda line: line.startswith("|"), dropwhile(lambda line: not line.startswith("|"), lines))
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("name", undin.models())
def test_a_card_says_what_the_metadata_say(model_card, name):
    metadata = Metadata.of_onnx_file(WEIGHTS / f"{name}.onnx")
    form, _, _ = model_card.parts((WEIGHTS / f"{name}.md").read_text(encoding="utf-8"))
    assert form == "\n".join(model_card.form(metadata))
    other = replace(metadata, hours_trained=metadata.hours_trained + 1)
    assert form != "\n".join(model_card.form(other))


@pytest.mark.parametrize("name", undin.models())
def test_lineage_can_be_parsed_and_leads_to_the_model(name):
    metadata = Metadata.of_onnx_file(WEIGHTS / f"{name}.onnx")
    *ancestors, this = table(name, "Lineage")
    recipe = by_key(json.loads(metadata.recipe))
    assert (this["weights"], this["commit"]) == (name, metadata.commit)
    assert this["trained on"] == f"{metadata.hours_trained:.0f} h"
    assert (int(this["steps"]), int(this["seed"])) == (recipe["training.steps"], recipe["training.seed"])
    assert float(this["learning rate"]) == recipe["optimiser.learning_rate"]
    assert [row["weights"] for row in ancestors] == [ancestor.name for ancestor in metadata.ancestors]
    hours = [float(row["trained on"].removesuffix(" h")) for row in (*ancestors, this)]
    assert hours == sorted(set(hours))


@pytest.mark.parametrize("name", undin.models())
def test_scores_are_numbers_of_the_model_and_of_the_noisy_input(name):
    rows = table(name, "Scores")
    pairs = [(row["set"], row["system"]) for row in rows]
    sets = ["valid", "VoiceBank-DEMAND, a quarter of the test set", *(["valid48"] if name.endswith("-48k") else [])]
    assert pairs == [(one, system) for one in sets for system in ("noisy", name)]
    for row in rows:
        assert all(re.fullmatch(SCORE, row[metric]) for metric in ("PESQ-WB", "STOI", "SI-SDR, dB"))
