"""What one training run carries from step to step: the network, its average, the optimiser, and one step of them.

No files and no clock: when to step, save and validate is the business of ``loop.py``.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from undin.model.commit import commit_of_package
from undin.model.lineage import Provenance
from undin.nn.grow import grow
from undin.nn.networks.undin import Undin
from undin.nn.spectrum import Spectrum
from undin.nn.unfold import settle
from undin.train.checkpoint import Checkpoint, fitting
from undin.train.losses import Signals
from undin.train.muon import Muon
from undin.train.objective import Objective
from undin.train.processes import Processes
from undin.train.recipe import Recipe
from undin.train.trained import Trained


class TrainingState:
    """A network in training.

    Parameters
    ----------
    recipe : Recipe
    device : torch.device
    processes : Processes
        Gradients are averaged over them.

    Attributes
    ----------
    network, ema : StreamingNetwork
        As trained, and its exponential moving average, which is what is validated and exported.
    step : int
        Steps done.
    hours : float
        Audio that the weights were trained on, with that of the weights they started from.
    start : Provenance or None
        Of the weights that the run started from.
    """

    def __init__(self, recipe: Recipe, *, device: torch.device, processes: Processes):
        torch.manual_seed(recipe.training.seed)
        audio = recipe.audio
        self.recipe, self.device, self.processes = recipe, device, processes
        self.objective = Objective(recipe.loss)
        self.spectrum = Spectrum(audio.n_fft, audio.window, audio.hop).to(device)
        self.network = recipe.build_network().to(device)
        self.ema = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.teacher = None
        if recipe.teacher:
            teacher = Trained.load(recipe.teacher.model)
            self._check(teacher.provenance.recipe, sections=("audio",), whose="the teacher's")
            self.teacher = teacher.network.requires_grad_(False).to(device)
        self.optimisers = _optimisers(recipe, self.network)
        self._averages, self._averaged = _floats(self.ema), _floats(self.network)
        self.commit = commit_of_package()
        self.step, self.hours = 0, 0.0
        self.start: Provenance | None = None
        self.scores: dict[str, float] = {}
        self.best_score = float("-inf")

    def train_step(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Learn from one batch.

        Parameters
        ----------
        noisy, clean : Tensor, shape (B, N)
            Waveforms, full scale 1, this process's part of the batch.

        Returns
        -------
        Tensor
            On the device: the weighted sum of the losses, the norm of the gradient, then each loss by itself.
        """
        total, losses = self.forward(noisy, clean)
        total.backward()
        norm = self.update()
        return torch.cat((total.detach()[None], norm[None], losses.detach()))

    def forward(self, noisy: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of the losses and the losses ``(L,)`` by themselves, as means over the batch."""
        self.network.train()
        noisy_spec = self.spectrum.analyse(noisy)
        bfloat16 = self.recipe.training.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            estimate_spec = self.network.offline(noisy_spec)
        signals = Signals(self.spectrum, self.recipe.audio.sample_rate, clean, noisy, estimate_spec.float(), noisy_spec)
        losses = self.objective.each(signals)
        if self.teacher:
            taught = replace(signals, clean=self._taught(noisy_spec, samples=clean.shape[1]))
            losses = torch.lerp(losses, self.objective.each(taught), self.recipe.teacher.share)
        return self.objective.total(losses), losses

    def update(self) -> Tensor:
        """Turn the gradients into a step of the optimiser and the average; return the norm they had."""
        parameters = list(self.network.parameters())
        self.processes.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.recipe.training.clip_norm, foreach=True)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.learning_rate(self.step)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self._average_weights()
        self.step += 1
        self.hours += self.recipe.hours_per_step
        return norm

    def checkpoint(self) -> Checkpoint:
        """Collect all that `restore` needs."""
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return Checkpoint(
            recipe=self.recipe.to_table(),
            commit=self.commit,
            start=self.start.to_table() if self.start else None,
            step=self.step,
            hours=self.hours,
            scores=self.scores,
            best_score=self.best_score,
            network=self.network.state_dict(),
            ema=self.ema.state_dict(),
            optimisers=[optimiser.state_dict() for optimiser in self.optimisers],
            random=random,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was made, bit for bit.

        Raises
        ------
        ValueError
            The checkpoint holds another network or another analysis than the recipe, or states that fit none.
        """
        self._check(checkpoint.recipe, sections=("audio", "network"), whose="the checkpoint's")
        self.step, self.hours = checkpoint.step, checkpoint.hours
        self.start = Provenance.from_table(checkpoint.start) if checkpoint.start is not None else None
        self.scores, self.best_score = checkpoint.scores, checkpoint.best_score
        with fitting("the checkpoint's states are not those of the recipe's network and optimisers: take another one"):
            self.network.load_state_dict(checkpoint.network)
            self.ema.load_state_dict(checkpoint.ema)
            for optimiser, values in zip(self.optimisers, checkpoint.optimisers, strict=True):
                optimiser.load_state_dict(values)
            torch.set_rng_state(checkpoint.random["cpu"])
            if self.device.type == "cuda" and "cuda" in checkpoint.random:
                torch.cuda.set_rng_state(checkpoint.random["cuda"], self.device)

    def initialise(self, start: Trained) -> None:
        """Take trained weights and nothing else, also those of a smaller network of the kind; `settle` must follow.

        Raises
        ------
        ValueError
            They are of another analysis, or of a network as which the recipe's cannot start.
        """
        theirs = start.provenance.recipe
        same = self.recipe.to_table()["network"] == theirs["network"]
        grows = isinstance(self.network, Undin) and isinstance(start.network, Undin) and not same
        self._check(theirs, sections=("audio",) if grows else ("audio", "network"), whose="the start's")
        if grows:
            grow(start.network, self.network)
        else:
            self.network.load_state_dict(start.network.state_dict())
        self.start, self.hours = start.provenance, start.provenance.hours_trained

    def settle(self, noisy: Tensor) -> None:
        """Fit the norms of a network that was initialised to waveforms ``(B, N)`` as they come in training."""
        settle(self.network.eval(), self.spectrum.analyse(noisy))
        self.ema.load_state_dict(self.network.state_dict())

    def _check(self, theirs: dict[str, Any], *, sections: Sequence[str], whose: str) -> None:
        ours = self.recipe.to_table()
        for section in sections:
            if ours[section] != theirs.get(section):
                raise ValueError(f"{whose} [{section}] is {theirs.get(section)}, the recipe's is {ours[section]}")

    @torch.no_grad()
    def _taught(self, noisy_spec: Tensor, *, samples: int) -> Tensor:
        """Waveforms ``(B, samples)`` that the teacher makes of the noisy spectrum."""
        return self.spectrum.synthesise(self.teacher.offline(noisy_spec), samples=samples)

    @torch.no_grad()
    def _average_weights(self) -> None:
        # early on the average follows closely, so that it does not carry the random start along
        decay = min(self.recipe.training.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self._averages, self._averaged, 1 - decay)


def _floats(network: nn.Module) -> list[Tensor]:
    """Weights and running statistics of a network, sharing its memory."""
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]


def _optimisers(recipe: Recipe, network: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for matrices, Adam without weight decay for biases and norms."""
    options = recipe.optimiser
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [
        Muon(matrices, lr=options.learning_rate, momentum=options.momentum, weight_decay=options.weight_decay),
        torch.optim.Adam(vectors, lr=options.learning_rate, betas=options.betas, fused=True),
    ]
