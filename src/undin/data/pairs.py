"""Training on finished pairs: folders of noisy and clean files with the same names, as VoiceBank-DEMAND has them.

Same `batch` as `mixing.Mixer`, so the training loop does not know the difference; nothing is mixed or changed here.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undin.data import decoded
from undin.data.corpus import Corpus, decode_all, read_mono, to_int16
from undin.data.tape import Tape
from undin.data.weights import file_weights
from undin.io.folder import find_files
from undin.io.resample import resample


class PairedMixer:
    """Cuts segments out of pairs.

    Parameters
    ----------
    folders
        Each holds one folder whose name begins with `noisy` and one whose name begins with `clean`: `noisy/`, `clean/`
        as `undin data mix` writes them, or `noisy_trainset_28spk_wav/` and `clean_trainset_28spk_wav/`.
    sample_rate
        Hz; files of other rates are resampled.
    segment_samples
        N, the length of every segment. It reads on into the next pair where one ends.
    seed
        Another seed gives other segments.
    device
        Where the pairs are kept and cut.

    Raises
    ------
    ValueError
        When a folder has no such two folders, files have no partner, or nothing is usable.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        *,
        sample_rate: int,
        segment_samples: int,
        seed: int,
        device: torch.device | str = "cpu",
    ):
        self.seed = seed
        self.noisy, self.clean = (
            Tape(
                corpus.to(device),
                segment_samples=segment_samples,
                lead_samples=0,
                tail_samples=0,
                weights=file_weights(corpus, group_by_folder=True),
                min_active_share=0.0,  # pairs are taken as they are, noise alone included
            )
            for corpus in load_pairs(folders, sample_rate=sample_rate)
        )

    def batch(self, step: int, batch_size: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """The rows `part` of batch number `step`: noisy, clean, each (B, N), float32, [−1, 1]."""
        starts = self.clean.draw(np.random.default_rng([self.seed, step]), (batch_size,))[part]
        return self.noisy.read(starts), self.clean.read(starts)


def load_pairs(folders: Sequence[str | Path], *, sample_rate: int, workers: int | None = None) -> tuple[Corpus, Corpus]:
    """Decode all pairs: the noisy corpus and the clean one, file by file of equal length; `ValueError` as above."""
    clean_of = {noisy: clean for folder in folders for noisy, clean in _pairs(Path(folder))}

    def decode(noisy: Path) -> np.ndarray:
        both = [resample(*read_mono(path), sample_rate) for path in (noisy, clean_of[noisy])]
        if len(both[0]) != len(both[1]):
            raise ValueError(f"{noisy}: its length differs from that of {clean_of[noisy]}")
        return to_int16(np.stack(both), sample_rate, sample_rate=sample_rate)  # both turned down alike

    paths = sorted(clean_of)
    key = decoded.key_of([*paths, *(clean_of[path] for path in paths)], sample_rate)
    (noisy, clean), starts, lengths, names = decode_all(paths, decode, key=key, workers=workers)
    return Corpus(noisy, starts, lengths, names, sample_rate), Corpus(clean, starts, lengths, names, sample_rate)


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The noisy and clean files of one folder that belong together."""
    files = {}
    for role in ("noisy", "clean"):
        found = [path for path in folder.glob(f"{role}*") if path.is_dir()]
        if len(found) != 1:
            raise ValueError(f"{folder} has {len(found)} folders with names that begin with {role}; it must have one")
        files[role] = {path.relative_to(found[0]).with_suffix(""): path for path in find_files(found[0])}
    lonely = sorted(files["noisy"].keys() ^ files["clean"].keys())
    if lonely:
        raise ValueError(f"{folder}: {len(lonely)} files have no partner of the same name, such as {lonely[0]}")
    return [(noisy, files["clean"][name]) for name, noisy in files["noisy"].items()]
