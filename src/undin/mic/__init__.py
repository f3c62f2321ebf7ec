"""`undin mic`: a microphone without noise for every program, on Linux. Read `command.py` first, `keeper.py` next."""
