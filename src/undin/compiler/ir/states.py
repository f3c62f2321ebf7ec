"""Which output of a run is which input of the next: the state of a streaming network, as its file names it.

Files say nothing of it, so it is found: by names that differ only in words such as *in* and *out*, *old* and *new*, and
where no names match by shapes. The first input and the first output are the signal, in every streaming network that
we know.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from undin.compiler.ir.graph import Value

DIRECTIONS = set(
    """
    in input inputs out output outputs new next old n prev previous past present cur current last init initial updated
    """.split()
)
"""Words by which the names of the two differ."""

STATES = set("state states cache hidden h c hx cx cell memory mem buffer buf context ctx history hist".split())
"""Words that a signal is not called by."""

CELLS = {"hn": "h", "cn": "c"}
"""What torch calls the states that a cell leaves."""


def find_states(inputs: Sequence[Value], outputs: Sequence[Value]) -> dict[str, str]:
    """Pairs of a graph's outputs and inputs, by name from output to input, in the order of the inputs."""
    handed_out = {value.name for value in inputs} & {value.name for value in outputs}  # as they came: no state
    inputs, outputs = ([v for v in values if v.name not in handed_out] for values in (inputs, outputs))
    if not (inputs and outputs):
        return {}
    return _in_order(_by_name(inputs, outputs) or _by_shape(inputs[1:], outputs[1:]), inputs)


def given_states(inputs: Sequence[Value], outputs: Sequence[Value], given: Mapping[str, str]) -> dict[str, str]:
    """The same as a user says it, by name from input to output.

    Raises
    ------
    ValueError
        There is no such input or output, they are not of the same shape and type, or an output is named twice.
    """
    pairs: dict[str, str] = {}
    for old, new in given.items():
        before, after = _named(old, inputs, "input"), _named(new, outputs, "output")
        if not _alike(before, after):
            kinds = f"{before} of {before.dtype} and {after} of {after.dtype}"
            raise ValueError(f"the output {new!r} cannot be the next {old!r}: they are {kinds}")
        if new in pairs:
            raise ValueError(f"the output {new!r} cannot be both the next {pairs[new]!r} and the next {old!r}")
        pairs[new] = old
    return _in_order(pairs, inputs)


def _in_order(pairs: dict[str, str], inputs: Sequence[Value]) -> dict[str, str]:
    order = {value.name: place for place, value in enumerate(inputs)}
    return dict(sorted(pairs.items(), key=lambda pair: order[pair[1]]))


def _named(name: str, values: Sequence[Value], kind: str) -> Value:
    for value in values:
        if value.name == name:
            return value
    raise ValueError(f"there is no {kind} {name!r}, only {', '.join(repr(value.name) for value in values)}")


def _alike(old: Value, new: Value) -> bool:
    return old.size > 0 and (old.shape, old.dtype) == (new.shape, new.dtype)


def _by_name(inputs: Sequence[Value], outputs: Sequence[Value]) -> dict[str, str]:
    pairs: dict[Value, Value] = {}
    for without in ((), ("0",)):  # h0 becomes hn; but cache_0 and cache_1 are two
        olds = _by_key([value for value in inputs if value not in pairs.values()], without)
        news = _by_key([value for value in outputs if value not in pairs], without)
        for key in olds.keys() & news.keys():
            old, new = olds[key], news[key]
            is_signal = old is inputs[0] and new is outputs[0] and not STATES.intersection(key)
            if _alike(old, new) and not is_signal:
                pairs[new] = old
    return {new.name: old.name for new, old in pairs.items()}


def _by_key(values: Sequence[Value], without: Sequence[str]) -> dict[tuple[str, ...], Value]:
    """Values by what is left of their names; none where that is nothing, or the same for two."""
    keys = {value: _key(value.name, without) for value in values}
    counts = Counter(keys.values())
    return {key: value for value, key in keys.items() if key and counts[key] == 1}


def _key(name: str, without: Sequence[str]) -> tuple[str, ...]:
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
    kept = tuple(CELLS.get(word, word) for word in words if word not in DIRECTIONS and word not in without)
    is_number = all(word.isdigit() for word in kept)
    return () if is_number and len(kept) == len(words) else kept  # a number alone is what an exporter counts by


def _by_shape(inputs: Sequence[Value], outputs: Sequence[Value]) -> dict[str, str]:
    """In their order, where as many inputs as outputs have a shape and a type."""
    pairs: dict[str, str] = {}
    for kind in dict.fromkeys((value.shape, value.dtype) for value in inputs):
        olds, news = ([v for v in values if (v.shape, v.dtype) == kind] for values in (inputs, outputs))
        if len(olds) == len(news):
            pairs |= {new.name: old.name for old, new in zip(olds, news, strict=True) if old.size}
    return pairs
