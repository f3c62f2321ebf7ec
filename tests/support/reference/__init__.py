"""The stream in numpy, slow and obvious: what the C of ``src/undin/c/stream`` is held to.

Everything is computed in double precision out of whole signals, which are kept from the start, so that there is no
bookkeeping to be wrong. Read `stream.py` first.
"""
