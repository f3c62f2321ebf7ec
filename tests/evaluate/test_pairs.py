"""Which files belong together, and the sentences that refuse those that do not."""

import numpy as np
import pytest
import soundfile

from undin.evaluate.pairs import find_pairs, match

pytestmark = pytest.mark.quick


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
    with pytest.raises(ValueError, match=f"{folders[missing].name} lacks b, which has a partner"):
        find_pairs(*folders)
    pairs, odd = match(*folders)
    assert [pair.id for pair in pairs] == ["a"] and list(odd) == ["b", "c"]


def test_an_enhanced_folder_must_hold_the_pairs_that_are_scored(folders, tmp_path):
    write(tmp_path / "enhanced" / "a.wav")
    assert find_pairs(*folders, enhanced=tmp_path / "enhanced", limit=1)[0].enhanced.name == "a.wav"
    with pytest.raises(ValueError, match=r"enhanced lacks b"):
        find_pairs(*folders, enhanced=tmp_path / "enhanced")


DNS = ["clnsp1_train_69005_1_snr15_tl-21_fileid_{}.wav", "book_00123_chp_0007_reader_4_fileid_00{}.flac"]


@pytest.mark.parametrize("noisy", DNS)
def test_names_of_the_dns_challenge_find_their_pairs(tmp_path, noisy):
    for number in (1, 2, 10):
        write(tmp_path / "clean" / f"clean_fileid_{number}.wav")
        write(tmp_path / "noisy" / noisy.format(number))
        write(tmp_path / "enhanced" / noisy.format(number))
    pairs = find_pairs(tmp_path / "clean", tmp_path / "noisy", enhanced=tmp_path / "enhanced")
    assert [pair.id for pair in pairs] == ["fileid_1", "fileid_10", "fileid_2"]
    for pair in pairs:
        assert pair.clean.stem == f"clean_{pair.id}" and pair.noisy.name == pair.enhanced.name
        assert pair.noisy.name == noisy.format(pair.id.removeprefix("fileid_"))


def test_a_number_that_two_files_have_names_no_pair(tmp_path):
    for number in (1, 2):
        write(tmp_path / "clean" / f"clean_fileid_{number}.wav")
        write(tmp_path / "noisy" / f"a_fileid_{number}.wav")
    write(tmp_path / "noisy" / "b_fileid_2.wav")
    pairs, odd = match(tmp_path / "clean", tmp_path / "noisy")
    assert [pair.id for pair in pairs] == ["fileid_1"]
    assert "holds both a_fileid_2.wav and b_fileid_2.wav: keep one" in odd["fileid_2"]


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
    pairs, odd = match(*folders)
    assert [pair.id for pair in pairs] == ["a", "c"] and message in odd["b"]


def test_the_rate_is_that_of_most(folders, tmp_path):
    write(tmp_path / "clean" / "a.wav", rate_hz=48_000)
    pairs, odd = match(*folders)
    assert [pair.id for pair in pairs] == ["b", "c"]
    assert odd["a"].endswith("a.wav has 48000 Hz, but other files have 16000: resample it, or all (--resample)")


def test_files_of_all_rates_are_pairs_where_they_will_be_resampled(folders, tmp_path):
    write(tmp_path / "clean" / "a.wav", rate_hz=48_000, samples=4799)
    write(tmp_path / "clean" / "b.wav", rate_hz=8_000, samples=800)
    write(tmp_path / "clean" / "c.wav", rate_hz=48_000, samples=4700)
    pairs, odd = match(*folders, sample_rate=16_000)
    assert [(pair.id, pair.sample_rate, pair.samples) for pair in pairs] == [("a", 16_000, 1600), ("b", 16_000, 1600)]
    assert "has 1600 samples, but its clean partner" in odd["c"]


def test_none_that_can_be_scored_is_an_error_with_the_first_reason(folders):
    for name in "abc":
        write(folders[0] / f"{name}.wav", samples=0)
    with pytest.raises(ValueError, match=r"none of 3 pairs can be scored: .*a\.wav is empty"):
        match(*folders)


@pytest.mark.parametrize(("samples", "fits"), [(1600 + 8000, True), (1600 - 1000, True), (1600 + 8001, False)])
def test_lengths_may_differ_by_the_lag_that_is_looked_for(folders, samples, fits):
    write(folders[1] / "b.flac", samples=samples)
    assert ("b" in match(*folders, most_lag_s=0.5)[1]) != fits


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
