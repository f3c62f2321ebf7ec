"""The example of a peer of WebRTC calls itself over loopback."""

import asyncio
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("aiortc")
EXAMPLE = Path(__file__).parents[3] / "examples" / "webrtc.py"


def test_noise_comes_back_softer():
    assert asyncio.run(runpy.run_path(str(EXAMPLE))["call_itself"](1.5)) > 20
