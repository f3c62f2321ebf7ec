"""How fast compiled models run on this machine: read ``measure.py`` first. The command is ``cli/bench.py``."""
