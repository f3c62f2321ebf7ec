"""What runs a model: a value of C that a stream is opened on. Compiled (``native.py``), or ONNX Runtime (``ort.py``)."""
