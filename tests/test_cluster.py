"""Blocks of items over processes: what comes out is done, and what a killed process had does not come out."""

import os
import signal
import time

import pytest

from undin.cluster import Alone, Processes


def double(item: int, tell) -> int:
    tell(1.0)
    return 2 * item


def die_of_three(item: int, tell) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def refuse(item: int, tell) -> int:
    raise RuntimeError(f"{item} is a mistake of ours")


def until_told_to_end(item: int, tell) -> None:
    while True:
        time.sleep(0.01)
        tell(0.01)


@pytest.mark.parametrize("engine", [Alone(), Processes(1), Processes(3)], ids=["alone", "one", "three"])
def test_every_block_comes_out_once(engine):
    told = []
    results = list(engine(double, [[1, 2], [3], [], [4, 5, 6]], told.append))
    assert sorted(map(tuple, filter(None, results))) == [(2, 4), (6,), (8, 10, 12)]
    assert sum(told) == 6


def test_a_killed_process_costs_its_block_alone():
    results = Processes(2)(die_of_three, [[0, 1], [2, 3], *([number] for number in range(4, 12))], lambda amount: None)
    assert sorted(number for block in results for number in block) == [0, 1, *range(4, 12)]


def test_mistakes_are_raised():
    with pytest.raises(RuntimeError, match="1 is a mistake of ours"):
        list(Processes(2)(refuse, [[1]], lambda amount: None))


def test_who_stops_listening_ends_the_work():
    engine = Processes(2)
    blocks = engine(until_told_to_end, [[1], [2]], lambda amount: (_ for _ in ()).throw(KeyboardInterrupt))
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(blocks)
    assert time.monotonic() - begin < 30
