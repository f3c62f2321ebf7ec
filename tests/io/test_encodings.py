"""Every encoding keeps the exact length, and every sample gets its code; else another encoding is written."""

import io

import numpy as np
import pytest
import soundfile
from support.audio_files import noise

from undin.cli import main
from undin.io import audio, media, pcm
from undin.io.formats import READ_ONLY

LOSSY = {"VORBIS", "OPUS", "MPEG_LAYER_III"}
ALL = [
    (container, subtype)
    for container in soundfile.available_formats()
    for subtype in soundfile.available_subtypes(container)
    if container not in READ_ONLY
]


def a_law(sample: int) -> int:
    """The code of a sample of 16 bits, by the segments of ITU-T G.711, table 1a: the top 12 bits count."""
    magnitude = (~sample if sample < 0 else sample) >> 4
    segment = max(0, magnitude.bit_length() - 5) + (magnitude >= 16)
    step = magnitude >> max(0, segment - 1) & 15
    return ((sample >= 0) << 7 | segment << 4 | step) ^ 0x55


def mu_law(sample: int) -> int:
    """The same by table 2a: the top 14 bits count, from -33 on."""
    magnitude = min(((~sample if sample < 0 else sample) >> 2) + 33, 8191)
    segment = magnitude.bit_length() - 6
    return ~((sample < 0) << 7 | segment << 4 | magnitude >> segment + 1 & 15) & 255


G711 = {
    name: np.array([law(sample) for sample in range(-32768, 32768)], np.uint8)
    for name, law in {"ALAW": a_law, "ULAW": mu_law}.items()
}


@pytest.mark.parametrize("subtype", G711)
def test_all_samples_of_16_bits_get_the_code_of_g711(subtype):
    samples = np.arange(-32768, 32768, dtype=np.float32) / 32768
    assert pcm.encode(samples, subtype=subtype) == G711[subtype].tobytes()
    meanings = np.arange(256, dtype=np.uint8).tobytes()
    again = pcm.encode(pcm.decode(meanings, subtype=subtype), subtype=subtype)
    zeros = {0x7F: 0xFF} if subtype == "ULAW" else {}  # it has two, which mean the same
    assert list(again) == [zeros.get(code, code) for code in range(256)]


@pytest.mark.parametrize(("container", "subtype"), ALL)
def test_noise_and_silence_in_every_encoding(tmp_path, container, subtype):
    source_info = audio.AudioInfo(8_000 if subtype == "OPUS" else 16_000, 1, None, container, subtype)
    info = audio.output_info("b.x", source="a.x", source_info=source_info)
    samples = noise(2_041)
    samples[700:1_400] = 0
    samples[:3, 0] = 1, -1, 1.5  # the ends of the scale, and beyond them
    with audio.open_writer(tmp_path / "x", info) as write:
        write(samples[:1000])
        write(samples[1000:])
    found, _ = audio.read(tmp_path / "x")
    if info.subtype in LOSSY:
        assert len(found) == 2_041
        return
    assert len(found) == 2_041
    if info.subtype in pcm.FLOAT_SUBTYPES:
        np.testing.assert_array_equal(found, samples)
    elif info.subtype in pcm.LAWS:
        codes = G711[info.subtype][pcm.quantize(samples, bits=16) + 32768]
        np.testing.assert_array_equal(found, pcm.decode(codes.tobytes(), subtype=info.subtype)[:, None])
    else:
        step = 2.0 ** (1 - pcm.BITS_OF_SUBTYPE[info.subtype])
        assert np.abs(found - np.clip(samples, -1, 1 - step)).max() <= step / 2 + 2**-25
        assert not found[700:1_400].any()


@pytest.mark.parametrize("subtype", ["ALAW", "ULAW"])
@pytest.mark.parametrize("container", ["WAV", "AIFF", "CAF", "AU", "W64", "NIST"])
def test_every_code_of_the_laws_survives(tmp_path, container, subtype):
    codes = np.arange(256, dtype=np.uint8).tobytes()
    decoded, _ = soundfile.read(
        io.BytesIO(codes), dtype="float32", format="RAW", subtype=subtype, samplerate=8000, channels=1
    )
    np.testing.assert_array_equal(pcm.decode(codes, subtype=subtype), decoded)
    with audio.open_writer(tmp_path / "x", audio.AudioInfo(8_000, 1, 256, container, subtype)) as write:
        write(decoded)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "x", dtype="float32")[0], decoded)


