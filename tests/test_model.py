"""Model files: what the loader understands and refuses, and the engine that runs them."""

import dataclasses

import numpy as np
import onnx
import pytest
import step_models

import undin
from undin.engine import gain_floor
from undin.metadata import Metadata
from undin.model import Model, load


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, count).astype(np.float32)


def with_strings(tmp_path, strings: dict[str, str]):
    """An identity model whose file says `strings` about itself."""
    nodes = [
        onnx.helper.make_node("Identity", ["spec"], ["enhanced"]),
        onnx.helper.make_node("Identity", ["state"], ["next_state"]),
    ]
    return step_models.save(tmp_path / "model.onnx", nodes, {}, strings)


def test_metadata_survive_the_file(tmp_path):
    changes = {"sample_rate": 8_000, "n_fft": 256, "window": 200, "hop": 100, "recipe": '{"steps": 3}'}
    model = load(step_models.identity(tmp_path / "identity.onnx", **changes))
    assert model.metadata == step_models.metadata(name="identity", **changes)
    assert Metadata.from_strings(model.metadata.to_strings()) == model.metadata
    assert load(model) is model


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Metadata)])
def test_a_file_that_lacks_a_field_is_refused(tmp_path, name):
    strings = step_models.metadata(name="model").to_strings()
    del strings[name]
    with pytest.raises(ValueError, match=rf"model\.onnx .*metadata missing: {name};"):
        load(with_strings(tmp_path, strings))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "blue"}, "unknown metadata: colour"),
        ({"hop": "wide"}, "hop is 'wide', which is not a whole number"),
        ({"format_version": "2", "colour": "blue"}, "format_version is 2, this undin reads 1: install a newer undin"),
        ({"format_version": "0"}, "format_version is 0"),
        ({"n_fft": "1024"}, "its inputs are"),
        ({"state_size": "7"}, "its inputs are"),
        ({"hop": "200"}, "window 512 must be hop 200 times two or more"),
        ({"latency_samples": "600"}, "latency_samples 600 is not window - 1 plus whole hops of look-ahead"),
        ({"latency_samples": "255"}, "latency_samples 255 is not"),
        ({"sample_rate": "0"}, "sample_rate 0 and state_size 1 must be positive"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(tmp_path, changes, reason):
    strings = step_models.metadata(name="model").to_strings() | changes
    with pytest.raises(ValueError, match=reason):
        load(with_strings(tmp_path, strings))


def test_a_step_with_other_outputs_is_refused(tmp_path):
    path = step_models.identity(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.node[1].output[0] = model.graph.output[1].name = "memory"
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"its outputs are .*memory.*next_state"):
        load(path)


def test_what_is_no_model_file_is_refused(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("no model")
    with pytest.raises(ValueError, match=r"text\.onnx is not an ONNX model"):
        load(text)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ValueError, match=r"empty\.onnx is not"):
        load(tmp_path / "empty.onnx")
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*missing\.onnx"):
        load(tmp_path / "missing.onnx")
    with pytest.raises(ValueError, match="unknown model 'undin-huge'"):
        load("undin-huge")


def test_bundled_models_load_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr("undin.model.WEIGHTS", tmp_path)
    step_models.identity(tmp_path / "undin-b.onnx")
    step_models.identity(tmp_path / "undin-a.onnx")
    assert undin.models() == ["undin-a", "undin-b"]
    assert load("undin-b").path == tmp_path / "undin-b.onnx"
    with pytest.raises(ValueError, match="one of undin-a, undin-b"):
        load("undin-c")


@pytest.mark.parametrize("name", undin.models())
def test_every_shipped_model_loads_and_bears_its_name(name):
    assert load(name).metadata.name == name


@pytest.mark.parametrize("make", [step_models.identity, step_models.look_ahead])
def test_engine_delays_by_what_it_says(tmp_path, make):
    model: Model = load(make(tmp_path / "model.onnx"))
    engine = model.engine()
    assert engine.delay_samples == model.metadata.latency_samples - (model.metadata.hop - 1)
    samples = noise(20 * model.metadata.hop)
    output = engine.process(samples)
    np.testing.assert_allclose(output[engine.delay_samples :], samples[: -engine.delay_samples], atol=1e-6)


def test_engine_keeps_its_state_between_calls_and_forgets_at_reset(tmp_path):
    model = load(step_models.fading(tmp_path / "fading.onnx"))
    hop = model.metadata.hop
    samples = noise(9 * hop)
    engine, other = model.engine(), model.engine()
    at_once = engine.process(samples)
    by_hop = [other.process(samples[start : start + hop]) for start in range(0, len(samples), hop)]
    np.testing.assert_array_equal(np.concatenate(by_hop), at_once)
    assert not np.allclose(engine.process(samples), at_once, atol=1e-3)
    engine.reset()
    np.testing.assert_array_equal(engine.process(samples), at_once)


@pytest.mark.parametrize(("atten_lim_db", "expected_gain"), [(None, 0.01), (40, 0.0199), (6, 0.504), (0, 1)])
def test_no_sound_is_attenuated_by_more_than_the_limit(tmp_path, atten_lim_db, expected_gain):
    engine = load(step_models.gain(tmp_path / "gain.onnx", 0.01)).engine(atten_lim_db=atten_lim_db)
    samples = noise(20 * 256)
    output = engine.process(samples)[engine.delay_samples :]
    assert output @ samples[: len(output)] / np.sum(samples[: len(output)] ** 2) == pytest.approx(expected_gain, 1e-2)


@pytest.mark.parametrize("atten_lim_db", [-1, float("nan")])
def test_a_negative_limit_is_refused(atten_lim_db):
    with pytest.raises(ValueError, match="atten_lim_db must be 0 dB or more"):
        gain_floor(atten_lim_db)
