"""The compiler: a streaming network in ONNX becomes C without dependencies.

`graph` reads ONNX, `rewrite` simplifies it, `lower` turns nodes into kernel calls on strided views, `plan` places what
lies between in one arena, `emit` writes C that calls the kernels in ``c/``, `build` calls a C compiler, and `verify`
holds the result against ONNX Runtime. `docs/compiler.md` tells how a graph becomes C.
"""
