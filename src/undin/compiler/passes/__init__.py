"""What happens to a graph and to a program on the way: each pass a function, their order in ``pipeline.py``."""
