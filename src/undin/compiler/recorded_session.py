"""Inputs of a network, kept while it runs in ONNX Runtime: what `undin compile --int8` calibrates any network on."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undin.io.files import replacing

if TYPE_CHECKING:
    import onnxruntime

MAX_FRAMES = 10_000
"""Kept; a program that goes on for hours needs no more memory than for these, the first."""


class RecordedSession:
    """A session of ONNX Runtime that keeps what it is given.

    Put it in the place of the session, let the program run as it does, and save::

        session = RecordedSession(onnxruntime.InferenceSession("model.onnx"))
        ...  # session.run(None, {"x": frame, "h": state}), frame after frame
        session.save("frames.npz")

    All else is that of the session, ``get_inputs`` for example. States that the program carries from frame to frame are
    kept too; `undin compile` knows by them where a stream begins.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    max_frames : int
        Later ones are run, and not kept.
    """

    def __init__(self, session: "onnxruntime.InferenceSession", *, max_frames: int = MAX_FRAMES):
        self._session, self._max_frames = session, max_frames
        self._frames: list[dict[str, np.ndarray]] = []

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], *options: Any) -> list[np.ndarray]:
        """Run the session, and keep the inputs by name."""
        results = self._session.run(output_names, input_feed, *options)
        if len(self._frames) < self._max_frames:
            self._frames.append({name: np.array(value) for name, value in input_feed.items()})
        return results

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def save(self, path: str | Path) -> None:
        """Write an array for each input, (frames, …).

        Parameters
        ----------
        path : str or Path
            File, ``.npz`` as `numpy.savez` writes it; it appears complete or not at all.

        Raises
        ------
        ValueError
            Nothing has run yet, or inputs had another name or shape in one frame than in the first.
        OSError
            The file cannot be written.
        """
        if not self._frames:
            raise ValueError("nothing is recorded yet: run the session first")
        shapes = {name: array.shape for name, array in self._frames[0].items()}
        for index, frame in enumerate(self._frames):
            found = {name: array.shape for name, array in frame.items()}
            if found != shapes:
                raise ValueError(f"frame {index} has inputs {found}, and the first had {shapes}: record one kind")
        arrays = {name: np.stack([frame[name] for frame in self._frames]) for name in shapes}
        # As numpy.savez does, which takes no inputs of some names, such as `file`.
        with replacing(Path(path)) as partial, zipfile.ZipFile(partial, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
