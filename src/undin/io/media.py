"""Sound that libsndfile cannot open (m4a, mp4, mov, webm, mkv, wma, amr …), alone or beside pictures, by PyAV.

The sound of a file is decoded, and put back into a copy of it: pictures, subtitles and further sounds go over as they
are, packet by packet, in step. Needs the extra `media`. PyAV never mixes channels or changes a rate here: frames are
turned into arrays and back by numpy, in the layout that they have.
"""

import errno
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from undin.io import pcm
from undin.io.formats import AudioInfo
from undin.io.lossy import mp3_gain

if TYPE_CHECKING:
    import av

SUFFIXES = {
    ".3gp", ".aac", ".ac3", ".amr", ".ape", ".asf", ".avi", ".awb", ".dts", ".eac3", ".f4v", ".flv", ".m2ts", ".m4a",
    ".m4b", ".m4r", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ra", ".rm",
    ".spx", ".ts", ".tta", ".vob", ".webm", ".wma", ".wmv", ".wv",
}  # fmt: skip
"""Suffixes of sound and video that libsndfile does not open."""

MAGICS = {
    (4, b"ftyp"), (0, b"\x1a\x45\xdf\xa3"), (0, b"\x30\x26\xb2\x75"), (0, b"#!AMR"), (0, b"FLV\1"), (8, b"AVI "),
    (28, b"\x7fFLAC"), (28, b"Speex   "),  # in Ogg
}  # fmt: skip
"""How such files begin: where, and with what."""
HEAD_BYTES = 36
"""As many as tell."""

ENCODERS = {
    "aac": "aac", "opus": "libopus", "mp3": "libmp3lame", "alac": "alac", "flac": "flac", "wmav1": "wmav2",
    "wmav2": "wmav2", "amrnb": "libopencore_amrnb", "amr_nb": "libopencore_amrnb", "ac3": "ac3", "eac3": "eac3",
    "mp2": "mp2", "vorbis": "libvorbis", "tta": "tta", "wavpack": "wavpack",
}  # fmt: skip
"""What encodes again what was decoded; FFmpeg's own encoder of Vorbis is an experiment, and no good one comes along."""

EDITED = {".m4a", ".m4b", ".m4r", ".m4v", ".mp4", ".mov", ".3gp", ".f4v"}
"""Containers that cut what an encoder adds in front by an edit list, in milliseconds unless told otherwise."""

