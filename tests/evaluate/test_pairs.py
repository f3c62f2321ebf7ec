"""Which files belong together, and the sentences that refuse those that do not."""

import numpy as np
import pytest
import soundfile

from undin.evaluate.pairs import find_pairs


def write(path, *, samples=1600, rate_hz=16_000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((samples, channels), 0.1), rate_hz)
    return path


@pytest.fixture
def folders(tmp_path):
    """Three pairs, the noisy ones in another format."""
    for name in ("b", "a", "c"):
        write(tmp_path / "clean" / f"{name}.wav")
        write(tmp_path / "noisy" / f"{name}.flac")
    return tmp_path / "clean", tmp_path / "noisy"


def test_pairs_come_in_order_of_name_whatever_the_format(folders):
    pairs = find_pairs(*folders)
    assert [(pair.id, pair.clean.name, pair.noisy.name) for pair in pairs] == [
        (name, f"{name}.wav", f"{name}.flac") for name in "abc"
    ]
    assert all(pair.seconds == 0.1 and pair.snr_db is None and pair.enhanced is None for pair in pairs)
    assert [pair.id for pair in find_pairs(*folders, limit=2)] == ["a", "b"]


def test_the_index_beside_the_clean_folder_gives_the_snr(folders, tmp_path):
    (tmp_path / "index.csv").write_text("id,noise,snr_db\na,x,-5\nb,x,2.5\nc,x,10\n")
    assert [pair.snr_db for pair in find_pairs(*folders)] == [-5, 2.5, 10]
    other = tmp_path / "other.csv"
    other.write_text("id,snr_db\na,0\nb,0\nc,0\n")
    assert {pair.snr_db for pair in find_pairs(*folders, index=other)} == {0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,level\na,1\n", "needs columns id and snr_db"),
        ("id,snr_db\na,loud\n", "needs columns id and snr_db"),
        ("id,snr_db\na,1\nb,1\n", "no row for c"),
    ],
)
def test_a_wrong_index_is_refused(folders, tmp_path, text, message):
    index = tmp_path / "index.csv"
    index.write_text(text)
    with pytest.raises(ValueError, match=rf"index\.csv.*{message}"):
        find_pairs(*folders)


def test_an_index_that_is_named_must_exist(folders, tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        find_pairs(*folders, index=tmp_path / "missing.csv")


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_partners_are_named(folders, missing):
    for path in folders[missing].glob("[bc].*"):
        path.unlink()
    with pytest.raises(ValueError, match=f"{folders[missing].name} lacks 2 files.*: b, c"):
        find_pairs(*folders)


def test_an_enhanced_folder_must_hold_the_pairs_that_are_scored(folders, tmp_path):
    write(tmp_path / "enhanced" / "a.wav")
    assert find_pairs(*folders, enhanced=tmp_path / "enhanced", limit=1)[0].enhanced.name == "a.wav"
    with pytest.raises(ValueError, match=r"enhanced lacks 2 files.*: b, c"):
        find_pairs(*folders, enhanced=tmp_path / "enhanced")


@pytest.mark.parametrize("place", ["clean", "noisy"])
@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"rate_hz": 48_000}, "Hz, but other files have"),
        ({"channels": 2}, "2 channels"),
        ({"samples": 1601}, "samples, but its clean"),
    ],
)
def test_a_file_unlike_the_others_is_named(folders, tmp_path, place, properties, message):
    suffix = "wav" if place == "clean" else "flac"
    write(tmp_path / place / f"b.{suffix}", **properties)
    with pytest.raises(ValueError, match=rf"b\.(wav|flac) has .*{message}"):
        find_pairs(*folders)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_all_files_may_have_a_higher_rate(tmp_path, rate_hz):
    for place in ("clean", "noisy"):
        write(tmp_path / place / "a.wav", rate_hz=rate_hz, samples=rate_hz)
    (pair,) = find_pairs(tmp_path / "clean", tmp_path / "noisy")
    assert (pair.sample_rate, pair.seconds) == (rate_hz, 1.0)


def test_enhanced_files_may_differ_by_a_hop(folders, tmp_path):
    for name, samples in (("a", 1600 - 256), ("b", 1600 + 256), ("c", 1600)):
        write(tmp_path / "enhanced" / f"{name}.wav", samples=samples)
    assert len(find_pairs(*folders, enhanced=tmp_path / "enhanced")) == 3
    write(tmp_path / "enhanced" / "c.wav", samples=1600 - 257)
    with pytest.raises(ValueError, match=r"enhanced.c\.wav has 1343 samples"):
        find_pairs(*folders, enhanced=tmp_path / "enhanced")


def test_folders_that_cannot_be_meant_are_refused(folders, tmp_path):
    clean, noisy = folders
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        find_pairs(clean, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no audio files"):
        find_pairs(tmp_path / "empty", noisy)
    write(clean / "a.flac")
    with pytest.raises(ValueError, match=r"holds both a\.flac and a\.wav"):
        find_pairs(clean, noisy)


def test_a_damaged_file_is_named(folders):
    (folders[1] / "b.flac").write_bytes(b"not audio")
    with pytest.raises(ValueError, match=r"b\.flac"):
        find_pairs(*folders)
