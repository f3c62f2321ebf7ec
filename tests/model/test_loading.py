"""Model files: what the loader understands and refuses, what it chooses to run them, and that both engines do."""

import dataclasses
import json
import pickle
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import step_models
from support.hops import Hops

import undin
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.engines.engine import NotInstalled, attenuation
from undin.engines.native import NativeEngine
from undin.engines.ort import OrtEngine
from undin.model.loading import WEIGHTS, Model, load
from undin.model.metadata import NAMES_OF_HEADER, NAMES_OF_KERNELS, Metadata, c_prefix, onnx_strings

both_engines = pytest.mark.parametrize("engine", ["compiled", "onnxruntime"])


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
    model = load(step_models.identity(tmp_path / "identity.onnx", **changes), engine="onnxruntime")
    assert model.metadata == step_models.metadata(name="identity", **changes)
    assert Metadata.from_strings(model.metadata.to_strings()) == model.metadata
    assert load(model) is model


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_strings_of_onnx_files_are_read_as_onnx_wrote_them(strings):
    model = onnx.ModelProto(ir_version=8, graph=onnx.GraphProto(name="step"), producer_version="1" * 300)
    onnx.helper.set_model_props(model, strings)
    assert onnx_strings(model.SerializeToString()) == strings


@given(st.binary(), st.integers(0, 200))
def test_bytes_that_are_not_onnx_raise_nothing_but_value_errors(noise, cut):
    model = onnx.ModelProto(ir_version=8)
    onnx.helper.set_model_props(model, {"name": "x" * 100})
    for data in (noise, model.SerializeToString()[:cut], model.SerializeToString() + noise):
        try:
            onnx_strings(data)
        except ValueError:
            pass


@both_engines
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Metadata)])
def test_a_file_that_lacks_a_field_is_refused(tmp_path, name, engine):
    strings = step_models.metadata(name="model").to_strings()
    del strings[name]
    with pytest.raises(ValueError, match=rf"model\.onnx .*metadata missing: {name};"):
        load(with_strings(tmp_path, strings), engine=engine)


@both_engines
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "blue"}, "unknown metadata: colour"),
        ({"hop": "wide"}, "hop is 'wide', which is not a whole number"),
        ({"format_version": "3", "colour": "blue"}, "format_version is 3, this undin reads 2: install a newer undin"),
        ({"format_version": "1"}, "format_version 1 and does not tell its hours of training: export it again"),
        ({"format_version": "0"}, "format_version is 0"),
        ({"n_fft": "1024"}, "its inputs are"),
        ({"state_size": "7"}, "its inputs are"),
        ({"hop": "200"}, "window 512 must be hop 200 times two or more"),
        ({"latency_samples": "600"}, "latency_samples 600 is not window - 1 plus whole hops of look-ahead"),
        ({"latency_samples": "255"}, "latency_samples 255 is not"),
        ({"sample_rate": "0"}, "sample_rate 0 and state_size 1 must be positive"),
        ({"hours_trained": "many"}, "hours_trained is 'many', which is not a number"),
        ({"hours_trained": "nan"}, "hours_trained nan must be finite and not below 0"),
        ({"hours_trained": "-1"}, "hours_trained -1.0 must be finite and not below 0"),
        *(({"lineage": text}, "lineage is not the list of ancestors") for text in ("", "{}", "[3]", '[{"name": "x"}]')),
    ],
)
def test_metadata_that_do_not_fit_are_refused(tmp_path, changes, reason, engine):
    strings = step_models.metadata(name="model").to_strings() | changes
    with pytest.raises(ValueError, match=reason):
        load(with_strings(tmp_path, strings), engine=engine)


@both_engines
def test_a_file_of_format_1_is_read_and_its_hours_with_it(tmp_path, engine):
    today = step_models.metadata(name="model", hours_trained=89.0, training_data="speech of others")
    strings = today.to_strings() | {"format_version": "1", "training_data": "89 h mixed of speech of others"}
    del strings["hours_trained"], strings["lineage"]
    assert load(with_strings(tmp_path, strings), engine=engine).metadata == today


@both_engines
def test_a_step_with_other_outputs_is_refused(tmp_path, engine):
    path = step_models.identity(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.node[1].output[0] = model.graph.output[1].name = "memory"
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"its outputs are .*memory.*next_state"):
        load(path, engine=engine)


def test_metadata_that_are_no_text_are_refused(tmp_path):
    path = step_models.gain(tmp_path / "model.onnx", 0.5, hours_trained=0.125)
    content = path.read_bytes()
    assert b"0.125" in content
    path.write_bytes(content.replace(b"0.125", b"\xff.125"))
    with pytest.raises(ValueError, match="is not a model for this undin"):
        load(path)
    with pytest.raises(ValueError, match=r"b'.*' in its metadata is not UTF-8"):
        translate(path)


