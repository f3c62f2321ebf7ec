"""Sound of a desktop without one: PulseAudio or PipeWire as a user has them, each with its own folders.

There are no devices but a loudspeaker `out` and a microphone `mic`, which hears what is played to the sink `room`."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

RATE = 48_000
START_SECONDS = 120
"""Machines do other things too."""

PIPEWIRE_OBJECTS = """
context.properties = { default.clock.rate = 48000 default.clock.quantum = 480 default.clock.min-quantum = 480 }
context.objects = [
  { factory = adapter args = { factory.name = support.null-audio-sink node.name = room node.description = "A room"
    media.class = Audio/Sink audio.position = MONO object.linger = true monitor.channel-volumes = false } }
  { factory = adapter args = { factory.name = support.null-audio-sink node.name = out node.description = "Out, loud"
    media.class = Audio/Sink audio.position = MONO object.linger = true monitor.channel-volumes = false } }
]
context.modules = [ { name = libpipewire-module-loopback args = { node.description = "A microphone"
  capture.props = { node.name = ear target.object = room stream.capture.sink = true audio.position = [ MONO ]
    stream.dont-remix = true node.passive = true }
  playback.props = { node.name = mic media.class = Audio/Source audio.position = [ MONO ] priority.session = 900 } } } ]
"""
PULSE_MODULES = (
    "module-native-protocol-unix",
    *(f"module-null-sink sink_name={name} rate={RATE} channels=1" for name in ("room", "out")),
    "module-remap-source source_name=mic master=room.monitor source_properties=device.description='A_microphone'",
)


class Desktop:
    """A user's session with a sound server.

    Attributes
    ----------
    kind : {"pipewire", "pulseaudio"}
    home : Path
    environment : dict
        Of its programs.
    """

    def __init__(self, kind: str, home: Path):
        self.kind, self.home = kind, home
        self.runtime = home / "run"
        self.runtime.mkdir(mode=0o700, parents=True)
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "LANG", "LADSPA_PATH") if key in os.environ}
        self.environment = kept | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self._daemons: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start the sound server, and wait until it has all it shall have."""
        if self.kind == "pulseaudio":
            modules = [part for module in PULSE_MODULES for part in ("-L", module)]
            self._daemon("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *modules)
        else:
            config = self.home / ".config" / "pipewire" / "pipewire.conf.d"
            config.mkdir(parents=True, exist_ok=True)
            (config / "10-devices.conf").write_text(PIPEWIRE_OBJECTS)
            bus = self._daemon("dbus-daemon", "--session", "--nofork", "--print-address=1", stdout=subprocess.PIPE)
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
            self._daemon("pipewire")
            self.wait_until(lambda: (self.runtime / "pipewire-0").exists())
            self._daemon("wireplumber")
            self._daemon("pipewire-pulse")
        self.wait_until(lambda: "mic" in self.sources() and {"out", "room"} <= self.sinks())
        for kind, name in (("source", "mic"), ("sink", "out")):
            self.wait_until(lambda words=(f"set-default-{kind}", name): self._does("pactl", *words))

    def stop(self, *, kill: bool = False) -> None:
        """End the sound server."""
        for daemon in reversed(self._daemons):
            daemon.kill() if kill else daemon.terminate()
        for daemon in self._daemons:
            daemon.wait(20)
            if daemon.stdout:
                daemon.stdout.close()
        self._daemons = []
        if kill:  # what a daemon that crashed leaves behind
            with suppress(OSError):
                shutil.rmtree(self.runtime / "pulse")
            for socket in self.runtime.glob("pipewire-*"):  # which would pass for that of the next
                socket.unlink()

    def _daemon(self, *command: str, stdout: int | None = None) -> subprocess.Popen:
        log = (self.home / f"{command[0]}.log").open("a")
        self._daemons.append(
            subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log)
        )
        return self._daemons[-1]

    def call(self, *command: str | Path, seconds: float = 60, **options) -> str:
        """Run a program; returns what it says."""
        done = subprocess.run(
            [*map(str, command)], env=self.environment, capture_output=True, text=True, timeout=seconds, **options
        )
        assert not done.returncode, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _does(self, *command: str) -> bool:
        return not subprocess.run(command, env=self.environment, capture_output=True).returncode

    def undin(self, *arguments: str, seconds: float = 120, **options) -> subprocess.CompletedProcess:
        """Run the command undin."""
        return subprocess.run(
            [sys.executable, "-m", "undin", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            **options,
        )

    def spawn(self, *command: str | Path, **options) -> subprocess.Popen:
        """Start a program."""
        return subprocess.Popen(
            [*map(str, command)], env=self.environment, stdin=options.pop("stdin", subprocess.DEVNULL), **options
        )

    def sources(self) -> set[str]:
        """Names of all sources, as programs that record find them."""
        return self._names("sources")

    def sinks(self) -> set[str]:
        """Names of all sinks."""
        return self._names("sinks")

    def _names(self, kind: str) -> set[str]:
        done = subprocess.run(
            ["pactl", "-f", "json", "list", kind], env=self.environment, capture_output=True, text=True
        )
        try:
            return {one["name"] for one in json.loads(done.stdout)}
        except ValueError:
            return set()

    def wait_until(self, is_so, *, seconds: float = START_SECONDS) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, "waited in vain\n" + self.logs()
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in self.home.glob("*.log"))

    @contextmanager
    def recorded(self, source: str) -> Iterator[list[np.ndarray]]:
        """Record a source by parec as long as the ``with`` lasts; the list has (n,) float32 then."""
        path, result = self.home / "recorded.raw", []
        with path.open("wb") as file:
            command = (
                "parec",
                "-d",
                source,
                "--format=float32le",
                f"--rate={RATE}",
                "--channels=1",
                "--latency-msec=20",
            )
            process = self.spawn(*command, stdout=file)
            try:
                self.wait_until(lambda: path.stat().st_size > 0)
                yield result
            finally:
                process.terminate()
                process.wait(10)
        result.append(np.fromfile(path, np.float32))

    def play(self, samples: np.ndarray, sink: str = "room") -> None:
        """Play (n,) float32 by paplay until its end."""
        path = self.home / "played.raw"
        samples.astype(np.float32).tofile(path)
        self.call(
            *("paplay", "-d", sink, "--raw", "--format=float32le", f"--rate={RATE}", "--channels=1"),
            *("--latency-msec=100", path),
            seconds=60 + len(samples) / RATE,
        )

    def heard(self, source: str, samples: np.ndarray, wanted: np.ndarray, *, sink: str = "room") -> np.ndarray:
        """What a program records from `source` while `samples` are played; again, where a busy machine lost too much.

        Fails where after four times fewer than a quarter of the parts of `wanted` are in it. What is lost, and how long
        clocks take to agree again, is the machine's; what is enhanced in another way is like in no part.
        """
        for _ in range(4):
            with self.recorded(source) as recorded:
                time.sleep(1)
                self.play(samples, sink)
                time.sleep(0.5)
            found = likeness(recorded[0], wanted)
            if np.quantile(found, 0.75) > 0.99:
                return recorded[0]
        raise AssertionError(f"{found}")


