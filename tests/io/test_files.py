"""Files appear complete or not at all, and what a killed process left beside them goes at the next run."""

import os
import subprocess
import sys

import pytest
from support.audio_files import files_below

from undin.io.files import partial_of, replacing


def test_what_a_killed_process_left_goes(tmp_path):
    code = "import os, sys; from undin.io.files import replacing\n"
    code += "with replacing(sys.argv[1]) as partial: partial.touch(); os.abort()"
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.wav"], stderr=subprocess.DEVNULL)
    (left,) = files_below(tmp_path)
    own = partial_of(tmp_path / "c.wav")
    own.touch()
    (tmp_path / ".partial.notes.txt").touch()
    with replacing(tmp_path / "b.wav") as partial:
        partial.touch()
    assert left not in files_below(tmp_path)
    assert files_below(tmp_path) == sorted([".partial.notes.txt", own.name, "b.wav"])


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "before" and files_below(tmp_path) == ["a.txt"]
    with pytest.raises(OSError, match="not a regular file"), replacing(os.devnull):
        pass