def test_what_is_no_model_file_is_refused(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("no model")
    with pytest.raises(ValueError, match=r"text\.onnx is not a model for this undin: it is not ONNX, or cut off"):
        load(text)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ValueError, match=r"empty\.onnx is not"):
        load(tmp_path / "empty.onnx")
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*missing\.onnx"):
        load(tmp_path / "missing.onnx")
    with pytest.raises(ValueError, match="unknown model 'undin-huge'"):
        load("undin-huge")


def test_bundled_models_load_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr("undin.model.loading.WEIGHTS", tmp_path)
    for name in ("undin-b.onnx", "undin-a.onnx"):
        step_models.identity(tmp_path / name)
    assert undin.models() == ["undin-a", "undin-b"]
    assert load("undin-b").path == tmp_path / "undin-b.onnx"
    with pytest.raises(ValueError, match="one of undin-a, undin-b"):
        load("undin-c")


@pytest.mark.parametrize("name", undin.models())
def test_every_shipped_model_loads_and_bears_its_name(name):
    assert load(name).metadata.name == name


@pytest.mark.parametrize("name", undin.models())
def test_the_recipe_of_a_shipped_model_tells_no_folder_of_where_it_was_trained(name):
    recipe = json.loads(load(name).metadata.recipe)
    folders = [*recipe["data"]["speech"], *recipe["data"]["noise"], recipe["validation"]["folder"]]
    assert folders and not any(Path(folder).is_absolute() for folder in folders)


def test_a_file_of_your_own_is_compiled_and_found_again_under_any_name(tmp_path):
    path = step_models.identity(tmp_path / "identity.onnx")
    first = load(path)
    assert isinstance(first.engine, NativeEngine) and first.path == path
    shutil.copy(path, tmp_path / "again.onnx")
    assert load(tmp_path / "again.onnx").engine.path == first.engine.path


def test_what_lies_beside_a_file_of_your_own_may_be_out_of_date(tmp_path):
    path = step_models.identity(tmp_path / "mine.onnx")
    (tmp_path / "libundin_mine.so").write_text("compiled before the model was trained on")
    assert load(path).metadata.name == "identity"


def test_a_shipped_model_is_pickled_by_its_name(monkeypatch, tmp_path):
    pickled = pickle.dumps(load("undin-nano"))
    assert b"undin-nano" in pickled and str(WEIGHTS).encode() not in pickled
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(pickled)
    assert again.metadata.name == "undin-nano" and isinstance(again.engine, NativeEngine)


@both_engines
def test_a_model_of_your_own_is_pickled_by_its_path_and_keeps_its_engine(tmp_path, monkeypatch, engine):
    monkeypatch.chdir(tmp_path)
    model = load(step_models.identity(Path("mine.onnx")), engine=engine)
    pickled = pickle.dumps(model)
    monkeypatch.chdir("/")
    again = pickle.loads(pickled)
    assert (again.metadata, type(again.engine), again.path) == (
        model.metadata,
        type(model.engine),
        tmp_path / "mine.onnx",
    )
    (tmp_path / "mine.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*mine\.onnx"):
        pickle.loads(pickled)


def test_a_model_shows_what_it_is_and_has_no_other_attributes(tmp_path):
    path = step_models.identity(tmp_path / "identity.onnx", sample_rate=8_000)
    assert repr(load(path, engine="onnxruntime")) == "<Model identity at 8000 Hz, on ONNX Runtime>"
    assert repr(load(path)) == "<Model identity at 8000 Hz, compiled>"
    with pytest.raises(AttributeError, match="rate"):
        load(path).rate = 16_000


def test_a_compiled_model_is_loaded_from_its_library(tmp_path, monkeypatch):
    path = step_models.gain(tmp_path / "mine.onnx", 0.5, n_fft=64, window=64, hop=32)
    library = build(translate(path), tmp_path / "compiled")
    monkeypatch.chdir(library.parent)  # a name without a folder must not be looked for among the system's libraries
    model = load(library.name)
    assert model.metadata == load(path, engine="onnxruntime").metadata
    assert isinstance(model.engine, NativeEngine)
    with pytest.raises(ValueError, match="is compiled, and ONNX Runtime runs ONNX files"):
        load(library, engine="onnxruntime")
    with pytest.raises(FileNotFoundError, match=r"there is no model file libmissing\.so"):
        load("libmissing.so")


def test_without_a_compiler_onnx_runtime_runs_it_and_without_that_one_sentence_says_what_to_install(
    tmp_path, monkeypatch
):
    path = step_models.gain(tmp_path / "rare.onnx", 0.123)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert isinstance(load(path).engine, OrtEngine)
    with pytest.raises(NotInstalled, match=r"rare\.onnx cannot be compiled without onnx; .*undin\[compile\]"):
        load(path, engine="compiled")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotInstalled, match=r'ONNX Runtime is not installed; .*"undin\[ort\]"'):
        load(path, engine="onnxruntime")
    with pytest.raises(
        NotInstalled, match=r"nothing is installed that runs .*rare\.onnx: .*undin\[compile\].*undin\[ort\]"
    ):
        load(path)