@contextmanager
def desktop(kind: str, folder: Path) -> Iterator[Desktop]:
    """A session that runs as long as the ``with`` lasts."""
    one = Desktop(kind, folder)
    try:
        one.start()
        yield one
    finally:
        one.stop()


def likeness(heard: np.ndarray, wanted: np.ndarray, *, part: int = RATE // 2) -> list[float]:
    """How like parts of `wanted` are to what was heard, each at the place where it is most like it: 0 to 1.

    Clocks may have drifted between parts, so each is looked for by itself.

    Parameters
    ----------
    heard, wanted : ndarray, shape (n,), float32
    part : int
        Samples of a part. Parts that are silent are left out.
    """
    size = 1 << (len(heard) + part - 1).bit_length()
    spectrum = np.fft.rfft(heard, size)
    energy = np.concatenate(([0.0], np.cumsum(heard.astype(np.float64) ** 2)))
    found: Sequence[float] = []
    for start in range(0, len(wanted) - part, part):
        one = wanted[start : start + part].astype(np.float64)
        if np.mean(one**2) < 1e-6:
            continue
        products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(one, size)), size)[: len(heard) - part + 1]
        norms = np.sqrt(np.maximum(energy[part:] - energy[:-part], 1e-9) * np.sum(one**2))
        found.append(float(np.max(products / norms)))
    return found
