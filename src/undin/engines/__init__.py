"""What runs a model, a value of C that streams are opened on: compiled (``native.py``), ONNX Runtime (``ort.py``)."""
