"""Which output is which input of the next run, by the names and shapes of published files."""

import numpy as np
import pytest

from undin.compiler.ir.graph import Value
from undin.compiler.ir.states import find_states, given_states


def values(text: str) -> list[Value]:
    """As ``x 1,4  rate 1:int64`` has them."""
    found = []
    for name, shape in zip(*[iter(text.split())] * 2, strict=True):
        lengths, _, dtype = shape.partition(":")
        found.append(Value(name, tuple(map(int, lengths.split(","))), np.dtype(dtype or "float32")))
    return found


CASES = {
    "of undin": ("spec 1,9  state 1,5", "enhanced 1,9  next_state 1,5", {"next_state": "state"}),
    "torch": ("x 1,8  h0 1,1,4  c0 1,1,4", "p 1,1  hn 1,1,4  cn 1,1,4", {"hn": "h0", "cn": "c0"}),
    "in another order": ("sr 1:int64  c 2,1,4  h 2,1,4", "hn 2,1,4  cn 2,1,4  y 1", {"cn": "c", "hn": "h"}),
    "camel case": ("input 1,8  state 2,1,4  sr 1:int64", "output 1,1  stateN 2,1,4", {"stateN": "state"}),
    "caches": (
        "mix 1,9,1,2  conv_cache 2,4  tra_cache 2,4",
        "enh 1,9,1,2  tra_cache_out 2,4  conv_cache_out 2,4",
        {"conv_cache_out": "conv_cache", "tra_cache_out": "tra_cache"},
    ),
    "numbers": (
        "input_1 1,3  input_2 1,4  input_3 1,4",
        "output_1 1,1  output_3 1,4  output_2 1,4",
        {"output_2": "input_2", "output_3": "input_3"},
    ),
    "numbers of a signal": ("input_1 1,3  input_2 1,3", "output_1 1,3  output_2 1,3", {"output_2": "input_2"}),
    "numbered caches": (
        "x 1  cache_0 1,4  cache_1 1,4",
        "y 1  new_cache_1 1,4  new_cache_0 1,4",
        {"new_cache_0": "cache_0", "new_cache_1": "cache_1"},
    ),
    "an input that is handed out": ("x 1,4  z 1,4", "y 1,4  z 1,4", {}),
    "past and present": ("x 1  past.key 1,4", "y 1  present.key 1,4", {"present.key": "past.key"}),
    "a state first": ("h 1,4  x 1,4", "h_new 1,4  y 1,4", {"h_new": "h"}),
    "by shape": ("input_3 1,9  input_4 1,2,4", "activation_2 1,9  stack_2 1,2,4", {"stack_2": "input_4"}),
    "by shape, in another order": ("x 1,4  h 1,3  c 2", "y 1,4  j 2  i 1,3", {"i": "h", "j": "c"}),
    "by shape, in order": ("in.1 1,4  a 1,3  b 1,3", "12 1,4  30 1,3  31 1,3", {"30": "a", "31": "b"}),
    "names before shapes": ("re 1,9  im 1,9  h0 1,4", "a 1,9  b 1,9  hn 1,4", {"hn": "h0"}),
    "signals alone": ("x 1,9", "x_out 1,9", {}),
    "one too many": ("x 1,9  a 1,3  b 1,3", "y 1,9  c 1,3", {}),
    "another type": ("x 1,9  h 1,3:int64", "y 1,9  hn 1,3", {}),
    "another shape": ("x 1,9  h 1,3", "y 1,9  hn 3,1", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_states_are_found(case):
    inputs, outputs, pairs = CASES[case]
    assert find_states(values(inputs), values(outputs)) == pairs


def test_states_that_are_given():
    inputs, outputs = values("x 1,9  h 1,3  c 1,3  rate 1:int64"), values("y 1,9  hn 1,3  cn 1,3")
    assert list(given_states(inputs, outputs, {"c": "hn", "h": "cn"}).items()) == [("cn", "h"), ("hn", "c")]
    refused = {
        "there is no input 'k', only 'x', 'h', 'c', 'rate'": {"k": "hn"},
        "there is no output 'h', only 'y', 'hn', 'cn'": {"h": "h"},
        r"the output 'y' cannot be the next 'h': they are h \(1, 3\) of float32 and y \(1, 9\) of float32": {"h": "y"},
        "the output 'hn' cannot be both the next 'h' and the next 'c'": {"h": "hn", "c": "hn"},
    }
    for message, pairs in refused.items():
        with pytest.raises(ValueError, match=message):
            given_states(inputs, outputs, pairs)
