"""What a TFLite file says about itself is read without LiteRT, and what does not fit is refused in a sentence."""

import json
import sys

import flatbuffers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import step_models

from undin.engines.engine import NotInstalled
from undin.model.loading import load, read_metadata
from undin.model.tflite import BUFFER, BUFFERS, DATA, ENTRY, IDENTIFIER, METADATA, NAME, tflite_strings


def tflite(entries: dict[bytes, bytes]) -> bytes:
    """A TFLite file without a network, of named metadata."""
    builder = flatbuffers.Builder(0)

    def table(offsets: dict[int, int], numbers: dict[int, int] | None = None) -> int:
        builder.StartObject(8)
        for field, place in offsets.items():
            builder.PrependUOffsetTRelativeSlot(field, place, 0)
        for field, number in (numbers or {}).items():
            builder.PrependUint32Slot(field, number, 0)
        return builder.EndObject()

    def tables(places: list[int]) -> int:
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return builder.EndVector()

    buffers = [table({}), *(table({DATA: builder.CreateByteVector(value)}) for value in entries.values())]
    named = [table({NAME: builder.CreateString(name)}, {BUFFER: number}) for number, name in enumerate(entries, 1)]
    builder.Finish(table({BUFFERS: tables(buffers), METADATA: tables(named)}), IDENTIFIER)
    return bytes(builder.Output())


def of_undin(strings: dict[str, str]) -> bytes:
    return tflite({b"min_runtime_version": b"1.5.0", ENTRY: json.dumps(strings).encode(), b"other": b"more"})


@given(st.dictionaries(st.text(), st.text()))
def test_strings_are_read_as_they_were_written(strings):
    assert tflite_strings(of_undin(strings)) == strings


def test_a_file_of_others_says_nothing():
    assert tflite_strings(tflite({b"min_runtime_version": b"1.5.0"})) == {}
    assert tflite_strings(tflite({})) == {}


@given(st.binary(), st.integers(0, 400), st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_damaged_files_raise_nothing_but_value_errors(noise, cut, place, other):
    whole = of_undin({"name": "x" * 100})
    changed = whole[:place] + other + whole[place + len(other) :]
    for data in (noise, noise[:4] + IDENTIFIER + noise[4:], whole[:cut], changed):
        try:
            tflite_strings(data)
        except ValueError:
            pass


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"name": 3}', b"\xff", b"[" * 100_000])
def test_metadata_that_are_no_strings_are_refused(text):
    with pytest.raises(ValueError, match="its metadata are not JSON that tells strings by their names"):
        tflite_strings(tflite({ENTRY: text}))


def test_a_file_tells_what_it_is_without_litert(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(of_undin(step_models.metadata(name="mine").to_strings()))
    assert read_metadata(path) == step_models.metadata(name="mine")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no model", "it is not TFLite, or cut off"),
        (b"", "it is not TFLite, or cut off"),
        (tflite({}), "metadata missing: .*export the model with `undin export`"),
        (of_undin(step_models.metadata(name="mine").to_strings() | {"hop": "wide"}), "metadata hop is 'wide'"),
    ],
)
def test_what_is_no_model_of_undin_is_refused(tmp_path, content, reason):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"model\.tflite is not a model for this undin: {reason}"):
        load(path)


@pytest.mark.parametrize("engine", ["compiled", "onnxruntime"])
def test_nothing_but_litert_runs_it(tmp_path, engine):
    path = tmp_path / "model.tflite"
    path.write_bytes(of_undin(step_models.metadata(name="mine").to_strings()))
    with pytest.raises(ValueError, match=r"model\.tflite is TFLite, which LiteRT runs and nothing else"):
        load(path, engine=engine)


def test_where_litert_is_missing_its_package_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(of_undin(step_models.metadata(name="mine").to_strings()))
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(NotInstalled, match="pip install ai-edge-litert"):
        load(path)
