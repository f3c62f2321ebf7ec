"""Lineage: what an earlier recipe had otherwise, and that files hold ancestors as they were."""

import math

from undin.model.lineage import Ancestor, Provenance, changes, from_json, to_json

LATER = {
    "name": "small",
    "network": {"name": "undin", "channels": 8},
    "loss": [{"name": "stoi", "weight": 2.0}, {"name": "sdr", "weight": 0.01, "most_db": 30.0}],
    "mixing": {"snr_db": [-5.0, 20.0], "speech_high_pass_hz": 50.0},
    "training": {"steps": 2000, "init": "tiny", "save_every": 100},
    "validation": {"folder": "here", "count": 50},
}
EARLIER = {
    "name": "tiny",
    "network": {"name": "undin", "channels": 8},
    "loss": [{"name": "si_sdr", "weight": 1.0}, {"name": "sdr", "weight": 0.02, "most_db": 30.0}],
    "mixing": {"snr_db": [0.0, 10.0]},
    "training": {"steps": 2000, "init": "", "save_every": 500},
    "data": {"speech": ["/somewhere"], "description": "our voices"},
    "validation": None,
}
DIFFERENCES = {
    "data.description": "our voices",
    "loss.sdr.weight": 0.02,
    "loss.si_sdr.weight": 1.0,
    "loss.stoi.weight": None,
    "mixing.snr_db": [0.0, 10.0],
    "mixing.speech_high_pass_hz": None,
}


def test_changes_are_what_the_earlier_recipe_had_and_what_it_lacked():
    assert changes(LATER, since=EARLIER) == DIFFERENCES
    assert changes(LATER, since=LATER) == {}


def test_weights_that_go_on_gain_an_ancestor():
    oldest = Ancestor(name="nano", hours_trained=3.0, commit="abc", changes={"training.steps": 10})
    weights = Provenance(name="mine", hours_trained=7.5, commit="def", recipe=EARLIER, ancestors=(oldest,))
    parent = Ancestor(name="mine", hours_trained=7.5, commit="def", changes=DIFFERENCES)
    assert weights.lineage_by(LATER) == (oldest, parent)
    assert from_json(to_json(weights.lineage_by(LATER))) == (oldest, parent)
    assert Provenance.from_table(weights.to_table()) == weights


def test_hours_may_be_whole_in_a_file_of_another_hand():
    (ancestor,) = from_json('[{"name": "a", "hours_trained": 3, "commit": "b", "changes": {}}]')
    assert math.isclose(ancestor.hours_trained, 3.0)
