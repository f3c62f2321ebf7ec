"""What an installed undin must do on any machine: `python installed.py noisy.wav`. It needs nothing of this checkout.

The models come compiled, a file is enhanced by the command and lines up with the input, the noise before the speech is
softer, the page is there, and nothing was compiled or written but the file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

import undin

noisy, rate = soundfile.read(sys.argv[1], dtype="float32")
engines = {type(undin.load(name).engine).__name__ for name in undin.models()}
assert engines == {"NativeEngine"}, engines
with tempfile.TemporaryDirectory() as folder:
    place = Path(folder, "clean ☎.wav")
    subprocess.run([sys.executable, "-m", "undin", "enhance", sys.argv[1], "-o", place], check=True)
    enhanced, _ = soundfile.read(place, dtype="float32")
assert len(enhanced) == len(noisy)
before_speech = slice(rate // 2, rate)
assert np.std(enhanced[before_speech]) < 0.3 * np.std(noisy[before_speech])
np.testing.assert_allclose(undin.enhance(noisy, sample_rate=rate), enhanced, atol=1e-4)
assert (Path(undin.__file__).parent / "page" / "index.html").is_file()
print(f"undin {undin.__version__} works in Python {sys.version.split()[0]} on {sys.platform}")
