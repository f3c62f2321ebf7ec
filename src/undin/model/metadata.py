"""What a model file says about itself: the fields that an ONNX file, a compiled model and a TFLite file all carry."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_type_hints

from undin.model.lineage import Ancestor, from_json
from undin.model.stft import Analysis
from undin.model.tflite import tflite_strings

FORMAT_VERSION = 2

NAMES_OF_HEADER = {"model", "stream", "levels", "error"}
"""Behind ``undin_`` these are names of undin.h."""
NAMES_OF_KERNELS = {"gru", "lstm", "rnn", "gru_reset_first", "int8_gru", "int8_lstm", "resampler", "high_band"}
"""With ``_step`` or ``_reset`` behind, these are names of the C beside it."""


def c_prefix(name: str) -> str:
    """What the names of a compiled model begin with: ``undin_tiny`` for ``undin-tiny``, ``undin_mine`` for ``mine``."""
    words = re.findall("[0-9A-Za-z]+", name)
    words = (words[1:] if words[:1] == ["undin"] else words) or ["unnamed"]
    name = "_".join(words)
    return f"undin_{name}_model" if name in NAMES_OF_HEADER | NAMES_OF_KERNELS else f"undin_{name}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a model file says about itself, each field a string of the same name in the file.

    `latency_samples` is the delay of the stream at the model's rate, for blocks of any size: the `window - 1` samples
    that a sample may wait for the last frame it is part of, and a hop for every frame that the network looks ahead.
    `hours_trained` is the audio that the weights were trained on, with that of the weights they started from;
    `lineage` tells those, as `ancestors` reads it. `recipe` is JSON. `commit` is that of the code that exported the
    file, or its version where it was installed.
    """

    format_version: int = FORMAT_VERSION
    name: str
    sample_rate: int
    n_fft: int
    window: int
    hop: int
    latency_samples: int
    state_size: int
    parameters: int
    macs_per_second: int
    recipe: str
    hours_trained: float
    lineage: str = "[]"
    training_data: str
    licence: str
    commit: str

    def __post_init__(self) -> None:
        if self.format_version != FORMAT_VERSION:
            raise ValueError(
                f"format_version is {self.format_version}, this undin reads {FORMAT_VERSION}: install a newer undin"
            )
        if self.sample_rate < 1 or self.state_size < 1:
            raise ValueError(f"sample_rate {self.sample_rate} and state_size {self.state_size} must be positive")
        Analysis(self.n_fft, self.window, self.hop)  # refuses sizes that cannot be reconstructed
        look_ahead_samples = self.latency_samples - (self.window - 1)
        if look_ahead_samples < 0 or look_ahead_samples % self.hop:
            raise ValueError(f"latency_samples {self.latency_samples} is not window - 1 plus whole hops of look-ahead")
        if not (self.hours_trained >= 0 and math.isfinite(self.hours_trained)):
            raise ValueError(f"hours_trained {self.hours_trained} must be finite and not below 0")
        from_json(self.lineage)  # refuses what is none

    @property
    def bins(self) -> int:
        """Frequency bins of a frame."""
        return self.n_fft // 2 + 1

    @property
    def ancestors(self) -> tuple[Ancestor, ...]:
        """The models that the training started from, the oldest first; none where it started from fresh weights."""
        return from_json(self.lineage)

    @classmethod
    def of_onnx_file(cls, path: Path) -> "Metadata":
        """Read the metadata of an ONNX file; no package that knows the format is needed.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is not a model that this version of undin understands.
        """
        return cls._of_file(path, onnx_strings)

    @classmethod
    def of_tflite_file(cls, path: Path) -> "Metadata":
        """Read the metadata of a TFLite file, likewise."""
        return cls._of_file(path, tflite_strings)

    @classmethod
    def _of_file(cls, path: Path, strings: Callable[[bytes], dict[str, str]]) -> "Metadata":
        try:
            return cls.from_strings(strings(path.read_bytes()))
        except ValueError as error:
            raise ValueError(f"{path} is not a model for this undin: {error}") from None

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> "Metadata":
        """Read the metadata as files hold them, those of format 1 too.

        Raises
        ------
        ValueError
            If a field is missing, unknown, not the number it should be, or contradicts another.
        """
        for text in (*strings, *strings.values()):
            if not isinstance(text, str):  # protobuf hands out bytes then
                raise ValueError(f"{text[:40]!r} in its metadata is not UTF-8")
        if strings.get("format_version") == "1":
            strings = _from_format_1(strings)
        fields = get_type_hints(cls)
        version = strings.get("format_version", "")
        if version.isdecimal() and int(version) > FORMAT_VERSION:  # before its new fields are called unknown
            raise ValueError(f"format_version is {version}, this undin reads {FORMAT_VERSION}: install a newer undin")
        if missing := [name for name in fields if name not in strings]:
            raise ValueError(f"metadata missing: {', '.join(missing)}; export the model with `undin export`")
        if unknown := sorted(set(strings) - set(fields)):
            raise ValueError(f"unknown metadata: {', '.join(unknown)}; export the model with `undin export`")
        values = {}
        for name, kind in fields.items():
            try:
                values[name] = kind(strings[name])
            except ValueError:
                number = "a whole number" if kind is int else "a number"
                raise ValueError(f"metadata {name} is {strings[name]!r}, which is not {number}") from None
        return cls(**values)

    def check_step(self, inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]) -> None:
        """Refuse a network step whose float tensors, shapes by name in their order, are not those that this is about.

        Raises
        ------
        ValueError
        """
        spec, state = [1, 1, self.bins, 2], [1, self.state_size]
        for kind, found, expected in (
            ("inputs", inputs, {"spec": spec, "state": state}),
            ("outputs", outputs, {"enhanced": spec, "next_state": state}),
        ):
            shapes = {name: list(shape) for name, shape in found.items()}
            if list(shapes.items()) != list(expected.items()):
                raise ValueError(f"its {kind} are {shapes}, its metadata need float tensors {expected}")

    def to_strings(self) -> dict[str, str]:
        """The metadata as an ONNX file holds them."""
        return {name: str(value) for name, value in dataclasses.asdict(self).items()}


