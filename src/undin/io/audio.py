"""Audio files in and out: read any file in blocks, write the same kind of file in one piece or not at all.

Plain samples are read by `headers.py` and `pcm.py`, which believe the disk rather than the header; all else is decoded
by libsndfile (through soundfile). This file is what a careful tool needs on top: blocks of float32 in constant memory,
errors that name the file, and outputs that appear only when complete. It knows nothing of resampling (c/stream) or of
networks; `recording.py` shows it at work.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import IO

import numpy as np
import soundfile

from undin.io import chunks, lossy, media, mp3, ogg, pcm, tags, wav
from undin.io.chunks import Chunks
from undin.io.files import partial_of, replacing
from undin.io.formats import FORMAT_OF_SUFFIX, HEADERLESS_SUFFIXES, IN_PLACE_OF, AudioInfo, output_info
from undin.io.headers import Format, find_sound, is_ima4
from undin.io.pcm import BITS_OF_SUBTYPE, FLOAT_SUBTYPES, quantize
from undin.io.pipe import Pipe, Source, is_pipe, open_pipe

__all__ = [
    "BITS_OF_SUBTYPE",
    "BLOCK_SAMPLES",
    "FLOAT_SUBTYPES",
    "FORMAT_OF_SUFFIX",
    "AudioInfo",
    "Reader",
    "open_reader",
    "open_writer",
    "output_info",
    "quantize",
    "read",
    "read_blocks",
    "read_info",
]

BLOCK_SAMPLES = 16384
SMALL_CONTAINERS = {"AIFF", "AU", "NIST", "VOC", "SVX", "AVR", "IRCAM", "PVF", "PAF", "HTK"}
MAX_SMALL_BYTES = 2**32 - 2**16
COPY_BYTES = 2**20

MAGICS = {
    b"RIFF": "WAV",
    b"RIFX": "WAV",
    b"RF64": "RF64",
    b"BW64": "BW64",
    b"riff": "Wave64",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b".snd": "AU",
    b"dns.": "AU",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3": "MP3",
    b"NIST_1A": "NIST Sphere",
    b"Creative Voice File": "VOC",
}
"""How audio files begin that are known by that."""

# What libsndfile gives as the length of a stream that does not state it (FLAC written to a pipe).
UNKNOWN_LENGTH = 2**63 - 1


@dataclass
class Reader:
    """An open audio file.

    Attributes
    ----------
    info : AudioInfo
        What it is.
    notes : list of str
        What was odd about it, a clause each; more may come while it is read.
    beside : callable
        What stands beside its samples, a `tags.Beside`.
    blocks : callable, once
        Of the samples a channel of a block: an iterator over float32 arrays (n, channels).
    """

    info: AudioInfo
    blocks: Callable[[int], Iterator[np.ndarray]]
    notes: list[str] = field(default_factory=list)
    beside: Callable[[], tags.Beside] = tags.Beside


class _SequentialFile(soundfile.SoundFile):
    """A file that is read from start to end without seeking.

    soundfile seeks after every read of a seekable file. An MP3 decoder loses its bit reservoir by that, which damages
    the samples after every block border, and a FLAC of unknown length cannot be read at all.
    """

    def seekable(self) -> bool:
        return False


def read_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Return what the audio file at `path` says of itself; raise as `read_blocks` does."""
    with open_reader(path) as reader:
        return reader.info


