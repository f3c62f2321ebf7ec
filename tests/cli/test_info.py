"""`undin info` shows what model files say about themselves, as a table or as JSON."""

import json

import pytest
from support import step_models

import undin
from undin.cli import main

pytestmark = pytest.mark.quick


def test_table_of_given_models(tmp_path, capsys):
    small = step_models.identity(tmp_path / "a.onnx", parameters=24_000, macs_per_second=57_300_000, hours_trained=6.6)
    fast = step_models.identity(tmp_path / "b.onnx", sample_rate=8_000, n_fft=256, window=256, hop=128)
    assert main(["info", str(small), str(fast)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "name"
    assert lines[1].split() == ["identity", "16000", "31.9", "24,000", "57.3", "0.0", "7", "Apache-2.0", "none"]
    assert lines[2].split()[:3] == ["identity", "8000", "31.9"]


def test_json_holds_all_metadata(tmp_path, capsys):
    path = step_models.identity(tmp_path / "a.onnx", recipe='{"steps": 7}')
    assert main(["info", str(path), "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)
    assert model["path"] == str(path)
    assert (model["recipe"], model["lineage"]) == ({"steps": 7}, [])
    assert (model["n_fft"], model["hop"], model["latency_samples"]) == (512, 256, 511)


def test_a_compiled_model_says_what_its_onnx_file_says(tmp_path, capsys):
    path = step_models.identity(tmp_path / "identity.onnx")
    library = undin.load(path).engine.path
    assert main(["info", "--json", str(path), str(library)]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first.pop("path"), second.pop("path")) == (str(path), str(library))
    assert first == second


def test_default_is_all_that_come_with_undin(capsys):
    assert main(["info", "--json"]) == 0
    assert [model["name"] for model in json.loads(capsys.readouterr().out)] == undin.models()


def test_unknown_model_is_one_sentence(capsys):
    assert main(["info", "undin-huge"]) == 1
    assert capsys.readouterr().err.startswith("undin: error: unknown model 'undin-huge'")
