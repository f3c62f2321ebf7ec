"""The server: voices over WebSocket and recordings over HTTP, each through a `Stream`. Needs the extra ``serve``.

`voice.py` is what happens to one voice, `pool.py` the threads that enhance many at a time, `websocket.py` how a voice
comes and goes, `upload.py` a recording; `house.py` is what all of them share, `app.py` the addresses, `run.py` the
processes.
"""
