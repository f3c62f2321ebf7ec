"""Where hosts find plug-ins; and that of LADSPA as a host in Python holds it, for what no host does on purpose."""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_float, c_int, c_ulong, c_void_p
from pathlib import Path

import numpy as np

RATE = 48_000
CONTROLS = {"mono": ("limit", "bypass", "model"), "stereo": ("limit", "bypass", "model", "separate")}
"""Ports behind those for sound, the latency behind them."""


def environment(built: Path, scratch: Path) -> dict[str, str]:
    """Where hosts look for plug-ins."""
    return os.environ | {
        "LADSPA_PATH": str(built),
        "LV2_PATH": f"{built / 'lv2'}:/usr/lib/lv2",
        "GST_PLUGIN_PATH": str(built / "gstreamer"),
        "GST_REGISTRY": str(scratch / "registry"),
    }


class Hint(ctypes.Structure):
    """`LADSPA_PortRangeHint`."""

    _fields_ = (("descriptor", c_int), ("low", c_float), ("high", c_float))


class Descriptor(ctypes.Structure):
    """`LADSPA_Descriptor`."""


Descriptor._fields_ = (
    *(("id", c_ulong), ("label", c_char_p), ("properties", c_int), ("name", c_char_p), ("maker", c_char_p)),
    *(("copyright", c_char_p), ("ports", c_ulong), ("kinds", POINTER(c_int)), ("names", POINTER(c_char_p))),
    *(("hints", POINTER(Hint)), ("data", c_void_p)),
    ("instantiate", ctypes.CFUNCTYPE(c_void_p, POINTER(Descriptor), c_ulong)),
    ("connect", ctypes.CFUNCTYPE(None, c_void_p, c_ulong, c_void_p)),
    ("activate", ctypes.CFUNCTYPE(None, c_void_p)),
    ("run", ctypes.CFUNCTYPE(None, c_void_p, c_ulong)),
    *(("run_adding", c_void_p), ("set_gain", c_void_p), ("deactivate", c_void_p)),
    ("cleanup", ctypes.CFUNCTYPE(None, c_void_p)),
)


def descriptors(library: Path) -> dict[str, Descriptor]:
    """The plug-ins of a library by their labels."""
    find = ctypes.CDLL(str(library)).ladspa_descriptor
    find.restype, find.argtypes = POINTER(Descriptor), (c_ulong,)
    found = {}
    while pointer := find(len(found)):
        found[pointer.contents.label.decode()] = pointer.contents
    return found


class Instance:
    """A plug-in that was opened; `None` stands for one that refused.

    Parameters
    ----------
    descriptor : Descriptor
    rate : int
        Hz.
    """

    def __init__(self, descriptor: Descriptor, rate: int = RATE):
        self.descriptor = descriptor
        self.label = descriptor.label.decode()
        self.channels = 2 if self.label == "stereo" else 1
        self.handle = descriptor.instantiate(ctypes.byref(descriptor), rate)
        self.controls = {name: c_float(100.0 if name == "limit" else 0.0) for name in CONTROLS[self.label]}
        self._latency = c_float(-1.0)
        if self.handle:
            for port, value in enumerate((*self.controls.values(), self._latency), 2 * self.channels):
                descriptor.connect(self.handle, port, ctypes.addressof(value))
            descriptor.activate(self.handle)

    def set(self, **controls: float) -> None:
        """Turn controls."""
        for name, value in controls.items():
            self.controls[name].value = value

    @property
    def latency(self) -> int:
        """What it says of it, samples."""
        return round(self._latency.value)

    def activate(self) -> None:
        """Begin again."""
        self.descriptor.activate(self.handle)

    def process(self, samples: np.ndarray, sizes=(128,), *, place: str = "elsewhere") -> np.ndarray:
        """Run samples of the shape (n, channels) in blocks of these sizes, over and over.

        `place` is where the output goes: "elsewhere", "same" or "crossed", into the input of the other channel.
        """
        output, start, step = np.empty_like(samples), 0, 0
        while start < len(samples):
            block = np.array(samples[start : start + sizes[step % len(sizes)]].T, order="C")  # a copy, to be written to
            result = np.empty_like(block) if place == "elsewhere" else block
            order = range(self.channels)[::-1] if place == "crossed" else range(self.channels)
            for channel, other in enumerate(order):
                self.descriptor.connect(self.handle, channel, block[channel].ctypes.data)
                self.descriptor.connect(self.handle, self.channels + channel, result[other].ctypes.data)
            self.descriptor.run(self.handle, block.shape[1])
            output[start : start + block.shape[1]] = result[list(order)].T
            start, step = start + block.shape[1], step + 1
        return output

    def close(self) -> None:
        """Give it back."""
        self.descriptor.cleanup(self.handle)
