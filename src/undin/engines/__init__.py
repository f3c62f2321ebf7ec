"""What runs a model, a value of C that streams are opened on: compiled (``native.py``), or on a runtime of others
(``ort.py``, ``litert.py``)."""
