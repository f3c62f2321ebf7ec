"""Telephone calls: µ-law or A-law at 8 kHz as RTP carries it, in packets of any length, of which some are lost.

    call = Call("mulaw")
    for packet in rtp:
        send(call.packet(packet.payload, timestamp=packet.timestamp))

The codes are those of ITU-T G.711, bit for bit; other encoders differ by a code here and there.
"""

from pathlib import Path

import numpy as np

from undin.agents.concealment import SAMPLE_RATE_HZ, Concealment
from undin.io import pcm
from undin.model.loading import DEFAULT, Model, load, load_once
from undin.stream import Stream

SUBTYPES = {"mulaw": "ULAW", "alaw": "ALAW"}
MOST_LOST = SAMPLE_RATE_HZ
"""Samples: a jump of timestamps by more is a pause, or another clock, and no loss."""
FLOOR_DB = 40.0
"""G.711 itself brings noise 38 dB under what it carries, and a line that falls far below that sounds dead."""


class Call:
    """One direction of a call.

    Parameters
    ----------
    law : {"mulaw", "alaw"}
        PCMU or PCMA of RTP.
    model : str, Path or Model
        Loaded once a process.
    atten_lim_db : float, optional
        The most that any sound is attenuated, dB; None is no limit.

    Attributes
    ----------
    latency_samples : int
        By how much the output comes after the input, samples at 8 kHz.
    lost_samples, late_packets : int
        That were made up; that came after their time, and were left out.

    Raises
    ------
    ValueError, OSError
        As `Stream` does, or there is no such law.
    """

    def __init__(self, law: str, *, model: str | Path | Model = DEFAULT, atten_lim_db: float | None = FLOOR_DB):
        if law not in SUBTYPES:
            raise ValueError(f"law must be one of {', '.join(SUBTYPES)}, got {law!r}")
        self._subtype = SUBTYPES[law]
        loaded = load_once(model) if isinstance(model, str) else load(model)
        self._stream = Stream(SAMPLE_RATE_HZ, model=loaded, atten_lim_db=atten_lim_db)
        self.latency_samples = self._stream.latency_samples
        self._concealment, self._due = Concealment(), None
        self.lost_samples = self.late_packets = 0

    @property
    def stream(self) -> Stream:
        """Its stream, of which limit and bypass may be set while the call goes on."""
        return self._stream

    def packet(self, payload: bytes, *, timestamp: int | None = None) -> bytes:
        """Denoise the next packet.

        Parameters
        ----------
        payload : bytes
            A byte a sample.
        timestamp : int, optional
            Of RTP, of 32 bits, which counts samples. Where it has jumped ahead by up to a second, packets were lost;
            where it lies behind, the packet is too late.

        Returns
        -------
        bytes
            As many as came, and before them as many as were lost; nothing for a packet that is too late.
        """
        missing = 0
        if timestamp is not None:
            ahead = (timestamp - self._due + 2**31) % 2**32 - 2**31 if self._due is not None else 0
            if -MOST_LOST <= ahead < 0:
                self.late_packets += 1
                return b""
            missing = ahead if ahead <= MOST_LOST else 0
            self._due = (timestamp + len(payload)) % 2**32
        elif self._due is not None:
            self._due = (self._due + len(payload)) % 2**32
        made_up = self._made_up(missing)
        heard = self._concealment.hear(pcm.decode(payload, subtype=self._subtype))
        return self._enhanced(np.concatenate((made_up, heard)))

    def lost(self, samples: int) -> bytes:
        """Make up for samples that were lost, 160 for a packet of 20 ms, and return as many bytes.

        Raises
        ------
        ValueError
            The number is negative.
        """
        if samples < 0:
            raise ValueError(f"samples that were lost must be 0 or more, got {samples}")
        if self._due is not None:
            self._due = (self._due + samples) % 2**32
        return self._enhanced(self._made_up(samples))

    def flush(self) -> bytes:
        """Return the last `latency_samples` of the call; another may follow."""
        self._concealment, self._due = Concealment(), None
        return pcm.encode(self._stream.flush(), subtype=self._subtype)

    def _made_up(self, samples: int) -> np.ndarray:
        self.lost_samples += samples
        return self._concealment.make_up(samples) if samples else np.zeros(0, np.float32)

    def _enhanced(self, samples: np.ndarray) -> bytes:
        return pcm.encode(self._stream.process(samples), subtype=self._subtype)
