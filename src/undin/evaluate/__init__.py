"""Scores of enhanced speech: one pair in `metrics.py`, whole folders in `score.py`, tables of them in `report.py`."""
