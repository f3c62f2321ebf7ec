"""Sound in m4a, mp4, mov, mkv, webm, wma and amr: enhanced and put back, pictures beside it untouched, all in step."""

import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support import step_models

from undin.cli import main
from undin.io import audio

pytestmark = pytest.mark.needs("av")
with suppress(ModuleNotFoundError):
    import av


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> str:
    """A model that halves all sound."""
    return str(step_models.gain(tmp_path_factory.mktemp("models") / "half.onnx", 0.5))


def chirps(length: int, rate: int, channels: int) -> np.ndarray:
    """Sound in which any shift shows, (length, channels) float32, another in each channel."""
    time = np.arange(length) / rate
    sound = [
        0.2 * np.sin(2 * np.pi * (300 + 100 * k + 250 * (time % 0.7)) * time) * (time % 0.7) for k in range(channels)
    ]
    return np.stack(sound, axis=1).astype(np.float32)


def make(
    path: Path, codec: str, rate: int, channels: int, *, length: int, video: str | None = None, options=None
) -> Path:
    """Write a file of chirps by PyAV, with a moving picture beside it where `video` names its codec."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    samples = chirps(length, rate, channels)
    with av.open(
        str(path), "w", options={"movie_timescale": str(rate)} if path.suffix in (".m4a", ".mp4", ".mov") else {}
    ) as file:
        file.metadata["title"] = "Interview"
        pictures = file.add_stream(video, rate=25, width=64, height=64, pix_fmt="yuv420p") if video else None
        sound = file.add_stream(codec, rate=rate)
        sound.metadata["language"] = "deu"
        kind = av.Codec(codec, "w").audio_formats[0].name
        sound.codec_context.format, sound.codec_context.layout = kind, layout
        if codec in ("aac", "libopus", "libmp3lame", "wmav2"):
            sound.codec_context.bit_rate = 64_000 * channels
        for start in range(0, length, rate):
            part = samples[start : start + rate]
            if kind.startswith("s16"):
                part = np.rint(part * 32767).astype(np.int16)
            elif kind.startswith("s32"):
                part = np.rint(part * 2.0**31).clip(-(2**31), 2**31 - 1).astype(np.int32)
            part = part.T if kind.endswith("p") else part.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=kind, layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            if pictures:
                for index in range(25 * start // rate, 25 * (start + rate) // rate):
                    picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index % 256, np.uint8), format="rgb24")
                    picture.pts, picture.time_base = index, Fraction(1, 25)
                    file.mux(pictures.encode(picture))
            file.mux(sound.encode(frame))
        if pictures:
            file.mux(pictures.encode(None))
        file.mux(sound.encode(None))
    return path


CASES = [
    ("a.m4a", "aac", 44_100, 2), ("a.m4a", "aac", 16_000, 1), ("a.m4a", "alac", 48_000, 2),
    ("a.mov", "aac", 48_000, 6), ("a.webm", "libopus", 48_000, 2), ("a.mka", "libopus", 48_000, 1),
    ("a.webm", "libopus", 16_000, 1), ("a.mkv", "aac", 48_000, 2), ("a.mkv", "flac", 16_000, 1),
    ("a.wma", "wmav2", 44_100, 2), ("a.amr", "libopencore_amrnb", 8_000, 1), ("a.mkv", "libmp3lame", 44_100, 2),
    ("a.avi", "libmp3lame", 44_100, 2), ("a.aac", "aac", 44_100, 2), ("a.ts", "aac", 48_000, 2),
    ("a.mp2", "mp2", 44_100, 2), ("a.ac3", "ac3", 48_000, 2), ("a.flv", "aac", 44_100, 1),
    ("a.oga", "flac", 48_000, 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "rate", "channels"), CASES)
def test_sound_is_put_back_in_step(tmp_path, half, name, codec, rate, channels):
    source = make(tmp_path / name, codec, rate, channels, length=3 * rate + 123)
    before, _ = audio.read(source)
    assert main(["enhance", str(source), "-o", str(tmp_path / f"b{source.suffix}"), "--model", half]) == 0
    after, after_rate = audio.read(tmp_path / f"b{source.suffix}")
    info, result = audio.read_info(source), audio.read_info(tmp_path / f"b{source.suffix}")
    assert (after_rate, after.shape[1], result.subtype) == (info.sample_rate, channels, info.subtype)
    frame = {"wmav2": 4096, "libopencore_amrnb": 320, "libmp3lame": 2400}.get(
        codec, 0
    )  # what has no exact length anywhere
    assert abs(len(after) - len(before)) <= frame
    for channel in range(min(channels, 3)):
        x, y = before[rate // 4 : -rate // 4, channel], after[rate // 4 : -rate // 4, channel]
        spectrum = np.fft.rfft(y, 2 * len(y)) * np.fft.rfft(x, 2 * len(x)).conj()
        assert np.argmax(np.fft.irfft(spectrum)) == 0  # no lag
        if codec != "libopencore_amrnb":  # which is for voices
            gain = (x @ y) / (x @ x)
            assert abs(gain - 0.5) < 0.02
            assert np.mean((y - gain * x) ** 2) < 0.02 * np.mean(y**2)


FILMS = [
    ("a.mp4", "aac", "mpeg4"), ("a.mkv", "aac", "mpeg4"), ("a.mov", "alac", "mpeg4"), ("a.mkv", "libopus", "mpeg4"),
    ("a.avi", "libmp3lame", "mpeg4"), ("a.flv", "aac", "flv1"), ("a.ts", "aac", "mpeg2video"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "video"), FILMS)
def test_pictures_and_tags_go_over_untouched(tmp_path, half, name, codec, video):
    source = make(tmp_path / name, codec, 48_000, 2, length=48_000 * 4, video=video)
    output = tmp_path / f"b{source.suffix}"
    assert main(["enhance", str(source), "-o", str(output), "--model", half]) == 0
    packets, languages = [], []
    for path in (source, output):
        with av.open(str(path)) as file:
            pictures = file.streams.video[0]
            packets.append([(bytes(p), float(p.pts * p.time_base)) for p in file.demux(pictures) if p.size])
            assert file.metadata.get("title") == (None if source.suffix == ".ts" else "Interview")
            languages.append(file.streams.audio[0].metadata.get("language"))
    assert languages[0] == languages[1] and (source.suffix not in (".mp4", ".mkv") or languages[0] == "deu")
    first, second = packets
    assert [content for content, _ in first] == [content for content, _ in second] and len(first) == 100
    with av.open(str(source)) as a, av.open(str(output)) as b:
        starts = [next(f.decode(audio=0)) for f in (a, b)]
        shift = np.array([time for _, time in second]) - [time for _, time in first]
        sound_shift = float(starts[1].pts * starts[1].time_base - starts[0].pts * starts[0].time_base)
    assert np.abs(shift - sound_shift).max() < 0.003  # pictures and sound moved alike, if at all
    assert len(audio.read(output)[0]) == len(audio.read(source)[0])


@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_covers_go_over_untouched(tmp_path, half, kind):
    plain = make(tmp_path / "plain.m4a", "aac", 44_100, 2, length=44_100)
    with av.open(str(tmp_path / "cover.mov"), "w") as file:
        pictures = file.add_stream(kind, width=64, height=48, pix_fmt="yuvj420p" if kind == "mjpeg" else "rgb24")
        image = av.VideoFrame.from_ndarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3), format="rgb24")
        file.mux(pictures.encode(image))
        file.mux(pictures.encode(None))
    source, output = tmp_path / "song.m4a", tmp_path / "out.m4a"
    with (
        av.open(str(plain)) as sound,
        av.open(str(tmp_path / "cover.mov")) as cover,
        av.open(str(source), "w", format="mp4") as file,
    ):
        copies = [file.add_stream_from_template(part.streams[0]) for part in (sound, cover)]
        copies[1].disposition = av.stream.Disposition.attached_pic
        for part, copy in zip((sound, cover), copies, strict=True):
            for packet in part.demux():
                if packet.size:
                    packet.stream = copy
                    file.mux(packet)
    assert main(["enhance", str(source), "-o", str(output), "--model", half]) == 0
    pictures = []
    for path in (source, output):
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            assert stream.disposition == av.stream.Disposition.attached_pic
            pictures.append([bytes(packet) for packet in file.demux(stream) if packet.size])
            assert file.metadata["major_brand"] == ("isom" if path == source else "M4A ")
    assert pictures[0] == pictures[1] and len(pictures[0]) == 1


def test_bit_rate_is_kept(tmp_path, half):
    for name, codec in (("a.m4a", "aac"), ("a.mka", "libopus")):
        source = make(tmp_path / name, codec, 48_000, 2, length=48_000 * 20)
        assert main(["enhance", str(source), "-o", str(tmp_path / f"b{source.suffix}"), "--model", half]) == 0
        ratio = (tmp_path / f"b{source.suffix}").stat().st_size / source.stat().st_size
        assert 0.7 < ratio < 1.4
        sizes = []
        for quality in ("0.1", "1"):
            arguments = ["-o", str(tmp_path / f"b{source.suffix}"), "--model", half, "--quality", quality]
            assert main(["enhance", str(source), *arguments]) == 0
            sizes.append((tmp_path / f"b{source.suffix}").stat().st_size)
        assert sizes[0] < sizes[1] / 2


def test_other_formats_and_folders(tmp_path, half, capsys):
    (tmp_path / "in").mkdir()
    source = make(tmp_path / "in" / "a.m4a", "aac", 16_000, 1, length=16_000)
    assert main(["enhance", str(source), "-o", str(tmp_path / "b.wav"), "--model", half]) == 0
    assert "does not take over what stands beside its sound: tags" in capsys.readouterr().err
    assert len(audio.read(tmp_path / "b.wav")[0]) == 16_000
    assert main(["enhance", str(tmp_path / "in"), "--model", half]) == 0
    assert (tmp_path / "in_enhanced" / "a.m4a").is_file()


@pytest.mark.parametrize("content", [b"\0\0\0\x20ftypM4A " + bytes(1000), b"", b"#!AMR\n" + b"\xff" * 100])
def test_damaged_files_are_named(tmp_path, half, capsys, content):
    (tmp_path / "a.m4a").write_bytes(content)
    assert main(["enhance", str(tmp_path / "a.m4a"), "--model", half]) == 1
    error = capsys.readouterr().err
    assert "a.m4a" in error and error.count("\n") == 1 and "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["a.m4a"]


def test_a_film_without_sound_is_refused(tmp_path, half, capsys):
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        pictures = file.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        file.mux(pictures.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(pictures.encode(None))
    assert main(["enhance", str(tmp_path / "a.mp4"), "--model", half]) == 1
    assert "has no sound" in capsys.readouterr().err


def test_without_pyav_the_extra_is_named(tmp_path):
    source = make(tmp_path / "a.m4a", "aac", 16_000, 1, length=16_000)
    code = (
        "import sys; sys.modules['av'] = None; from undin.io import media; media.is_there = lambda: False\n"
        "from undin.cli import main; sys.exit(main())"
    )
    run = subprocess.run([sys.executable, "-c", code, "enhance", source], capture_output=True, text=True)
    assert run.returncode == 1
    assert 'not damaged, but sound that libsndfile cannot open: pip install "undin[media]"' in run.stderr


def test_vorbis_beside_pictures_is_refused_with_the_cure(tmp_path, half, capsys):
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as file:
        sound = file.add_stream("vorbis", rate=48_000, options={"strict": "experimental"})
        sound.codec_context.layout, sound.codec_context.format = "stereo", "fltp"
        frame = av.AudioFrame.from_ndarray(chirps(48_000, 48_000, 2).T.copy(), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    assert main(["enhance", str(source), "--model", half]) == 1
    assert "FFmpeg has no good encoder of vorbis here; name a .flac or .opus file with -o" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
    assert main(["enhance", str(source), "-o", str(tmp_path / "b.flac"), "--model", half]) == 0
    assert len(audio.read(tmp_path / "b.flac")[0]) == len(audio.read(source)[0])


@pytest.mark.parametrize("channels", [1, 2])
def test_ima4_of_aiff_is_decoded_as_it_was_meant(tmp_path, half, channels):
    source = make(tmp_path / "a.aiff", "adpcm_ima_qt", 16_000, channels, length=16_000)
    sound = chirps(16_000, 16_000, channels)
    assert main(["enhance", str(source), "-o", str(tmp_path / "b.aiff"), "--model", half]) == 0
    after, _ = audio.read(tmp_path / "b.aiff")
    assert audio.read_info(tmp_path / "b.aiff").subtype == "PCM_16" and len(after) == 16_000
    assert np.abs(np.mean(after - 0.5 * sound, axis=0)).max() < 1e-4  # libsndfile would add an offset
    assert np.mean((after - 0.5 * sound) ** 2) < 1e-3 * np.mean(after**2)