APPLES = {".m4a", ".m4b"}

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""Loudspeakers, where a file only counts channels: encoders want them named."""

DELAYS = {"aac": 1024, "libmp3lame": 1105, "libopencore_amrnb": 40, "mp2": 481, "ac3": 256, "eac3": 256, "wmav2": -2048}
"""By how many samples sound comes later for being encoded and decoded, or by how many it begins too late, where the
container has no place to say so: as many are left out in front, or put there."""

SAYS_DELAY = {*EDITED, ".mkv", ".mka", ".webm"}

GUESS_SECONDS = 1.0
"""Headers that do not count samples are no further off than this, about."""

GAP_SECONDS = 0.025
"""Jumps in the times of frames from here on are silence that was left out; below it they are rounding."""

BITS = {"u8": 8, "s16": 16, "s32": 32}


BITS_A_CHANNEL = 16_000, 160_000
"""Bits a second of the smallest and the best quality."""

PLACE_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES}
"""What FFmpeg says of a place that cannot be written; its other numbers mean less than their words."""


def is_there() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def is_media(head: bytes, suffix: str) -> bool:
    """Whether a file that begins with `head` and has this suffix is one for PyAV."""
    return suffix in SUFFIXES or any(head[place:].startswith(magic) for place, magic in MAGICS)


class Source:
    """The sound of a file, decoded.

    Parameters
    ----------
    path : path
    stack : ExitStack
        Closes the file.

    Attributes
    ----------
    info : AudioInfo
        The format is the suffix in capitals, the subtype the name of the codec.
    others : list of str
        What else the file holds, in words.
    notes : list of str
        What is odd about it.

    Raises
    ------
    ValueError
        It cannot be opened, or has no sound.
    """

    def __init__(self, path: str | os.PathLike[str], *, stack: ExitStack):
        import av

        self.path = os.fspath(path)
        try:
            self._container = stack.enter_context(av.open(self.path, metadata_errors="replace"))
        except (av.FFmpegError, ValueError) as error:
            raise ValueError(f"{self.path}: not sound that FFmpeg can read, or damaged at its start") from error
        if not self._container.streams.audio:
            raise ValueError(f"{self.path}: has no sound")
        self._stream = self._container.streams.audio[0]
        context = self._stream.codec_context
        if not context.sample_rate or not context.channels:
            raise ValueError(f"{self.path}: says neither rate nor channels of its sound")
        # Other containers guess it from the bit rate, or count more than sound.
        exact = os.path.splitext(self.path)[1].lower() in EDITED and self._stream.duration is not None
        self._length = round(self._stream.duration * self._stream.time_base * context.sample_rate) if exact else None
        self._promised_seconds = float(self._container.duration or 0) / av.time_base
        self.info = AudioInfo(
            context.sample_rate, context.channels, self._length, format_of(self.path), context.codec.canonical_name
        )
        self.notes: list[str] = []
        if (more := len(self._container.streams.audio) - 1) > 0:
            self.notes.append(f"its first sound was enhanced, {more} more went over as they are")
        self.others = [str(stream.type) for stream in self._container.streams if stream.index != self._stream.index]
        self.others += ["tags"] if self._container.metadata else []

    def blocks(self, block_samples: int) -> Iterator[np.ndarray]:
        """Decode it: blocks (n, channels) float32 as the frames are, with silence where frames are missing."""
        import av

        rate, done = self.info.sample_rate, 0
        first: float | None = None
        try:
            for frame in self._container.decode(self._stream):
                block = _samples(frame)
                if frame.pts is not None:
                    place = float(frame.pts * frame.time_base) * rate
                    first = place if first is None else first
                    gap = round(place - first) - done
                    if gap > GAP_SECONDS * rate:
                        yield from _silence(gap, self.info.channels, block_samples)
                        done += gap
                if self._length is not None and done + len(block) > self._length:  # filled up to a whole frame
                    block = block[: max(0, self._length - done)]
                done += len(block)
                if len(block):
                    yield block
        except av.FFmpegError as error:
            seconds = done / rate
            raise ValueError(
                f"{self.path}: damaged, decoding stops after {seconds:.1f} s ({error.strerror})"
            ) from error
        promised = self._promised_seconds if self._length is None else self._length / rate
        if (first or 0) / rate + done / rate < promised - (GUESS_SECONDS if self._length is None else GAP_SECONDS):
            self.notes.append(f"ends after {done / rate:.1f} s, but its header promises {promised:.1f} s")


def format_of(path: str | os.PathLike[str]) -> str:
    """The name that the format of a file gets: its suffix in capitals."""
    return os.path.splitext(path)[1][1:].upper()


@contextmanager
def open_writer(
    path: str | os.PathLike[str], info: AudioInfo, *, source: str
) -> Iterator[Callable[[np.ndarray], None]]:
    """Write a copy of the file `source` with another sound, block by block.

    Raises
    ------
    ValueError
        There is no encoder for such sound, or the container cannot hold something.
    """
    import av

    with ExitStack() as stack:
        try:
            writer = _Writer(path, info, source=source, stack=stack)
            yield writer.write
            writer.close()
        except (av.FFmpegError, av.error.EncoderNotFoundError) as error:
            if error.errno in PLACE_ERRORS:
                raise OSError(error.errno, os.strerror(error.errno)) from error
            raise ValueError(f"cannot be written by FFmpeg ({error.strerror})") from error


class _Writer:
    def __init__(self, path: str | os.PathLike[str], info: AudioInfo, *, source: str, stack: ExitStack):
        import av

        name = ENCODERS.get(info.subtype, info.subtype)
        try:
            codec = av.Codec(name, "w")
        except av.codec.codec.UnknownCodecError as error:
            raise ValueError(
                f"FFmpeg has no good encoder of {info.subtype} here; name a .flac or .opus file with -o"
            ) from error
        self._source = stack.enter_context(av.open(source, metadata_errors="replace"))
        sound: Any = self._source.streams.audio[0]
        suffix = os.path.splitext(path)[1].lower()
        # An edit list in samples keeps the length exact.
        options = {"movie_timescale": str(info.sample_rate)} if suffix in EDITED else {}
        # FFmpeg would put no covers into a format "ipod", its name for these suffixes; the other one that it has can.
        form = "mp4" if suffix in APPLES else None
        options |= {"brand": "M4A "} if suffix in APPLES else {}
        self._output = stack.enter_context(av.open(os.fspath(path), "w", format=form, options=options))
        self._output.metadata.update(self._source.metadata)
        self._copies: dict[int, Any] = {}
        for stream in self._source.streams:
            if stream.index == sound.index:
                self._stream = self._add_sound(codec, name, info, sound)
                copy = self._stream
            else:
                copy = self._copies[stream.index] = self._output.add_stream_from_template(stream)
            copy.metadata.update(stream.metadata)
            with suppress(AttributeError):
                copy.disposition = stream.disposition
        with suppress(AttributeError):
            self._output.set_chapters(self._source.chapters())
        self._packets = self._other_packets()
        self._waiting = next(self._packets, None)
        self._rate = info.sample_rate
        self._layout = _layout(sound)
        self._pts = _first_place(source, self._rate)
        self._says_delay = suffix in SAYS_DELAY
        self._to_skip = 0 if self._says_delay else DELAYS.get(name, 0)
        # An encoder dates its first packet by its delay before its first sample; a container that cannot say so would
        # move all that is before 0, pictures too.
        self._pts += max(0, self._to_skip)
        self._samples, self._coded_samples = max(0, -self._to_skip), 0
        if self._to_skip < 0:
            self._encode(np.zeros((-self._to_skip, info.channels), np.float32))

    def _add_sound(self, codec: "av.Codec", name: str, info: AudioInfo, sound: Any) -> Any:
        stream: Any = self._output.add_stream(name, rate=info.sample_rate)
        formats = [sample_format.name for sample_format in codec.audio_formats or []] or ["s16"]
        wide = ("fltp", "flt") if name not in ("alac", "flac", "tta", "wavpack") else (sound.format.name,)
        self._format = next((text for text in (*wide, "fltp", "flt") if text in formats), formats[-1])
        stream.codec_context.format = self._format
        stream.codec_context.layout = _layout(sound)
        stream.codec_context.time_base = Fraction(1, info.sample_rate)
        if info.quality is not None:
            least, most = BITS_A_CHANNEL
            stream.codec_context.bit_rate = round(info.channels * (least + info.quality * (most - least)))
        elif bit_rate := sound.bit_rate or sound.codec_context.bit_rate or _bit_rate(self._source, sound):
            stream.codec_context.bit_rate = bit_rate
        is_lame, bits_per_s = name == "libmp3lame", stream.codec_context.bit_rate
        self._gain = np.float32(1 / mp3_gain(info.sample_rate, info.channels, bits_per_s) if is_lame else 1)
        return stream

    def write(self, block: np.ndarray) -> None:
        """Encode samples (n, channels), and copy what else belongs to their time."""
        self._samples += len(block)
        skipped = max(0, min(self._to_skip, len(block)))
        self._to_skip -= skipped
        if skipped < len(block):
            self._encode(block[skipped:])

    def _encode(self, block: np.ndarray) -> None:
        import av

        frame = av.AudioFrame.from_ndarray(
            _array(block * self._gain, self._format), format=self._format, layout=self._layout
        )
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._pts, Fraction(1, self._rate)
        self._pts += len(block)
        self._copy_until(self._pts / self._rate)
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what is left, and copy all else."""
        self._mux(self._stream.encode(None))
        self._copy_until(float("inf"))
        self._output.close()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            # What an encoder adds in the end is cut where a container says how long its sound is.
            if self._says_delay or self._coded_samples < self._samples:
                self._coded_samples += round((packet.duration or 0) * packet.time_base * self._rate)
                self._output.mux(packet)

    def _copy_until(self, seconds: float) -> None:
        while self._waiting is not None:
            packet = self._waiting
            if packet.dts is not None and float(packet.dts * packet.time_base) > seconds:
                return
            packet.stream = self._copies[packet.stream.index]
            self._output.mux(packet)
            self._waiting = next(self._packets, None)

    def _other_packets(self) -> Iterator[Any]:
        others = [stream for stream in self._source.streams if stream.index in self._copies]
        for packet in self._source.demux(others) if others else ():
            if packet.size:  # at the end comes an empty one for each stream
                yield packet


