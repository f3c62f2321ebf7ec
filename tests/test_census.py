"""Nothing dead: what is defined in src/undin is used there, or by somebody beside tests.

An exception is a pattern of names, and the reason why nobody needs to be seen using them.
"""

import pytest
from support.census import unused_c, unused_python

pytestmark = pytest.mark.quick

PYTHON = {
    "undin.cli.*.HELP": "cli/__init__.py imports commands by name",
    "undin.cli.*.add_arguments": "as HELP",
    "undin.cli.*.run": "as HELP",
    "undin.agents.livekit.UndinFrameProcessor.*": "LiveKit calls its methods by name",
    "undin.agents.pipecat.UndinFilter.*": "Pipecat does",
    "undin.compiler.session.open_session": "who compiles a network calls it, as docs/compiler.md shows",
    "undin.compiler.recorded_session.*": "who has a session of ONNX Runtime does",
    "undin.client.*": "who has a server calls it",
    "undin.batch.work.Row.*": "the columns of a table, which are written by what they are called",
    "undin.serve.*Protocol.*": "asyncio and uvicorn do",
    "undin.serve.capacity._End.*": "asyncio does",
    "undin.serve.run._Workers.*": "uvicorn does",
}

C = {
    "undin_live.c: nobody * input_adc": "a member of what PortAudio hands over",
    "undin_live.c: nobody * output_dac": "another",
    "undin_live.c: undin_live_bytes": "live/path.py has a twin of the struct, which a test holds to it",
    "undin_*reference.h: *_reference": "what a kernel computes, to read, and to hold the fast one against",
    "undin_int8_recurrent.h: nobody writes ?_s*": "its values are listed in the order of its members",
    "undin_int8_recurrent.h: nobody writes of_?": "undin_pair_products does, which gets their addresses",
}


def test_every_name_of_python_is_used():
    assert unused_python(list(PYTHON)) == []


def test_every_name_of_c_is_used():
    assert unused_c(list(C)) == []


def test_every_exception_is_needed():
    """And the census finds what is unused."""
    for patterns, unused in ((PYTHON, unused_python), (C, unused_c)):
        for pattern in patterns:
            assert unused([other for other in patterns if other != pattern]) != [], pattern
