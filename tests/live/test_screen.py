"""The meter in a terminal, and the strengths that arrows go through."""

import pytest

from undin.live.path import Told
from undin.live.screen import LIMITS_DB, bar, picture, stronger

pytestmark = pytest.mark.quick

QUIET = Told(-120.0, -120.0, 0.0, 0.0, 0.0, 0, 0, 0)


def lines(told: Told, **changed) -> list[str]:
    settings = {"latencies_s": (0.01, 0.02, 0.03), "load": 0.025, "atten_lim_db": None, "bypass": False}
    return picture(told, **{**settings, "recorded_s": None, "columns": 100, **changed})


def test_arrows_go_through_all_strengths_and_stop_at_both_ends():
    for by, order in ((1, LIMITS_DB), (-1, LIMITS_DB[::-1])):
        limit = order[0]
        for following in (*order[1:], order[-1]):
            limit = stronger(limit, by)
            assert limit == following


def test_a_strength_between_two_goes_to_its_neighbours():
    assert stronger(10.0, 1) == 12 and stronger(10.0, -1) == 9 and stronger(50.0, 1) is None


@pytest.mark.parametrize("dbfs, filled", [(-120, 0), (-70, 0), (-35, 10), (0, 20), (6, 20)])
def test_a_bar_is_as_long_as_it_is_loud(dbfs, filled):
    assert bar(dbfs, 20) == "█" * filled + "·" * (20 - filled)


def test_the_meter_tells_what_is_told():
    told = QUIET._replace(
        input_dbfs=-20.0, output_dbfs=-31.0, reduction_db=11.0, queue_s=0.004, drift_ppm=-200.0, gaps=2
    )
    text = "\n".join(lines(told, bypass=True, atten_lim_db=12, recorded_s=3.9))
    for words in (
        "-20 dB",
        "-31 dB",
        "bypassed",
        "latency 64 ms: input 10, undin 20, queue 4, output 30",
        "load 2.5 %",
    ):
        assert words in text
    for words in ("gaps 2", "clocks -200 ppm apart", "at most 12 dB", "● recording 3 s"):
        assert words in text
    assert "no xrun, clocks as one" in "\n".join(lines(QUIET))


@pytest.mark.parametrize("columns", [20, 40, 80, 300])
def test_no_line_is_wider_than_the_terminal(columns):
    assert max(map(len, lines(QUIET, columns=columns))) < columns