def read_blocks(path: str | os.PathLike[str], *, block_samples: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
    """Decode an audio file block by block.

    Parameters
    ----------
    path : path
        Any file that libsndfile decodes: WAV, FLAC, OGG Vorbis, OGG Opus, MP3, AIFF and more.
    block_samples : int
        Samples a channel of each block; the last may be shorter.

    Yields
    ------
    ndarray (n, channels), float32
        Full scale is [-1, 1]; float and lossy files may exceed it, and float files may hold NaN or infinity.

    Raises
    ------
    OSError
        The file is missing or may not be read.
    ValueError
        It is not audio that libsndfile knows, or the decoder fails on damaged data part-way.
    """
    with open_reader(path) as reader:
        yield from reader.blocks(block_samples)


def read(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Decode a whole audio file: samples (N, channels) float32 and the sample rate in Hz; raise as `read_blocks`."""
    with open_reader(path) as reader:
        blocks = [np.zeros((0, reader.info.channels), np.float32), *reader.blocks(BLOCK_SAMPLES)]
        return np.concatenate(blocks), reader.info.sample_rate


@contextmanager
def open_reader(path: str | os.PathLike[str]) -> Iterator[Reader]:
    """Open an audio file, a named pipe or a device such as `/dev/stdin`; raise as `read_blocks` does.

    The file is open as long as the block of the `with`.
    """
    with ExitStack() as stack:
        if is_pipe(path):
            pipe = open_pipe(path)
            stack.callback(pipe.close)
            if not recognise(pipe):
                raise ValueError(f"{path}: not audio with a header; raw samples go through `undin enhance -`")
            yield open_pipe_reader(pipe, name=os.fspath(path), stack=stack)
            return
        file = stack.enter_context(open(path, "rb"))  # the operating system's own words where that cannot be
        yield _open_file(file, name=os.fspath(path), stack=stack)


def open_pipe_reader(pipe: Pipe, *, name: str, stack: ExitStack) -> Reader:
    """Read audio out of a pipe, at its start: plain WAV and AU as they arrive, what else there is to its end first.

    Parameters
    ----------
    pipe : Pipe
        Where `recognise` has found something.
    name : str
        What errors call it.
    stack : ExitStack
        Closes what is opened here.
    """
    parts, form = find_sound(pipe, size=None)
    if form is None or form.container not in ("WAV", "WAVEX", "RF64", "AU"):
        file = stack.enter_context(pipe.spool())
        return _open_file(file, name=name, path=file.name, stack=stack)
    pipe.release()
    return _plain_reader(pipe, name, parts, form)


def recognise(file: Source) -> str | None:
    """Return what kind of audio begins with this file, in words; None where it is none that is known."""
    head = file.read(12)
    file.seek(0)
    for magic, kind in MAGICS.items():
        if head.startswith(magic):
            return kind
    return "MP3" if _is_mp3(file) else None


def _is_mp3(file: Source) -> bool:
    """Whether a file is MP3: it begins with tags, or with a frame that others follow."""
    file.seek(0)
    head = file.read(3)
    is_frame = head[:1] == b"\xff" and (found := mp3.first_frame(file)) is not None and found[0] == 0
    file.seek(0)
    return head == b"ID3" or is_frame


def _open_file(file: IO[bytes], *, name: str, stack: ExitStack, path: str | None = None) -> Reader:
    """Read a regular file, which lies at `path` where its name is another."""
    size = os.fstat(file.fileno()).st_size
    if not size:
        raise ValueError(f"{name}: empty, it has not even a header")
    parts, form = find_sound(file, size=size)
    if form:
        return _plain_reader(file, name, parts, form)
    suffix = os.path.splitext(name)[1].lower()
    file.seek(0)
    if not parts and media.is_media(file.read(media.HEAD_BYTES), suffix):
        return _media_reader(path or name, name, stack)
    if not parts and suffix in HEADERLESS_SUFFIXES:  # which libsndfile would guess
        raise ValueError(f"{name}: headerless audio has no known rate; pipe it through `undin enhance -`")
    if parts and is_ima4(parts) and media.is_there():
        return _media_reader(path or name, name, stack, parts=parts)
    paths: list[str | int] = [path or name]
    notes: list[str] = []
    file.seek(0)
    magic = file.read(4)
    if parts and parts.unfinished:  # and compressed
        head = chunks.repaired_head(parts)
        paths = [stack.enter_context(_copy(file, parts.sound_offset, parts.sound_bytes, head=head)).name]
    elif magic == b"OggS" and len(links := ogg.links(file, size=size)) > 1:
        paths = [stack.enter_context(_copy(file, *link)).name for link in links]
    elif magic == b"fLaC" and (behind := mp3.tags_behind(file, front=4, size=size)):
        paths = [stack.enter_context(_copy(file, 0, behind[0][1])).name]  # which libsndfile takes for damage
        notes.append(f"{' and '.join(tag for tag, *_ in behind)} behind its sound, where FLAC has none, are left out")
    elif _is_mp3(file) and (offset := mp3.unstated(file, size=size)) is not None:
        paths = [_feed(path or name, offset)]
    if magic == b"OggS" and not ogg.is_ended(file, size=size):
        notes.append("ends without the mark of an end, so that it may be cut short")
    names = [f"{name}, recording {number} of {len(paths)}" for number in range(1, len(paths) + 1)]
    opened = zip(paths, names if len(paths) > 1 else [name], strict=True)
    sounds = [stack.enter_context(_open_sndfile(part, name=part_name)) for part, part_name in opened]
    reader = _sndfile_reader(sounds, file, name, parts)
    reader.notes.extend(notes)
    return reader


def _media_reader(path: str, name: str, stack: ExitStack, *, parts: Chunks | None = None) -> Reader:
    """Read what libsndfile cannot open, or decodes badly: then it is AIFF of these chunks."""
    if not media.is_there():
        raise ValueError(f'{name}: not damaged, but sound that libsndfile cannot open: pip install "undin[media]"')
    source = media.Source(path, stack=stack)
    if parts:
        info = replace(source.info, format="AIFF", subtype="IMA_ADPCM")
        return Reader(info, source.blocks, source.notes, lambda: tags.of_chunks(parts))
    return Reader(source.info, source.blocks, source.notes, lambda: tags.of_media(path, source.info, source.others))


def _copy(file: IO[bytes], offset: int, size: int, *, head: bytes = b"") -> IO[bytes]:
    """A part of a file, with another head, as a temporary file."""
    copy = tempfile.NamedTemporaryFile(prefix="undin-")
    copy.write(head)
    file.seek(offset)
    while size > 0 and (data := file.read(min(size, COPY_BYTES))):
        copy.write(data)
        size -= len(data)
    copy.flush()
    return copy


def _feed(path: str, offset: int) -> int:
    """The end of a pipe through which a file comes, from `offset` on."""
    reading, writing = os.pipe()

    def feed() -> None:
        with open(path, "rb") as file, open(writing, "wb") as pipe, suppress(BrokenPipeError):
            file.seek(offset)
            shutil.copyfileobj(file, pipe)

    threading.Thread(target=feed, daemon=True).start()
    return reading


def _open_sndfile(path: str | int, *, name: str) -> soundfile.SoundFile:
    try:
        return _SequentialFile(path if os.name == "nt" or isinstance(path, int) else os.fsencode(path))  # any bytes
    except soundfile.SoundFileError as error:
        # libsndfile's reason is left out: it tries one decoder after another and tells what the last one disliked.
        raise ValueError(f"{name}: not audio that libsndfile can read, or damaged at its start") from error


def _plain_reader(file: Source, name: str, parts: Chunks, form: Format) -> Reader:
    """Read plain samples, from `file` at their start on."""
    live = isinstance(file, Pipe)
    rate_bytes = form.block_bytes * form.sample_rate
    sound_bytes = parts.sound_bytes
    if sound_bytes is not None and form.most_samples and not parts.unfinished:
        sound_bytes = min(sound_bytes, form.most_samples * form.block_bytes)
    length_samples = None if sound_bytes is None else sound_bytes // form.block_bytes
    info = AudioInfo(form.sample_rate, form.channels, length_samples, form.container, form.subtype)
    notes = []
    if parts.unfinished:
        notes.append(f"its header was never finished: all {sound_bytes / rate_bytes:.1f} s on the disk were taken")
    elif not live and (parts.promised_bytes or 0) > sound_bytes:
        notes.append(_short(sound_bytes / rate_bytes, parts.promised_bytes / rate_bytes))

    def blocks(block_samples: int) -> Iterator[np.ndarray]:
        file.seek(parts.sound_offset) if not live else None
        rest, done = b"", 0
        while sound_bytes is None or done < sound_bytes:
            wanted = block_samples * form.block_bytes - len(rest)
            if sound_bytes is not None:
                wanted = min(wanted, sound_bytes - done)
            try:
                data = file.read1(wanted) if isinstance(file, Pipe) else file.read(wanted)
            except OSError as error:
                raise OSError(error.errno, error.strerror, name) from error
            if not data:
                break
            done += len(data)
            data = rest + data
            whole = len(data) // form.block_bytes * form.block_bytes
            rest = data[whole:]
            if whole:
                samples = pcm.decode(data[:whole], subtype=form.subtype, order=form.order)
                yield samples.reshape(-1, form.channels)
        if rest:
            notes.append(f"ended within a sample, its last {len(rest)} bytes are left out")
        if live and sound_bytes is not None and done < sound_bytes:
            notes.append(_short(done / rate_bytes, sound_bytes / rate_bytes))
        elif live and parts.stated_after_bytes:
            notes.append(f"{parts.stated_after_bytes} bytes behind its sound, such as tags, stayed in the pipe")

    return Reader(info, blocks, notes, lambda: tags.of_chunks(parts))


def _sndfile_reader(sounds: list[soundfile.SoundFile], file: IO[bytes], name: str, parts: Chunks | None) -> Reader:
    """Read one recording, or several that follow each other in one file, by libsndfile."""
    first = sounds[0]
    if any((sound.samplerate, sound.channels) != (first.samplerate, first.channels) for sound in sounds):
        raise ValueError(f"{name}: holds {len(sounds)} recordings that differ in rate or channels; split it first")
    lengths = [None if sound.frames == UNKNOWN_LENGTH else sound.frames for sound in sounds]
    length_samples = None if None in lengths else sum(lengths)
    # The last block of a codec of blocks is filled up; `fact` says what of it is sound.
    stated_samples = wav.stated_samples(parts) if parts and first.subtype in IN_PLACE_OF else None
    if stated_samples and length_samples:
        length_samples = min(length_samples, stated_samples)
    size = os.fstat(file.fileno()).st_size
    seconds = length_samples / first.samplerate if length_samples else None
    bit_rate = None if parts else lossy.read_bit_rate(file, first.subtype, size=size, seconds=seconds)
    info = AudioInfo(first.samplerate, first.channels, length_samples, first.format, first.subtype, bit_rate=bit_rate)
    notes = []
    if (first.format, first.subtype) == ("AIFF", "IMA_ADPCM"):
        notes.append(
            "libsndfile decodes this encoding with an error of -52 dBFS and an offset, and PyAV as it was meant: "
            'pip install "undin[media]"'
        )
    if parts and parts.unfinished:
        notes.append(
            f"its header was never finished: all {length_samples / first.samplerate:.1f} s on the disk were taken"
        )

    def blocks(block_samples: int) -> Iterator[np.ndarray]:
        done = 0
        for sound in sounds:
            while stated_samples is None or done < stated_samples:
                wanted = block_samples if stated_samples is None else min(block_samples, stated_samples - done)
                try:
                    block = sound.read(wanted, dtype="float32", always_2d=True)
                except soundfile.SoundFileError as error:
                    seconds, reason = done / info.sample_rate, _reason(error)
                    raise ValueError(f"{name}: damaged, decoding stops after {seconds:.1f} s ({reason})") from error
                if not len(block):
                    break
                done += len(block)
                yield block
        if done < (length_samples or 0):
            notes.append(_short(done / info.sample_rate, length_samples / info.sample_rate))

    def beside() -> tags.Beside:
        return tags.of_chunks(parts) if parts else tags.of_file(file, info.format, size=size)

    return Reader(info, blocks, notes, beside)


@contextmanager
def open_writer(
    path: str | os.PathLike[str], info: AudioInfo, *, beside: tags.Beside | None = None
) -> Iterator[Callable[[np.ndarray], None]]:
    """Write an audio file block by block; it appears at `path` when the block of the `with` ends without an error.

    Parameters
    ----------
    path : path
        Where the file goes; a file that is there already stays untouched until the new one is complete.
    info : AudioInfo
        Sample rate, channels, format and subtype. A WAV file whose length is not known, or beyond 4 GiB, has room for
        the sizes of RF64 and becomes that where it must.
    beside : tags.Beside, optional
        What else the file is to hold, of the same family of containers.

    Yields
    ------
    write : function of a block (n, channels) or (n,), float32
        Integer formats round to the nearest step and clip to full scale; float formats keep everything.

    Raises
    ------
    OSError
        The place cannot be written, or holds something else than a file, or the disk is full.
    ValueError
        libsndfile cannot encode such audio, for example Opus at 44.1 kHz.
    """
    _refuse_too_long(path, info)
    try:
        with replacing(path) as partial:
            try:
                if info.format in wav.CONTAINERS:
                    with open(partial, "w+b") as file:
                        writer = wav.writer(file, info, beside=beside)
                        yield writer.write
                        writer.close()
                elif beside and beside.family == info.format and beside.source:
                    with media.open_writer(partial, info, source=beside.source) as write:
                        yield write
                else:
                    partial.touch()  # for Python's error where a place is forbidden: libsndfile's says no reason
                    with _libsndfile_writer(partial, info) as write:
                        yield write
                    if beside and beside.family == tags.FAMILY_OF_FORMAT.get(info.format):
                        tags.put(partial, beside)
            except soundfile.SoundFileError as error:
                _raise_where_full(partial)
                raise ValueError(f"{path}: cannot be written ({_reason(error)})") from error
            if not partial.stat().st_size:
                raise ValueError(f"{path}: libsndfile cannot write {info.format} files without samples")
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(path), str(partial_of(path))):
            raise
        raise OSError(error.errno, f"cannot be written ({error.strerror})", str(path)) from error


@contextmanager
def open_sink(
    sink: IO[bytes], info: AudioInfo, *, beside: tags.Beside | None = None
) -> Iterator[Callable[[np.ndarray], None]]:
    """Write an audio file into a pipe, block by block: WAV as it comes, other formats when they are complete.

    Parameters
    ----------
    sink : binary file
    info, beside
        As in `open_writer`; a WAV header states the length where it is known.
    """
    if info.format in wav.CONTAINERS:
        writer = wav.writer(sink, info, beside=beside)

        def write(block: np.ndarray) -> None:
            writer.write(block)
            sink.flush()

        yield write
        writer.close()
        sink.flush()
        return
    with tempfile.TemporaryDirectory(prefix="undin-") as folder:
        place = os.path.join(folder, "sound")
        with open_writer(place, info, beside=beside) as write_all:
            yield write_all
        with open(place, "rb") as file:
            shutil.copyfileobj(file, sink)
        sink.flush()


@contextmanager
def _libsndfile_writer(path: os.PathLike[str], info: AudioInfo) -> Iterator[Callable[[np.ndarray], None]]:
    written = 0
    place = str(path) if os.name == "nt" else os.fsencode(path)
    options, gain = lossy.options(
        info.subtype, info.sample_rate, info.channels, bit_rate=info.bit_rate, quality=info.quality
    )
    encoding = (info.sample_rate, info.channels, info.subtype)
    with soundfile.SoundFile(place, "w", *encoding, format=info.format, **options) as sound:

        def write(block: np.ndarray) -> None:
            nonlocal written
            written += len(block)
            block = pcm.encodable(block, subtype=info.subtype)
            sound.write(block if gain == 1 else block * np.float32(gain))

        yield write
    if info.format == "AIFF" and pcm.SAMPLE_BYTES.get(info.subtype) == 1:
        with open(path, "r+b") as file:
            chunks.state_length(file, written, block_bytes=info.channels)


def _refuse_too_long(path: str | os.PathLike[str], info: AudioInfo) -> None:
    """Raise where sizes of 32 bits could not state a result: libsndfile writes such files without a word."""
    sample_bytes = pcm.SAMPLE_BYTES.get(info.subtype, 0)
    if info.format in SMALL_CONTAINERS and (info.length_samples or 0) * info.channels * sample_bytes > MAX_SMALL_BYTES:
        raise ValueError(
            f"{path}: {info.format} holds 4 GiB at most; name an output with the suffix .wav, .caf or .w64"
        )


def _raise_where_full(partial: os.PathLike[str]) -> None:
    """Raise the system's error for a file that libsndfile could not write: it tells only that there was one."""
    with open(partial, "ab") as file:
        file.write(bytes(COPY_BYTES))


def _short(found_seconds: float, promised_seconds: float) -> str:
    return f"ends after {found_seconds:.1f} s, but its header promises {promised_seconds:.1f} s"


def _reason(error: soundfile.SoundFileError) -> str:
    """libsndfile's words for what went wrong, without its prefixes and full stop."""
    text = getattr(error, "error_string", None) or str(error)
    return text.removeprefix("Error : ").rstrip(".")
