"""A corpus enhanced: each audio file of a folder, a manifest or object storage, and a table of what became of it.

Which files there are is `listing.py`, what is done to one of them `work.py`, to all of them `run.py`; how the work is
spread is `undin.cluster`. The command is `cli/batch.py`.
"""