def _from_format_1(strings: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file of format 1 as today's: its hours stood before its data, and its lineage nowhere."""
    hours, told, data = strings.get("training_data", "").partition(" h mixed of ")
    if not (told and hours.isdecimal()):
        raise ValueError(
            "it is of format_version 1 and does not tell its hours of training: export it again with `undin export`"
        )
    of_today = {"hours_trained": hours, "lineage": "[]", "training_data": data}
    return {**strings, **of_today, "format_version": str(FORMAT_VERSION)}


METADATA_PROPS, KEY, VALUE = 14, 1, 2
"""Numbers of fields in ONNX's ModelProto and StringStringEntryProto."""


def onnx_strings(model: bytes) -> dict[str, str]:
    """The custom metadata in the bytes of an ONNX file; ValueError if these are none."""
    strings = {}
    try:
        for entry in _fields(memoryview(model), METADATA_PROPS):
            key, value = (b"".join(_fields(entry, number)).decode() for number in (KEY, VALUE))
            strings[key] = value
    except (ValueError, IndexError):
        raise ValueError("it is not ONNX, or cut off") from None
    return strings


def _fields(message: memoryview, number: int) -> Iterator[memoryview]:
    """The contents of all fields of a number in a message of protocol buffers, which may be of any length each.

    A message is a series of tags and values; the lowest three bits of a tag tell how its value ends.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind, start = tag & 7, place
        if kind == 0:
            _, place = _varint(message, place)
        elif kind == 2:
            size, start = _varint(message, place)
            place = start + size
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("no such kind of value")
        if place > len(message):
            raise ValueError("a value beyond the end")
        if kind == 2 and tag >> 3 == number:
            yield message[start:place]


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, the lowest first; and the place behind it."""
    number = shift = 0
    while message[place] & 128:
        number |= (message[place] & 127) << shift
        place, shift = place + 1, shift + 7
    return number | message[place] << shift, place + 1
