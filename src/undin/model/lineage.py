"""Where weights come from: the models that a training started from, as a model file writes them down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SAYS_NOTHING = {
    *("name", "training.init"),
    *("training.log_every", "training.save_every", "training.validate_every", "validation.folder", "validation.count"),
    *("data.speech", "data.noise", "data.pairs", "data.rooms"),
}
"""Keys of a recipe that the lineage tells already, that change no weights, and the folders of a machine, of which
``data.description`` tells what is in them."""


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """A model whose weights a training started from.

    Attributes
    ----------
    name : str
        What the model was called.
    hours_trained : float
        Audio that its weights were trained on, in hours.
    commit : str
        Of the code that exported it, or trained it where it was a checkpoint; or "unknown".
    changes : dict of str to Any
        What its recipe had other than that of the model which started from it: dotted keys such as
        ``loss.stoi.weight`` and the values in the ancestor's recipe, None where it had no such key.
    """

    name: str
    hours_trained: float
    commit: str
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is known of where weights come from.

    Attributes
    ----------
    name : str
        Of the model, or of the recipe where they are no model yet.
    hours_trained : float
        Audio that they were trained on, with that of the weights they started from, in hours.
    commit : str
        Of the code that exported them, or trained them where they are a checkpoint; or "unknown".
    recipe : dict
        `Recipe.to_table` of their last training.
    ancestors : tuple of Ancestor
        The oldest first.
    """

    name: str
    hours_trained: float
    commit: str
    recipe: dict[str, Any]
    ancestors: tuple[Ancestor, ...] = ()

    def lineage_by(self, recipe: Mapping[str, Any]) -> tuple[Ancestor, ...]:
        """Return the ancestors of weights that start from these and are trained by a recipe."""
        differences = changes(recipe, since=self.recipe)
        this = Ancestor(name=self.name, hours_trained=self.hours_trained, commit=self.commit, changes=differences)
        return *self.ancestors, this

    def to_table(self) -> dict[str, Any]:
        """Return plain values, fit for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "Provenance":
        """Take back what `to_table` returned; ValueError where that is something else."""
        try:
            return cls(**{**table, "ancestors": tuple(Ancestor(**ancestor) for ancestor in table["ancestors"])})
        except (TypeError, KeyError):
            raise ValueError("where its weights come from is not told as undin tells it") from None


def to_json(ancestors: Sequence[Ancestor]) -> str:
    """Write ancestors, the oldest first, as metadata hold them."""
    return json.dumps([asdict(ancestor) for ancestor in ancestors])


def from_json(text: str) -> tuple[Ancestor, ...]:
    """Read what `to_json` wrote.

    Raises
    ------
    ValueError
        It is something else.
    """
    kinds: dict[str, Any] = {"name": str, "hours_trained": int | float, "commit": str, "changes": dict}
    try:
        entries = json.loads(text)
        if not isinstance(entries, list):
            raise ValueError
        for entry in entries:
            if entry.keys() != kinds.keys() or not all(isinstance(entry[name], kinds[name]) for name in kinds):
                raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValueError("lineage is not the list of ancestors that `undin export` writes") from None
    return tuple(Ancestor(**entry) for entry in entries)


def changes(recipe: Mapping[str, Any], *, since: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what an earlier recipe had other than a later one.

    Parameters
    ----------
    recipe, since : dict
        The later and the earlier recipe, as `Recipe.to_table` writes them.

    Returns
    -------
    dict
        As `Ancestor.changes`, without the keys of `SAYS_NOTHING`.
    """
    later, earlier = by_key(recipe), by_key(since)
    return {
        key: earlier.get(key)
        for key in sorted(later.keys() | earlier.keys())
        if earlier.get(key) != later.get(key) and key not in SAYS_NOTHING
    }


def by_key(table: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """Return the values of nested tables by dotted keys; items of a list of tables go by their names."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            value = {item["name"]: {inner: item[inner] for inner in item if inner != "name"} for item in value}
        if isinstance(value, Mapping):
            values |= by_key(value, prefix=f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values
