"""ONNX to C, for anything with a C compiler. Read ``pipeline.py`` first: it is the order of the folders.

``ir/`` reads ONNX into a small typed graph, ``passes/`` make it simple, ``lower/`` turns nodes into kernel calls on
strided views, ``emit/`` writes C that calls the kernels in ``c/``, ``toolchain/`` calls a C compiler, and ``verify.py``
holds the result against ONNX Runtime. How to use it is told in docs/compiler.md.
"""
