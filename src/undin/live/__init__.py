"""`undin live`: a microphone through a stream to a loudspeaker. Read `run.py` first, `path.py` next."""
