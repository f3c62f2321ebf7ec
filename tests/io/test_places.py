"""Names of places, and files that come and go whole wherever they lie."""

import pytest

from undin.io import places
from undin.io.files import replacing

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/data/a/b.wav", "data/a/b.wav"),
        ("/data/../../etc/b.wav", "etc/b.wav"),
        ("s3://bucket/a/b.wav", "bucket/a/b.wav"),
        ("s3://bucket/../../b.wav", "b.wav"),
        ("https://host/a/b.wav?token=1", "host/a/b.wav"),
    ],
)
def test_no_name_leads_out_of_a_folder(place, name):
    assert places.below_root(place) == name


def test_a_remote_file_appears_whole_or_not_at_all(tmp_path):
    pytest.importorskip("fsspec")
    place = f"memory://{tmp_path.name}/deep/a.wav"
    with pytest.raises(RuntimeError), places.put(place) as path:
        path.write_bytes(b"half")
        raise RuntimeError
    assert not places.exists(place) and not path.exists()
    with places.put(place) as path, replacing(path) as partial:
        partial.write_bytes(b"whole")
    with places.fetched(place) as copy:
        assert copy.name == "a.wav" and copy.read_bytes() == b"whole"
    assert not copy.exists()
    assert places.find_audio(f"memory://{tmp_path.name}") == ([("deep/a.wav", 5)], [])
    places.remove(place)
    places.remove(place)
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name}/deep/a.wav: there is no such file"):
        places.read_bytes(place)


def test_what_is_wrong_names_the_place(tmp_path):
    pytest.importorskip("fsspec")
    with pytest.raises(OSError, match="nonsense://a"):
        places.exists("nonsense://a")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        places.find_audio(str(tmp_path / "nowhere"))