def _layout(stream: Any) -> str:
    layout = stream.codec_context.layout
    named = layout is not None and " " not in layout.name  # "2 channels" is no layout that encoders take
    return layout.name if named else LAYOUTS.get(stream.codec_context.channels, "stereo")


def _first_place(path: str, rate: int) -> int:
    """Where the sound of a file begins, samples: by its first frame, since what headers say of that may be wrong."""
    import av

    with av.open(path, metadata_errors="replace") as container:
        for frame in container.decode(container.streams.audio[0]):
            return 0 if frame.pts is None else round(frame.pts * frame.time_base * rate)
    return 0


def _bit_rate(container: Any, stream: Any) -> int | None:
    """Bits a second of a sound whose header does not say it: that of its first half minute."""
    size, seconds = 0, 0.0
    for packet in container.demux(stream):
        size += packet.size
        seconds += float((packet.duration or 0) * packet.time_base)
        if seconds > 30:
            break
    container.seek(0)
    return round(8 * size / seconds) if seconds else None


def _samples(frame: Any) -> np.ndarray:
    """The samples of a frame, (n, channels) float32."""
    array = frame.to_ndarray()
    name = frame.format.name
    array = array.T if name.endswith("p") else array.reshape(-1, len(frame.layout.channels))
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, np.float32)
    scale = np.float32(2.0 ** (1 - 8 * array.itemsize))
    return np.ascontiguousarray((array.astype(np.float32) - (128 if array.dtype == np.uint8 else 0)) * scale)


def _array(block: np.ndarray, name: str) -> np.ndarray:
    """Samples (n, channels) as PyAV takes them for a sample format: planar ones a row a channel, others in one row."""
    kind = name.removesuffix("p")
    if kind in BITS:
        block = pcm.quantize(block, bits=BITS[kind]).astype({"u8": np.int32, "s16": np.int16, "s32": np.int32}[kind])
        block = (block + 128).astype(np.uint8) if kind == "u8" else block
    elif kind == "dbl":
        block = block.astype(np.float64)
    return np.ascontiguousarray(block.T if name.endswith("p") else block.reshape(1, -1))


def _silence(samples: int, channels: int, block_samples: int) -> Iterator[np.ndarray]:
    for start in range(0, samples, block_samples):
        yield np.zeros((min(block_samples, samples - start), channels), np.float32)
