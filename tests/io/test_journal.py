"""What is done is found again, whoever was killed in between, here and in object storage."""

import pytest

from undin.io import journal, places

pytestmark = pytest.mark.quick


@pytest.fixture(params=["path", "memory"])
def folder(request, tmp_path):
    if request.param == "path":
        return str(tmp_path / "journal")
    pytest.importorskip("fsspec")
    return f"memory://{tmp_path.name}/journal"


def open_journal(folder):
    return journal.Journal(folder, key=lambda entry: entry["id"], is_done=lambda entry: entry["good"])


def test_what_is_done_is_found_again(folder, monkeypatch):
    monkeypatch.setattr(journal, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(journal, "SAVE_SHARE", 0.0)
    first = open_journal(folder)
    first.add([{"id": "a", "good": True}, {"id": "b", "good": False}])
    first.add([{"id": "caf\udce9", "good": True}])
    assert open_journal(folder).done == first.done == {"a", "caf\udce9"}  # nobody said that it ends
    second = open_journal(folder)
    second.add([{"id": "b", "good": True}])
    assert [entry["id"] for entry in second.entries(order=lambda entry: entry["id"])] == ["a", "b", "caf\udce9"]
    assert all(entry["good"] for entry in second.entries(order=lambda entry: entry["id"]))
    assert len(places.matching(folder, "rows-*")) == 1


def test_few_segments_are_written(folder):
    one = open_journal(folder)
    for number in range(1000):
        one.add([{"id": number, "good": True}])
    assert len(places.matching(folder, "rows-*")) <= 1
    one.save()
    assert open_journal(folder).done == set(range(1000))