@pytest.mark.parametrize("length", [1, 505, 2_041, 8_000])
@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [(suffix, name) for suffix in ("wav", "w64") for name in ("IMA_ADPCM", "MS_ADPCM", "GSM610")]
    + [("wav", "G721_32"), ("wav", "NMS_ADPCM_16"), ("au", "G723_40"), ("aiff", "GSM610")],
)
def test_encodings_in_blocks_become_16_bits_of_the_same_length(tmp_path, capsys, suffix, subtype, length):
    source = tmp_path / f"a.{suffix}"
    soundfile.write(source, noise(length), 8_000, subtype=subtype)
    assert main(["enhance", str(source), "--atten-lim-db", "0"]) == 0
    assert f"{subtype} cannot be written exactly, so its output is PCM_16" in capsys.readouterr().err
    result = soundfile.info(tmp_path / f"a_enhanced.{suffix}")
    assert result.subtype == "PCM_16"
    expected, _ = soundfile.read(source, dtype="float32", always_2d=True)
    found, _ = audio.read(tmp_path / f"a_enhanced.{suffix}")
    assert len(found) <= len(expected)  # which libsndfile fills up to whole blocks
    if suffix == "wav" and subtype in ("GSM610", "MS_ADPCM", "G721_32"):
        assert len(found) == length  # as the chunk `fact` says
    np.testing.assert_array_equal(found, expected[: len(found)])


@pytest.mark.parametrize(("subtype", "rate"), [("VORBIS", 16_000), ("OPUS", 48_000)])
@pytest.mark.parametrize("same", [True, False])
def test_recordings_that_follow_each_other_in_ogg(tmp_path, subtype, rate, same):
    parts = []
    for index in range(3):
        if not index or not same:
            soundfile.write(tmp_path / "part.ogg", noise(48_000 + index * 100), rate, subtype=subtype)
        parts.append((tmp_path / "part.ogg").read_bytes())
    (tmp_path / "a.ogg").write_bytes(b"".join(parts))
    expected = np.concatenate([soundfile.read(io.BytesIO(part), dtype="float32", always_2d=True)[0] for part in parts])
    with audio.open_reader(tmp_path / "a.ogg") as reader:
        assert reader.info.length_samples == len(expected) and not reader.notes
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(1000))), expected)
    assert main(["enhance", str(tmp_path / "a.ogg")]) == 0
    assert soundfile.info(tmp_path / "a_enhanced.ogg").frames == len(expected)


def test_recordings_of_different_rates_in_one_ogg_are_refused(tmp_path):
    parts = []
    for rate in (16_000, 44_100):
        soundfile.write(tmp_path / "part.ogg", noise(5_000), rate)
        parts.append((tmp_path / "part.ogg").read_bytes())
    (tmp_path / "a.ogg").write_bytes(b"".join(parts))
    with pytest.raises(ValueError, match="holds 2 recordings that differ in rate or channels; split it first"):
        audio.read(tmp_path / "a.ogg")


def test_ogg_within_sound_is_no_second_recording(tmp_path):
    soundfile.write(tmp_path / "a.ogg", noise(48_000), 16_000)
    content = (tmp_path / "a.ogg").read_bytes()
    assert len(audio.read(tmp_path / "a.ogg")[0]) == 48_000
    (tmp_path / "a.ogg").write_bytes(content + b"OggS\0\2" + bytes(100))  # looks like a page, and is none
    assert len(audio.read(tmp_path / "a.ogg")[0]) == 48_000


def test_ima4_in_aiff_comes_with_a_warning_without_pyav(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(media, "is_there", lambda: False)
    soundfile.write(tmp_path / "a.aiff", noise(6_400), 16_000, subtype="IMA_ADPCM")
    assert main(["enhance", str(tmp_path / "a.aiff")]) == 0
    assert "error of -52 dBFS" in capsys.readouterr().err


def test_mp3_within_wav_is_read_and_becomes_pcm(tmp_path, capsys):
    soundfile.write(tmp_path / "a.mp3", noise(30_000), 16_000)
    frames = (tmp_path / "a.mp3").read_bytes()
    fmt = bytes.fromhex("55000100803e0000d00700000100000000000c0001000200000090000100")[:30]
    body = b"WAVEfmt " + len(fmt).to_bytes(4, "little") + fmt
    body += b"data" + len(frames).to_bytes(4, "little") + frames + bytes(len(frames) % 2)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    expected, _ = audio.read(tmp_path / "a.wav")
    assert 30_000 <= len(expected) < 33_000
    assert main(["enhance", str(tmp_path / "a.wav"), "--atten-lim-db", "0"]) == 0
    assert "so its output is PCM_16" in capsys.readouterr().err
    np.testing.assert_allclose(audio.read(tmp_path / "a_enhanced.wav")[0], expected, atol=2**-15)