def test_a_model_that_cannot_be_compiled_is_not_run_slowly_in_silence(tmp_path):
    nodes = [
        onnx.helper.make_node("Identity", ["state"], ["next_state"]),
        onnx.helper.make_node("Det", ["spec"], ["number"], name="odd"),
        onnx.helper.make_node("Mul", ["spec", "number"], ["enhanced"]),
    ]
    path = step_models.save(tmp_path / "odd.onnx", nodes, {}, step_models.metadata(name="odd").to_strings())
    with pytest.raises(ValueError, match=r"odd\.onnx: cannot compile Det 'odd'"):
        load(path)


@both_engines
@pytest.mark.parametrize("make", [step_models.identity, step_models.look_ahead])
def test_engine_delays_by_what_it_says(tmp_path, make, engine):
    model: Model = load(make(tmp_path / "model.onnx"), engine=engine)
    hops = Hops(model.engine)
    assert hops.delay_samples == model.metadata.latency_samples - (model.metadata.hop - 1)
    samples = noise(20 * model.metadata.hop)
    output = hops.process(samples)
    np.testing.assert_allclose(output[hops.delay_samples :], samples[: -hops.delay_samples], atol=1e-6)


@both_engines
def test_engine_keeps_its_state_between_calls_and_forgets_at_reset(tmp_path, engine):
    model = load(step_models.fading(tmp_path / "fading.onnx"), engine=engine)
    one, other = Hops(model.engine), Hops(model.engine)
    samples = noise(9 * model.metadata.hop)
    at_once = one.process(samples)
    by_hop = [other.process(part) for part in samples.reshape(9, -1)]
    np.testing.assert_array_equal(np.concatenate(by_hop), at_once)
    assert not np.allclose(one.process(samples), at_once, atol=1e-3)
    one.reset()
    np.testing.assert_array_equal(one.process(samples), at_once)


@both_engines
@pytest.mark.parametrize(("atten_lim_db", "expected_gain"), [(None, 0.01), (40, 0.0199), (6, 0.504), (0, 1)])
def test_no_sound_is_attenuated_by_more_than_the_limit(tmp_path, atten_lim_db, expected_gain, engine):
    model = load(step_models.gain(tmp_path / "gain.onnx", 0.01), engine=engine)
    samples = noise(20 * 256)
    output = undin.enhance(samples, sample_rate=16_000, model=model, atten_lim_db=atten_lim_db)
    assert output @ samples / np.sum(samples**2) == pytest.approx(expected_gain, 1e-2)


@pytest.mark.parametrize("atten_lim_db", [-1, float("nan")])
def test_a_negative_limit_is_refused(atten_lim_db):
    with pytest.raises(ValueError, match="atten_lim_db must be 0 dB or more"):
        attenuation(atten_lim_db)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("undin-tiny", "undin_tiny"),
        ("mine", "undin_mine"),
        ("", "undin_unnamed"),
        ("undin", "undin_unnamed"),
        ("my model, 2nd", "undin_my_model_2nd"),
        *((name, f"undin_{name}_model") for name in ("model", "stream", "levels", "error", "gru")),
    ],
)
def test_names_in_c_are_none_of_the_header(name, expected):
    assert c_prefix(name) == expected


def test_names_of_the_header_are_all_known():
    header = (Path(undin.__file__).parent / "c" / "include" / "undin.h").read_text()
    names = set(re.findall(r"\bundin_(\w+)", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)))
    assert {name for name in names if not name.startswith("stream_")} == NAMES_OF_HEADER


def test_names_of_kernels_are_all_known():
    folder = Path(undin.__file__).parent / "c"
    text = "".join(path.read_text() for path in folder.rglob("*.[ch]") if path.parent.name in ("kernels", "stream"))
    names = set(re.findall(r"\bundin_(\w+)_(?:run|step|reset|process_hops)\b", text))
    assert {name for name in names if name not in NAMES_OF_HEADER} == NAMES_OF_KERNELS


@pytest.mark.parametrize(
    ("sample_rate", "name"),
    [(8000, "undin-small"), (31_999, "undin-small"), (32_000, "undin-small-48k"), (48_000, "undin-small-48k")],
)
def test_where_no_model_is_named_the_rate_chooses_it(sample_rate, name):
    assert undin.Stream(sample_rate).model.metadata.name == name
    samples = noise(sample_rate // 4)
    named = undin.enhance(samples, sample_rate=sample_rate, model=name)
    np.testing.assert_array_equal(undin.enhance(samples, sample_rate=sample_rate), named)
