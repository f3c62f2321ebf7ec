"""Bring a sound file through a firmware that QEMU plays. Wants ``qemu-system-arm``, numpy and soundfile. Usage::

    python run_qemu.py build/undin-an500.elf noisy.wav denoised.wav [--presses 100/200]

The firmware reads and writes raw samples; here they get the latency of the model behind them and lose as much before,
so that the file that is written lies in time with the one that is read.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

BOARDS = {"an500": "mps2-an500", "an386": "mps2-an386", "an547": "mps3-an547"}
"""What QEMU calls them, by what is in the name of the firmware."""

SAMPLE_RATE_HZ, BLOCK = 16_000, 256
LATENCY = 511
"""Samples, of blocks of any length; all models of undin at this rate have it unless they look ahead."""


def main() -> int:
    """Read, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("firmware", type=Path)
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--presses", default="", help="blocks of 16 ms in which the button is pressed, as 100/200")
    args = parser.parse_args()
    samples, sample_rate = soundfile.read(args.input, dtype="int16", always_2d=True)
    if sample_rate != SAMPLE_RATE_HZ or samples.shape[1] != 1:
        print(f"{args.input}: the firmware hears one channel at 16 kHz, and this file is another", file=sys.stderr)
        return 1
    count = len(samples)
    padded = np.concatenate([samples[:, 0], np.zeros(LATENCY + BLOCK - (count + LATENCY) % BLOCK, np.int16)])
    try:
        output = run(args.firmware, padded, presses=args.presses)
    except subprocess.CalledProcessError as error:
        print(f"{args.firmware} has ended with status {error.returncode}, and nothing is written", file=sys.stderr)
        return 1
    soundfile.write(args.output, output[LATENCY : LATENCY + count], SAMPLE_RATE_HZ, subtype="PCM_16")
    return 0


def run(firmware: Path, samples: np.ndarray, *, presses: str = "") -> np.ndarray:
    """Bring whole blocks (N,) of int16 through a firmware that prints what it says; CalledProcessError if it fails."""
    machine = BOARDS[firmware.stem.split("-")[-1]]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in.s16").write_bytes(samples.astype("<i2").tobytes())
        words = ",".join(f"arg={word}" for word in ("undin", "in.s16", "out.s16", presses) if word)
        subprocess.run(
            [
                *("qemu-system-arm", "-M", machine, "-display", "none", "-monitor", "none", "-serial", "none"),
                *("-icount", "shift=5", "-semihosting-config", f"enable=on,target=native,{words}"),
                *("-kernel", firmware.resolve()),
            ],
            cwd=folder,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return np.frombuffer(Path(folder, "out.s16").read_bytes(), "<i2")


if __name__ == "__main__":
    sys.exit(main())
